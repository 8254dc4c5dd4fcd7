"""What the signed audit log says of how a new credential served: the second witness, beside the consumers' own words.

Consumers record what they say (`consumers`), in batches and under the rotation's id. Whoever holds a data key can write
a consumer's word, but only who holds the log's key can write here, and nobody can take a line back once its epoch is
over. So a watched step passes on what both say; the whole log is verified each time before any of it counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import AuditLogBroken, KeyMissing, UnknownTenant
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.interface import Established, Outcome
from sealproof.vault.audit.lines import read_record
from sealproof.vault.audit.recent import who_is_who
from sealproof.vault.audit.verify import verify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.vault.audit.lines import Entry

USED, REFUSED, ACKNOWLEDGED = "rotation.used", "rotation.refused", "rotation.acknowledge"
"""Operations of the records: log-ins that worked or were refused (`count`, since this consumer's record before, under
the rotation's id as the request), and a `generation` of the file that was taken up."""


class Evidence(NamedTuple):
    """What the log proves of one rotation."""

    used: Mapping[str, int]
    """Log-ins that worked with the new credential, by consumer."""
    refused: Mapping[str, int]
    broken: str = ""
    """Why the log proves nothing; empty where it verifies."""


def evidence_of(root: str, tenant: str, environment: str, *, name: str, rotation: str) -> Evidence:
    """Return what the tenant's log says of a rotation of `name`, after verifying all of it.

    A log that was never begun says nothing. Raises UnsafeFile, MalformedFile, FileUnavailable: nobody knows then.
    """
    mark = f'"rid":"{rotation}"'.encode()
    found: dict[int, Entry] = {}

    def taken(_: str, lines: list[bytes]) -> None:
        entries = [read_record(line) for line in lines if mark in line]
        found.update({entry.sequence: entry for entry in entries})

    try:
        verify(root, tenant, pinned_key(root, tenant), taken=taken)
    except (KeyMissing, UnknownTenant):
        return Evidence({}, {})
    except AuditLogBroken as exc:
        return Evidence({}, {}, exc.message)
    names = who_is_who(root, tenant, (name,))
    about = [one for one in found.values() if one.scope == f"{tenant}/{environment}" and names.get(one.secret) == name]
    return Evidence(_counted(about, USED, Outcome.ALLOW, names), _counted(about, REFUSED, Outcome.ERROR, names))


def _counted(entries: list[Entry], operation: str, outcome: Outcome, names: Mapping[str, str]) -> dict[str, int]:
    """Return the sum of what each consumer recorded; one that was erased from the log meanwhile is nobody."""
    counts: dict[str, int] = {}
    for entry in entries:
        consumer = names.get(entry.actor)
        told = (entry.operation, entry.outcome, entry.established)
        if consumer is not None and told == (operation, outcome.value, Established.CLAIMED.value):
            counts[consumer] = counts.get(consumer, 0) + entry.numbers.get("count", 0)
    return counts
