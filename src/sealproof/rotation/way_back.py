"""What is done where a rotation goes back: consumers return to the old value, then the target ends the new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import TargetRefused, UnknownSecret
from sealproof.rotation.ground import OVERLAP, Ground, Step
from sealproof.rotation.rollout import Stage
from sealproof.rotation.states import Pause, State, effective_state

if TYPE_CHECKING:
    from sealproof.rotation.rollout import Rollout
    from sealproof.rotation.shelf import Seen
    from sealproof.vault.journal.entry import Fact


class WayBack(Ground):
    """The side effects of a rotation that is given up or has failed."""

    def abandoned(self) -> Step:
        """Give up without the target: consumers return to the old value, and what could not be ended is kept.

        The next rotation ends it at the target before it seals anything new.
        """
        if not effective_state(self._operation).may_turn_back:
            return Step(State.DONE, {"why": "abandoned before the target had ended the old value", "unrevoked": True})
        reason = "abandoned; the target was not told"
        try:
            seen = self._look()
        except UnknownSecret:
            self._shelf.clear(self._name)
            reason = f"abandoned; {self._name} was removed meanwhile, and what its target accepts is to be ended there"
            return Step(State.ROLLED_BACK, {"reason": reason})
        if self._is_overwritten(seen):
            return self._let_go("abandoned")
        if self._is_ours(seen.rollout):
            self._shelf.withdraw(self._name, self._rollout(Stage.WITHDRAWN))
        return Step(State.ROLLED_BACK, {"reason": reason, "unrevoked": True})

    def is_the_way_back_gone(self) -> bool:
        """Tell whether a person has ended the old value by making the new one, which is at hand here.

        Adds to `problems` what only that person can put in order. Raises TargetUnavailable.
        """
        if not self._capabilities.manual:
            return False
        seen = self._look()
        ours, where = self._is_ours(seen.rollout), self._target.describe()
        old, new = seen.previous if ours else None, seen.pending or seen.current if ours else None
        if new is None:
            self.problems.append(f"what was made {where}, and was not handed over, is to be ended there")
        if self._target.is_effective(old or seen.current):
            return False
        if new is not None and self._target.is_effective(new):
            self.problems.append(f"the old value of {self._name} works no longer, so the rotation went on to its end")
            return True
        self.problems.append(f"{self._name} works no longer: rotate it and hand over the value that does, with --paste")
        return False

    def _rolling_back(self) -> Step | Pause:
        seen = self._look()
        why = self._operation.text("why") or "asked for"
        rollout = seen.rollout
        left: dict[str, Fact] = {}
        if not self._is_ours(rollout) or rollout is None:
            return Step(State.ROLLED_BACK, {"reason": why})
        if self._is_overwritten(seen):
            return self._let_go(why)
        if rollout.stage in (Stage.SHARED, Stage.GRACE):
            self._shelf.withdraw(self._name, self._rollout(Stage.WITHDRAWN))
            self._operation.reached("rolling-back:withdrawn")
            return self._rolling_back()
        if rollout.stage is Stage.WITHDRAWN and self._capabilities.overlap >= OVERLAP:
            called = self._audience.call(seen.unlocked)
            waiting = self._audience.followed(called, rollout)
            if waiting is not None:
                return waiting
            left = self._departed(called)
        stuck = self._end_new(seen, rollout, why)
        if stuck is not None:
            return stuck
        self._shelf.clear(self._name)
        return Step(State.ROLLED_BACK, {"reason": why} | left)

    def _end_new(self, seen: Seen, rollout: Rollout, why: str) -> Step | None:
        """Have the target accept the old value and no longer the new one; a step where a person has to."""
        new = seen.pending
        try:
            self._put_old_back(seen)
            if new is None or not (self._operation.has(State.SET.value) or self._is_by_hand()):
                return None
            if rollout.stage is Stage.WITHDRAWN:
                self._target.test(seen.current)
            self._target.revoke(new, current=seen.current)
            self._operation.reached("rolling-back:ended")
            if self._capabilities.verifiable and self._target.is_effective(new):
                return self._still_opens("new", State.ROLLING_BACK)
        except TargetRefused as exc:
            return self._stuck(f"rolling back ({why}): {exc.message}", State.ROLLING_BACK)
        return None

    def _put_old_back(self, seen: Seen) -> None:
        """Have a target with one credential accept the old value again, before the last copy of the new one goes."""
        pending = seen.pending if self._is_ours(seen.rollout) and self._capabilities.overlap < OVERLAP else None
        if pending is not None and not self._target.is_effective(seen.current):
            self._target.set(seen.current, current=pending)

    def _is_overwritten(self, seen: Seen) -> bool:
        """Tell whether somebody sealed another value after the flip: theirs stays, whatever becomes of ours."""
        flipped = seen.rollout is not None and self._is_ours(seen.rollout) and seen.rollout.stage is Stage.GRACE
        return flipped and not self._digests.matches(self._name, seen.current, self._operation.text("digest"))

    def _let_go(self, why: str) -> Step:
        self._shelf.let_go(self._name)
        reason = f"{why}; {self._name} was changed by somebody else meanwhile, and that value stays"
        return Step(State.ROLLED_BACK, {"reason": reason, "unrevoked": True})
