"""How the new credential serves those who use it. Pure: from consumers' words to go on, wait or go back."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sealproof.rotation.register import Acknowledgement


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
) -> Verdict:
    """Judge the new credential of `name` by the words of the consumers `among` which it is."""
    uses = {word.consumer: use for word in words for use in word.uses if (use.name, use.rotation) == (name, rotation)}
    failed = {consumer: use.failed for consumer, use in sorted(uses.items()) if use.failed}
    if sum(failed.values()) > gate.failures:
        told = ", ".join(f"{consumer} ({count})" for consumer, count in failed.items())
        return Verdict(Judgement.BAD, f"the target refused the new credential of {told}")
    if elapsed_s < gate.soak_s:
        return Verdict(Judgement.WAIT, f"watched for {gate.soak_s:g} s")
    used = sorted(consumer for consumer, use in uses.items() if use.ok and consumer in among)
    needed = min(gate.users, len(among))
    if len(used) >= needed:
        return Verdict(Judgement.GOOD, f"used by {', '.join(used) or 'nobody'}, refused {sum(failed.values())} times")
    if elapsed_s < gate.patience_s:
        return Verdict(Judgement.WAIT, f"used by {len(used)} of the {needed} consumers that must have used it")
    return Verdict(Judgement.BAD, f"only {len(used)} of {needed} consumers used it in {gate.patience_s:g} s")
