"""What a check is given: its declaration, its scope, limits, evidence and a place for scratch copies."""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING, Self

from sealproof.checks.tenant import NoEvidence, TenantView
from sealproof.findings import Input
from sealproof.signing import sha256

if TYPE_CHECKING:
    from types import TracebackType

    from sealproof.checks.survey import Survey
    from sealproof.checks.target import Target
    from sealproof.compliance.catalogue import Check
    from sealproof.findings import Scope

__all__ = ["Context", "NoEvidence"]


class Context:
    """One check over one scope. A context manager: leaving it removes the scratch directories."""

    def __init__(self, check: Check, scope: Scope, target: Target, view: TenantView | None, survey: Survey) -> None:
        self.check = check
        self.scope = scope
        self.target = target
        self.survey = survey
        """What was learnt over all tenants at once: which values and keys stand in two places."""
        self._view = view
        self._profile = target.profile(scope)
        self._inputs: dict[str, Input] = {}
        self._parameters: dict[str, str] = {}
        self._scratch: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for directory in self._scratch:
            shutil.rmtree(directory, ignore_errors=True)

    @property
    def now(self) -> int:
        """Return the time to judge ages by, in unix seconds."""
        return self.target.now

    @property
    def tenant(self) -> TenantView:
        """Return the tenant's environment that this check looks at. Store-wide checks have none."""
        if self._view is None:
            message = f"{self.check.id} runs over the whole store"
            raise AssertionError(message)
        return self._view

    def every_tenant(self) -> list[TenantView]:
        """Return a view of every scope, for store-wide checks; one is held open at a time."""
        return [TenantView(self.target, scope) for scope in self.target.scopes]

    def limit(self, parameter: str) -> int:
        """Return a parameter of the active profile; the result records that it was used."""
        value = self._profile.parameters[parameter]
        self._parameters[parameter] = str(value)
        return value

    def allowed(self, what: str) -> tuple[str, ...]:
        """Return the profile's list of `formats` or `algorithms`; the result records it."""
        values: tuple[str, ...] = self._profile.formats if what == "formats" else self._profile.algorithms
        self._parameters[what] = ", ".join(values)
        return values

    @property
    def keys_beside_store(self) -> str:
        """Return whether `keys/` may lie under the store's own root: `allowed` or `forbidden`."""
        self._parameters["keys_beside_store"] = self._profile.keys_beside_store
        return self._profile.keys_beside_store

    def saw(self, name: str, data: bytes) -> None:
        """Record a public input: ciphertext or public bytes only, never a value."""
        self._inputs[name] = Input(name, sha256(data).hex())

    def scratch(self) -> str:
        """Return a new private directory that is removed when the check ends."""
        self._scratch.append(tempfile.mkdtemp(prefix="sealproof-check-"))
        return self._scratch[-1]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Return what was recorded, sorted by name."""
        return tuple(self._inputs[name] for name in sorted(self._inputs))

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """Return the parameters that were used, sorted by name."""
        return tuple(sorted(self._parameters.items()))

    @property
    def optional_reason(self) -> str:
        """Return why the profile makes this check optional, or an empty string."""
        return self._profile.optional.get(self.check.id, "")
