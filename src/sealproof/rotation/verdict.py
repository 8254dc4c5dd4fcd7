"""How the new credential serves those who use it. Pure: from words and audit log to go on, wait or go back.

Bad news counts from either. Good news counts from both together: a use that a consumer claims, and of which the log has
no record, is none.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sealproof.rotation.audited import Evidence
    from sealproof.rotation.words import Acknowledgement


class Judgement(Enum):
    """What to do."""

    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"


class Verdict(NamedTuple):
    """What to do, and why."""

    judgement: Judgement
    why: str


class Gate(NamedTuple):
    """What a step asks for before the next one may come."""

    failures: int
    """Refused log-ins with the new credential that are still accepted, over all consumers."""
    users: int
    """Consumers that must have used it; fewer where the step has fewer."""
    soak_s: float
    """Seconds to watch at least."""
    patience_s: float
    """Seconds after which a credential that too few have used is called bad: nothing is known of it."""


def judge(
    words: Iterable[Acknowledgement],
    *,
    name: str,
    rotation: str,
    among: Collection[str],
    elapsed_s: float,
    gate: Gate,
    audited: Evidence | None = None,
) -> Verdict:
    """Judge the new credential of `name` by the words of the consumers `among` which it is.

    `audited` is what the audit log says; None takes the words alone.
    """
    uses = {word.consumer: use for word in words for use in word.uses if (use.name, use.rotation) == (name, rotation)}
    failed = _failed({consumer: use.failed for consumer, use in uses.items()}, audited)
    if sum(failed.values()) > gate.failures:
        told = ", ".join(f"{consumer} ({count})" for consumer, count in failed.items())
        return Verdict(Judgement.BAD, f"the target refused the new credential of {told}")
    if audited is not None and audited.broken:
        return Verdict(Judgement.BAD, f"nobody's use is proved, since the audit log does not verify: {audited.broken}")
    if elapsed_s < gate.soak_s:
        return Verdict(Judgement.WAIT, f"watched for {gate.soak_s:g} s")
    claimed = sorted(consumer for consumer, use in uses.items() if use.ok and consumer in among)
    used = [consumer for consumer in claimed if audited is None or audited.used.get(consumer)]
    unproved = [consumer for consumer in claimed if consumer not in used]
    needed = min(gate.users, len(among))
    if len(used) >= needed:
        by = f"used by {', '.join(used) or 'nobody'}{_by_what(audited) if used else ''}"
        return Verdict(Judgement.GOOD, f"{by}, refused {sum(failed.values())} times")
    but = f"; {', '.join(unproved)} said so, and the audit log has no record of it" if unproved else ""
    if elapsed_s < gate.patience_s:
        return Verdict(Judgement.WAIT, f"used by {len(used)} of the {needed} consumers that must have used it{but}")
    return Verdict(Judgement.BAD, f"only {len(used)} of {needed} consumers used it in {gate.patience_s:g} s{but}")


def _failed(told: dict[str, int], audited: Evidence | None) -> dict[str, int]:
    """Return the refusals of each consumer: a word forgets them when its process ends, the log does not."""
    recorded = audited.refused if audited is not None else {}
    counts = {one: max(told.get(one, 0), recorded.get(one, 0)) for one in sorted({*told, *recorded})}
    return {consumer: count for consumer, count in counts.items() if count}


def _by_what(audited: Evidence | None) -> str:
    return " by their word alone" if audited is None else " by their word and by the audit log"
