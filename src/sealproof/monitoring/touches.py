"""Which touches of canaries stand in a tenant's audit log, and whether each was told to somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import UnknownTenant
from sealproof.monitoring.canaries import QUIET_S
from sealproof.monitoring.delivery import ALERT
from sealproof.vault.audit.interface import Outcome
from sealproof.vault.audit.recent import every, who_is_who
from sealproof.vault.calls import INTENT
from sealproof.vault.canaries import TOUCHES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealproof.vault.audit.lines import Entry
    from sealproof.vault.canaries import Canary

_MS = 1000
_SIGNS = TOUCHES | {ALERT + INTENT}
"""A command that opens the file with the key leaves no record of a read, and an intent to tell all the same."""


class Touch(NamedTuple):
    """One request for a canary."""

    canary: Canary
    sequence: int
    """Of its first record in the log."""
    at: int
    """Unix milliseconds."""
    actor: str
    """A name where it can be resolved, else the log's pseudonym."""
    is_told: bool
    """Whether every sink took an alert of it, or of the same actor at the same canary shortly before."""


def touches(root: str, tenant: str, canaries: Sequence[Canary], *, within_s: float) -> list[Touch]:
    """Return every touch since each canary was listed, oldest first; an alert counts within `within_s` of its touch.

    Raises AuditLogBroken, UnsafeFile, MalformedFile, FileUnavailable. A tenant without a log has none.
    """
    known = who_is_who(root, tenant, [one.name for one in canaries])
    by_place = {(f"{tenant}/{one.environment}", one.name): one for one in canaries}
    signs: dict[str, tuple[Canary, Entry]] = {}
    told: dict[tuple[Canary, str], list[int]] = {}
    try:
        for entry in every(root, tenant):
            canary = by_place.get((entry.scope, known.get(entry.secret, "")))
            if canary is None or entry.at < canary.since * _MS:
                continue
            if entry.operation in _SIGNS:
                signs.setdefault(entry.request, (canary, entry))
            elif entry.operation == ALERT and entry.outcome == Outcome.ALLOW.value:
                told.setdefault((canary, entry.actor), []).append(entry.at)
    except UnknownTenant:
        return []
    return [
        Touch(
            canary,
            one.sequence,
            one.at,
            known.get(one.actor, one.actor),
            _is_near(told.get((canary, one.actor), ()), one.at, within_s),
        )
        for canary, one in signs.values()
    ]


def _is_near(told: Sequence[int], at: int, within_s: float) -> bool:
    return any(at - QUIET_S * _MS <= when <= at + within_s * _MS for when in told)
