"""One tenant's environment as checks see it: read once, opened once, then shared by all of them."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from sealproof.envelope.parse import Envelope, parse
from sealproof.errors import KeyMissing, SealproofError
from sealproof.loader.files import open_root
from sealproof.loader.keys import find_keys
from sealproof.loader.tenant import Place, file_name, open_tenant
from sealproof.vault import manifest

if TYPE_CHECKING:
    from sealproof.checks.target import Target
    from sealproof.envelope.keyfile import KeyLine
    from sealproof.findings import Scope
    from sealproof.vault.manifest import Entry, SecretClass


class NoEvidence(SealproofError):
    """The evidence a check needs is missing or unreadable: the check is not evaluated."""


class TenantView:
    """Bytes, public parts, values and manifest of one scope, each had once. Values never leave memory."""

    def __init__(self, target: Target, scope: Scope) -> None:
        self.target = target
        self.scope = scope

    def __repr__(self) -> str:
        return f"TenantView({self.scope})"

    @property
    def path(self) -> str:
        """Return the sealed file's path below the store's root."""
        return f"tenants/{self.scope.tenant}/{file_name(self.scope.environment)}"

    def resource(self, name: str) -> str:
        """Return how findings point at one secret."""
        return f"{self.scope.tenant}/{self.scope.environment}/{name}"

    @cached_property
    def sealed(self) -> bytes:
        """Return the sealed file. Raises NoEvidence if it cannot be read."""
        try:
            data = self.target.custodian.store.read(self.scope.tenant, self.scope.environment)
        except SealproofError as exc:
            raise NoEvidence(f"{self.path} cannot be read: {exc.message}", hint=exc.hint) from exc
        if data is None:
            hint = f"sealproof seal {self.scope.tenant} --environment {self.scope.environment} FILE"
            raise NoEvidence(f"{self.path} is not there", hint=hint)
        return data

    @cached_property
    def envelope(self) -> Envelope:
        """Return the public parts. Raises NoEvidence if they do not parse (SEC-001 says why)."""
        try:
            return parse(self.sealed)
        except SealproofError as exc:
            raise NoEvidence(f"{self.path} does not parse: {exc.message}", hint=exc.hint) from exc

    @cached_property
    def keys(self) -> tuple[KeyLine, ...]:
        """Return the key lines for this scope, from wherever the loader would take them. Raises NoEvidence."""
        try:
            with open_root(self.target.root) as root:
                return find_keys(root, self.scope.tenant, self.scope.environment)
        except SealproofError as exc:
            hint = exc.hint
            if isinstance(exc, KeyMissing) and not os.path.lexists(os.path.join(self.target.root, "keys")):
                hint = f"run this where the store's keys are kept, or {exc.hint}"
            raise NoEvidence(f"no usable key for {self.scope}: {exc.message}", hint=hint) from exc

    @cached_property
    def values(self) -> dict[str, bytes]:
        """Return every value by name, rotation suffixes included. Raises NoEvidence if the file does not open."""
        place = Place(self.scope.tenant, self.scope.environment, self.target.root)
        try:
            with open_root(self.target.root) as root:
                return open_tenant(place, root, keys=self.keys).unlocked.values()
        except NoEvidence:
            raise
        except SealproofError as exc:
            raise NoEvidence(f"{self.path} does not open: {exc.message}", hint=exc.hint) from exc

    @cached_property
    def manifest(self) -> dict[str, Entry]:
        """Return the tenant's manifest entries; none where there is no file. Raises NoEvidence."""
        path = f"tenants/{self.scope.tenant}/{manifest.FILE_NAME}"
        try:
            text = self.target.custodian.store.read_beside(
                self.scope.tenant, manifest.FILE_NAME, limit=manifest.MANIFEST_MAX
            )
            return {} if text is None else manifest.parse(text, path=path)
        except SealproofError as exc:
            raise NoEvidence(f"{path} cannot be read: {exc.message}", hint=exc.hint) from exc

    def kind(self, name: str) -> SecretClass:
        """Return a secret's class: from the manifest, else guessed from its name."""
        entry = self.manifest.get(name)
        return (entry.kind if entry else None) or manifest.classify(name)
