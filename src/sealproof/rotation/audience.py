"""Those who use a credential, as one rotation sees them: whom it waits for, and what their use says of the new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import RotationRefused
from sealproof.rotation import strategies
from sealproof.rotation.audited import evidence_of
from sealproof.rotation.register import Register
from sealproof.rotation.states import Pause
from sealproof.rotation.strategies import Strategy
from sealproof.rotation.verdict import Gate, Judgement, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sealproof.envelope.open import Unlocked
    from sealproof.rotation.audited import Evidence
    from sealproof.rotation.plan import Plan
    from sealproof.rotation.rollout import Rollout
    from sealproof.rotation.shelf import Shelf
    from sealproof.rotation.words import RollCall

_CANARIES_MAX = 64
_NAMED_MAX = 5  # consumers that a sentence names


class Audience:
    """The consumers of one tenant's environment, during the rotation of one secret."""

    def __init__(self, shelf: Shelf, name: str, rotation: str, plan: Plan, *, clock: Callable[[], float]) -> None:
        self._shelf = shelf
        self._name = name
        self._rotation = rotation
        self._plan = plan
        self._clock = clock
        self._register = Register(shelf.root, shelf.tenant, shelf.environment)

    def __repr__(self) -> str:
        return f"Audience({self._shelf!r}, {self._name})"

    def call(self, unlocked: Unlocked) -> RollCall:
        """Return everybody's newest word, and who left."""
        return self._register.call(unlocked, now=self._clock())

    def judge(self, called: RollCall, rollout: Rollout) -> Verdict:
        """Judge a watched step by the words; where they would pass, by the whole audit log as well.

        A plan with `audited = false` does without the log.
        """
        concerned = called.concerned(rollout.generation)
        among = rollout.canaries or [consumer for consumer in concerned if rollout.uses_new(consumer)]
        elapsed = self._clock() - rollout.since
        verdict = self._judged(called, among, elapsed, self._plan.gate, None)
        if verdict.judgement is not Judgement.GOOD or not self._plan.audited:
            return verdict
        return self._judged(called, among, elapsed, self._plan.gate, self._evidence())

    def refusals(self, called: RollCall, *, is_last: bool, problems: list[str]) -> Verdict:
        """Judge by refusals alone; the last time by those that only the audit log remembers, too.

        A log that does not verify is a problem and stops nothing here: a new credential is most needed after a
        break-in.
        """
        audited = self._evidence() if is_last and self._plan.audited else None
        if audited is not None and audited.broken:
            problems.append(f"refusals in the audit log were not counted: {audited.broken}")
            audited = None
        return self._judged(called, (), 0, Gate(self._plan.failures, 0, 0, 0), audited)

    def watched_until(self, rollout: Rollout) -> float:
        """Return when a watched step is judged at the latest: after the soak, or with what is known by then."""
        gate = self._plan.gate
        soaked = rollout.since + gate.soak_s
        return soaked if self._clock() < soaked else rollout.since + gate.patience_s

    def followed(self, called: RollCall, rollout: Rollout) -> Pause | None:
        """Return the wait for whom or what; None where everybody has followed `rollout`, and had time to end things.

        A consumer that has just read the file may be in the middle of something with the value that it had before.
        """
        now = self._clock()
        least_s = self._plan.grace_s + self._plan.target.capabilities().life_s
        patience = rollout.since + max(self._plan.patience_s, least_s)
        lagging = called.lagging(rollout.generation)
        if lagging and now < patience:
            return Pause(now + self._plan.poll_s, f"for the acknowledgement of {listed(lagging)}", patience)
        last = max((word.at for word in called.words if word.generation >= rollout.generation), default=rollout.since)
        ends = min(max(last, rollout.since) + least_s, patience)
        return Pause(ends, "until sessions of the old value are gone", ends) if now < ends else None

    def forget_departed(self) -> None:
        """Remove what processes left behind that are over."""
        self._register.forget_departed(now=self._clock())

    def _judged(
        self, called: RollCall, among: Collection[str], elapsed_s: float, gate: Gate, audited: Evidence | None
    ) -> Verdict:
        return judge(
            called.words, name=self._name, rotation=self._rotation, among=among, elapsed_s=elapsed_s, gate=gate,
            audited=audited,
        )  # fmt: skip

    def _evidence(self) -> Evidence:
        shelf = self._shelf
        return evidence_of(shelf.root, shelf.tenant, shelf.environment, name=self._name, rotation=self._rotation)


def listed(names: Sequence[object]) -> str:
    """Return the first few of `names` in one text, and how many there are besides."""
    more = len(names) - _NAMED_MAX
    return ", ".join(map(str, names[:_NAMED_MAX])) + (f" and {more} more" if more > 0 else "")


def check_canaries(strategy: Strategy, plan: Plan, called: RollCall) -> list[str]:
    """Return the canaries of a rotation that is about to begin; none for other strategies. Raises RotationRefused."""
    if strategy is not Strategy.CANARY:
        return []
    gone = {one.consumer for one in called.departed}
    there = [word.consumer for word in called.words if word.consumer not in gone]
    chosen = strategies.canary_set(plan.canaries, plan.canary_count, there)
    if len(chosen) > _CANARIES_MAX:
        message = f"{len(chosen)} canaries are too many"
        raise RotationRefused(message, hint=f"at most {_CANARIES_MAX}; or --strategy gradual")
    return list(chosen)
