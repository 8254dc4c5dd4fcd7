"""What is done in each state of a rotation. Every method may run again after a crash at any point inside it.

A method returns the line that is to be written next, or a pause. It starts from what the sealed file and the target
say, never from what this process remembers; only a drawn value that was not yet sealed lives in memory, and if that is
lost another one is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import InvalidValue, TargetRefused
from sealproof.rotation import strategies
from sealproof.rotation.ground import OVERLAP, Step
from sealproof.rotation.notify import Notice, notify_all
from sealproof.rotation.rollout import Stage
from sealproof.rotation.states import Pause, State, effective_state
from sealproof.rotation.strategies import Strategy
from sealproof.rotation.targets.nothing import NoTarget
from sealproof.rotation.verdict import Judgement
from sealproof.rotation.way_back import WayBack

if TYPE_CHECKING:
    from sealproof.loader.secret import Secret
    from sealproof.rotation.shelf import Seen
    from sealproof.vault.journal.entry import Fact

_REFUSALS = 2  # times that a target may refuse one value
_ATTEMPTS = 2  # values that are drawn before the rotation is given up


class Steps(WayBack):
    """The side effects of one rotation."""

    def perform(self, state: State) -> Step | Pause:
        """Do what `state` names, and return what comes next. Raises TargetUnavailable, and what saving raises."""
        methods = {
            State.DUE: self._due,
            State.NOTIFIED: self._notified,
            State.CREATED: self._created,
            State.SET: self._set,
            State.TESTED: self._tested,
            State.PROMOTING: self._promoting,
            State.CURRENT: self._current,
            State.GRACE: self._grace,
            State.REVOKED: self._revoked,
            State.ROLLING_BACK: self._rolling_back,
        }
        return methods[state]()

    def is_another(self, value: Secret) -> bool:
        """Tell whether `value` is not the one rotated to: after a crash the same one may be handed over again."""
        digest = self._operation.text("digest")
        return bool(digest) and not self._digests.matches(self._name, value, digest)

    def resumed(self) -> Step:
        """Return the line with which a person's rotation goes on, now that the person is here."""
        back = effective_state(self._operation)
        return self._draw(self._operation.number("attempt") or 1) if back is State.CREATED else Step(back, {})

    def tell(self, kind: str, detail: str) -> None:
        """Tell every notifier; what does not work is a problem and no error."""
        shelf = self._shelf
        notice = Notice(
            kind, self._clock(), shelf.tenant, shelf.environment, self._name, detail, rotation=self._operation.id
        )
        self.problems += notify_all(self._notifiers, notice)

    def remark(self) -> str:
        """Return what has to be said of a rotation that was not without downtime."""
        if isinstance(self._target, NoTarget):
            return f"nothing outside changed: whoever else knows the old value of {self._name} goes on expecting it"
        why = "nobody who used it was waited for"
        if self._capabilities.overlap < OVERLAP:
            why = f"there is one credential only: {self._target.describe()}"
        return f"not zero downtime: the old value ended at once ({why})"

    def _due(self) -> Step:
        return Step(State.NOTIFIED, {})

    def _notified(self) -> Step:
        self.tell("starting", f"{self._operation.text('strategy')} rotation at {self._target.describe()}")
        return self._draw(1)

    def _draw(self, attempt: int) -> Step:
        """Have a value in memory, and return the line that names its digest."""
        if self._handed is None and self._is_by_hand():
            why = f"the new value is made {self._target.describe()}, then handed over with --paste"
            return Step(State.NEEDS_HUMAN, {"why": why, "back_to": State.CREATED.value})
        seen = self._look()
        value = self._handed or self._plan.generator(seen.current)
        if value.reveal() in ("", seen.current.reveal()):
            message = f"the new value of {self._name} is {'the present one' if value.reveal() else 'empty'}"
            raise InvalidValue(message, hint="hand over another one", names=(self._name,))
        self._drawn = value
        digest = self._digests.of(self._name, value)
        return Step(State.CREATED, {"digest": digest, "attempt": attempt, "refusals": 0})

    def _created(self) -> Step:
        seen = self._look()
        digest = self._operation.text("digest")
        if self._handed is not None and self.is_another(self._handed):
            return self._draw(self._operation.number("attempt") or 1)  # a person has thought better of it
        if self._is_ours(seen.rollout) and self._digests.matches(self._name, seen.pending, digest):
            return Step(State.SET, {})
        if not self._digests.matches(self._name, self._drawn, digest) or self._drawn is None:
            return self._draw(self._operation.number("attempt") or 1)  # killed between the line and the save
        try:
            if self._must_prove():
                self._target.test(seen.current)
            else:
                self._put_old_back(seen)
        except TargetRefused as exc:
            return self._back(f"the present value does not work: {exc.message}")
        self._end_leftovers(seen)
        self._shelf.stage(self._name, self._drawn, self._rollout(Stage.STAGED))
        return Step(State.SET, {})

    def _end_leftovers(self, seen: Seen) -> None:
        """End at the target what an earlier attempt or rotation left in the file, before its only copy goes."""
        for value in (seen.pending, seen.previous):
            if value is not None and value.reveal() != seen.current.reveal():
                try:
                    self._target.revoke(value, current=seen.current)
                except TargetRefused as exc:  # it belongs to another target than today's
                    self.problems.append(f"a value that was left over could not be ended: {exc.message}")

    def _set(self) -> Step:
        seen, pending = self._with_pending()
        if pending is None:
            return self._back("the pending value is no longer in the file")
        if self._capabilities.saves or not self._target.is_effective(pending):
            try:
                self._target.set(pending, current=seen.current)
            except TargetRefused as exc:
                return self._refused(exc)
        return Step(State.TESTED, {"set_ms": self._now_ms()})

    @property
    def _unwatched(self) -> str:
        return f"no consumer of {self._shelf.tenant}/{self._shelf.environment} is registered"

    def _must_prove(self) -> bool:
        """Tell whether the present value must work first.

        Else this may not be the target that the secret opens, and what is changed or ended there is somebody else's.
        """
        taken = self._capabilities.manual or self._operation.number("attempt") > 1  # what was there may have ended
        return not taken and not self._operation.facts.get("unproven", False)

    def _tested(self) -> Step | Pause:
        _, pending = self._with_pending()
        if pending is None:
            return self._back("the pending value is no longer in the file")
        try:
            self._target.test(pending)
        except TargetRefused as exc:
            return self._refused(exc)
        settled = self._operation.number("set_ms") / 1000 + self._capabilities.settle_s
        if self._clock() < settled:
            return Pause(settled, "until every verifier has the new credential", settled)
        return self._next_share(None, {})

    def _next_share(self, share: int | None, why: dict[str, Fact]) -> Step:
        """Return the step to the next share of consumers, or to all; `why` is what let it come to that."""
        steps = strategies.shares(Strategy(self._operation.text("strategy")))
        index = 0 if share is None else steps.index(share) + 1
        return Step(State.PROMOTING, {"share": steps[index]} | why) if index < len(steps) else Step(State.CURRENT, why)

    def _promoting(self) -> Step | Pause:
        share = self._operation.number("share")
        seen = self._look()
        rollout = seen.rollout
        if rollout is None or rollout.stage is not Stage.SHARED or rollout.share != share:
            self._shelf.announce(self._name, self._rollout(Stage.SHARED))
            seen = self._look()
            rollout = seen.rollout
        if rollout is None or seen.pending is None:
            return self._back("the pending value is no longer in the file")
        called = self._audience.call(seen.unlocked)
        verdict = self._audience.judge(called, rollout)
        if verdict.judgement is Judgement.BAD:
            return self._back(verdict.why)
        if verdict.judgement is Judgement.WAIT:
            unwatched = "" if called.concerned(rollout.generation) else f"; {self._unwatched}, so nobody is watched"
            by = self._audience.watched_until(rollout)
            return Pause(self._clock() + self._plan.poll_s, verdict.why + unwatched, by, share)
        said = f"{self._unwatched}, so nobody was watched"
        if not (called.concerned(rollout.generation) or said in self.problems):
            self.problems.append(said)
        return self._next_share(share, {"verdict": verdict.why} | self._departed(called))

    def _current(self) -> Step:
        seen = self._look()
        if self._is_ours(seen.rollout) and seen.rollout is not None and seen.rollout.stage is Stage.GRACE:
            return Step(State.GRACE, {"version": seen.version})
        if not self._digests.matches(self._name, seen.current, self._operation.text("before")):
            why = f"{self._name} was changed by somebody else meanwhile; `sealproof rotate {self._name} --abandon`"
            return Step(State.NEEDS_HUMAN, {"why": why, "back_to": State.CURRENT.value})
        if not self._digests.matches(self._name, seen.pending, self._operation.text("digest")):
            return self._back("the pending value is no longer the one that was tested")
        self._shelf.promote(self._name, self._rollout(Stage.GRACE))
        return Step(State.GRACE, {"version": self._look().version})

    def _grace(self) -> Step | Pause:
        seen = self._look()
        if self._is_overwritten(seen):
            why = f"{self._name} was changed by somebody else meanwhile; `sealproof rotate {self._name} --abandon`"
            return self._stuck(why, State.GRACE)
        overlap = self._capabilities.overlap >= OVERLAP
        at_once = Strategy(self._operation.text("strategy")) is Strategy.IMMEDIATE
        left: dict[str, Fact] = {}
        if overlap and not at_once and seen.rollout is not None:
            called = self._audience.call(seen.unlocked)
            waiting = self._audience.followed(called, seen.rollout)
            refused = self._audience.refusals(called, is_last=waiting is None, problems=self.problems)
            if refused.judgement is Judgement.BAD:
                return self._back(refused.why)
            if waiting is not None:
                return waiting
            left = self._departed(called)
        try:
            self._target.test(seen.current)
        except TargetRefused as exc:
            if overlap:
                return self._back(f"the new value stopped working: {exc.message}")
            return self._stuck(f"the new value stopped working: {exc.message}", State.GRACE)
        return Step(State.REVOKED, left)

    def _revoked(self) -> Step:
        seen = self._look()
        if seen.previous is None:
            return Step(State.DONE, {})
        try:
            self._target.revoke(seen.previous, current=seen.current)
            self._operation.reached("revoked:ended")
            self._target.test(seen.current)
            if self._plan.validate is not None:
                self._plan.validate(seen.current)
        except TargetRefused as exc:
            return self._stuck(exc.message, State.REVOKED)
        if self._capabilities.verifiable and self._target.is_effective(seen.previous):
            return self._still_opens("old", State.REVOKED)
        self._shelf.clear(self._name)
        self._audience.forget_departed()
        if self._operation.facts.get("unproven", False):
            where = self._target.describe()
            self.problems.append(f"unproven: what {where} accepted before may still open it, and is to be ended there")
        return Step(State.DONE, {})

    def _refused(self, exc: TargetRefused) -> Step:
        """A value was refused: once more, then another value, then back."""
        refusals = self._operation.number("refusals") + 1
        if refusals < _REFUSALS:
            return Step(State.SET, {"refusals": refusals})
        why = f"refused twice: {exc.message}"
        if self._capabilities.manual:
            self._handed = None
            return Step(State.NEEDS_HUMAN, {"why": f"{why}; hand over another value", "back_to": State.CREATED.value})
        attempt = self._operation.number("attempt")
        if self._operation.facts.get("handed", False) or attempt >= _ATTEMPTS:
            return self._back(f"the new value was {why}")
        return self._draw(attempt + 1)

    def _back(self, why: str) -> Step:
        return Step(State.ROLLING_BACK, {"why": why})

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
