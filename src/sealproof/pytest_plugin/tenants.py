"""`tenant_environment`: a tenant in the process environment for one test, restored exactly."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from sealproof.checks.target import Target, TargetSpec
from sealproof.checks.tenant import TenantView
from sealproof.findings import Scope
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.tenant import Place
from sealproof.pytest_plugin.choices import store_root
from sealproof.pytest_plugin.watched import watch
from sealproof.vault.manifest import SecretClass

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    import pytest

    from sealproof.loader.context import PlainReader


class LoadedTenant:
    """A tenant that is in the process environment; the end of a `with` block takes it out again."""

    def __init__(self, place: Place, allow: Iterable[str]) -> None:
        self.tenant, self.environment, self.root = place.tenant, place.environment, place.root
        self._stack = ExitStack()
        loader = DevelopmentSecretLoader(place.tenant, environment=place.environment, root=place.root)
        self._reader: PlainReader = self._stack.enter_context(loader.secure_context(allow=allow))

    def __repr__(self) -> str:
        return f"LoadedTenant({self.tenant}/{self.environment})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get_secret(self, name: str) -> str:
        """Return the value of `name`. Raises UnknownSecret, CallerError after the end."""
        return self._reader.get_secret(name)

    def list_secrets(self) -> list[str]:
        """Return the names, sorted. Raises CallerError after the end."""
        return self._reader.list_secrets()

    def close(self) -> None:
        """Restore the environment exactly, and wipe the buffers. Safe to repeat."""
        self._stack.close()


class TenantEnvironment:
    """Loads tenants for one test, one at a time."""

    def __init__(self, node: pytest.Item) -> None:
        self._node = node
        self._stack = ExitStack()

    def __repr__(self) -> str:
        return "TenantEnvironment()"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(
        self,
        tenant: str | None = None,
        *,
        environment: str | None = None,
        root: str | os.PathLike[str] | None = None,
        allow: Iterable[str] = (),
    ) -> LoadedTenant:
        """Load a tenant until the test, or a `with` block around the call, ends.

        `root` is the gate's store unless another is named. `allow` names the dangerous variables that may be set.

        Raises what opening a tenant raises, and AnotherTenantLoaded while one is loaded.
        """
        config = self._node.config
        place = Place(tenant, environment, root or config.invocation_params.dir / store_root(config))
        loaded = self._stack.enter_context(LoadedTenant(place, allow))
        watch(self._node, _guarded(place, loaded))
        return loaded


def _guarded(place: Place, loaded: LoadedTenant) -> dict[str, str]:
    """Return the values that must not show: all but what the manifest classes as configuration."""
    view = TenantView(Target(TargetSpec(place.root)), Scope(place.tenant, place.environment))
    names = [name for name in loaded.list_secrets() if view.kind(name) is not SecretClass.CONFIG]
    return {f"{place.tenant}/{place.environment}/{name}": loaded.get_secret(name) for name in names}
