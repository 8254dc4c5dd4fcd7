"""`sealed_store`: a store that lives as long as one test, each secret in it a canary."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from sealproof.checks.scratch import ENVIRONMENT, ScratchStore
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.keys import key_was_handed_over
from sealproof.pytest_plugin.watched import watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from sealproof.loader.context import PlainReader

_OTHER_STORES = (
    "CREDENTIALS_DIRECTORY",
    "MASTER_SECRET_KEY",
    "SEALPROOF_KEY",
    "SEALPROOF_KEY_FD",
    "SEALPROOF_KEY_FILE",
    "SEALPROOF_MIN_GENERATION",
    "SEALPROOF_STATE",
)


class Canaries(dict[str, str]):
    """One tenant's canaries by name. `repr` shows the names."""

    def __repr__(self) -> str:
        return f"Canaries({', '.join(self)})"


class SealedStore:
    """A store to break. Hand `root` to whatever is under test."""

    def __init__(self, scratch: ScratchStore, readers: ExitStack) -> None:
        self.root = scratch.root
        """The store's directory, as `root=` and SEALPROOF_ROOT take it."""
        self.tenants = tuple(scratch.canaries)
        self.environment = ENVIRONMENT
        self.canaries = {tenant: Canaries(values) for tenant, values in scratch.canaries.items()}
        """Every secret's value, by tenant and name."""
        self._scratch = scratch
        self._readers = readers

    def __repr__(self) -> str:
        return f"SealedStore({len(self.tenants)} tenants)"

    def path(self, tenant: str) -> str:
        """Return the path of a tenant's sealed file."""
        return self._scratch.path(tenant)

    def reader(self, tenant: str) -> PlainReader:
        """Open a tenant until the test ends, and leave the process environment alone."""
        loader = DevelopmentSecretLoader(tenant, environment=ENVIRONMENT, root=self.root)
        return self._readers.enter_context(loader.secure_context(environ=False))

    def export_keys(self) -> str:
        """Write a key file for all tenants beside the store, and return its path."""
        path = os.path.join(os.path.dirname(self.root), "tenants.key")
        parts = []
        for tenant in self.tenants:
            with open(self._scratch.export_key(tenant), "rb") as file:
                parts.append(file.read())
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(b"".join(parts))
        return path


@contextmanager
def sealed(node: pytest.Item, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SealedStore]:
    """Make a store below `tmp_path`, and watch its canaries until the test ends."""
    for variable in _OTHER_STORES:
        monkeypatch.delenv(variable, raising=False)
    directory = tmp_path / "sealed-store"
    directory.mkdir(mode=0o700)
    scratch = ScratchStore(str(directory))
    with ExitStack() as readers:
        store = SealedStore(scratch, readers)
        if key_was_handed_over():  # to this process, for another store, and for good
            monkeypatch.setenv("SEALPROOF_KEY_FILE", store.export_keys())
        for tenant, values in store.canaries.items():
            watch(node, {f"{tenant}/{name}": value for name, value in values.items()})
        yield store
