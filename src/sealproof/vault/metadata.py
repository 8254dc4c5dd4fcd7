"""What is known of a secret without its value: name, versions and ages from the file, the rest from the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import PENDING, PREVIOUS

if TYPE_CHECKING:
    from sealproof.envelope.parse import Envelope
    from sealproof.vault.manifest import Entry, SecretClass

DAY = 86_400  # seconds
ALGORITHM = "AES-256-GCM"  # the format has no other (`docs/format.md`)


@dataclass(frozen=True, slots=True)
class SecretMetadata:
    """One secret, without its value. Fields from the manifest are empty or None where it says nothing."""

    name: str
    tenant_id: str
    environment: str
    version: int
    updated: int
    """When this version was sealed, in unix seconds."""
    generation: int
    """The file's."""
    key_epoch: int
    """The epoch of the tenant key that the file is sealed under."""
    algorithm: str
    owner: str
    kind: SecretClass | None
    purpose: str
    rotation_days: int | None
    """0 means none, for the reason that the manifest gives."""
    rotation_reason: str
    expires: str
    """A date as YYYY-MM-DD, or `never`."""

    def age_days(self, now: float) -> int:
        """Return the whole days since this version was sealed; `now` is unix seconds."""
        return max(int(now) - self.updated, 0) // DAY

    def rotation_is_due(self, now: float) -> bool:
        """Tell whether the version is older than its rotation allows."""
        return bool(self.rotation_days) and int(now) - self.updated > (self.rotation_days or 0) * DAY


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version that the file holds. Older ones are in version control and backups."""

    name: str
    stage: str
    """`current`, `pending` (a rotation under way has made it) or `previous` (still within its grace)."""
    version: int
    updated: int
    """Unix seconds."""


def metadata_of(envelope: Envelope, name: str, entry: Entry | None) -> SecretMetadata:
    """Return what is known of a secret that the file has; `entry` is the manifest's."""
    sealed = next(sealed for sealed in envelope.entries if sealed.name == name)
    return SecretMetadata(
        name,
        envelope.tenant,
        envelope.environment,
        int(sealed.version),
        int(sealed.updated),
        envelope.generation,
        envelope.epoch,
        ALGORITHM,
        entry.owner if entry else "",
        entry.kind if entry else None,
        entry.purpose if entry else "",
        entry.rotation if entry else None,
        entry.reason if entry else "",
        entry.expires if entry else "",
    )


def versions_of(envelope: Envelope, name: str) -> list[SecretVersion]:
    """Return the versions of a secret that the file holds, the current one first."""
    stages = {name: "current", name + PENDING: "pending", name + PREVIOUS: "previous"}
    found = {entry.name: entry for entry in envelope.entries if entry.name in stages}
    return [
        SecretVersion(name, stage, int(found[entry].version), int(found[entry].updated))
        for entry, stage in stages.items()
        if entry in found
    ]
