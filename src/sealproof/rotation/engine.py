"""Drive rotations: one lease, one journal, a state at a time, from wherever the last process was stopped.

The loop is short on purpose. The newest line of the journal names what may have been done; it is done (again), and the
next line is written. So a process may be killed anywhere and the next one goes on, and running twice is running once.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import JournalBroken, OperationUnderWay, RotationRefused, SealproofError, UnknownSecret
from sealproof.rotation import strategies
from sealproof.rotation.audience import Audience, check_canaries, listed
from sealproof.rotation.digests import digests_of
from sealproof.rotation.ground import Step
from sealproof.rotation.plan import Plan
from sealproof.rotation.shelf import Shelf
from sealproof.rotation.states import Pause, State, effective_state, may_follow, state_of
from sealproof.rotation.steps import Steps
from sealproof.rotation.strategies import Strategy
from sealproof.vault.backup.create import CREATE as BACKUP
from sealproof.vault.handed import filled
from sealproof.vault.journal import ABANDONED
from sealproof.vault.observer import RotationStep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealproof.loader.secret import Secret
    from sealproof.rotation.notify import Notifier
    from sealproof.vault.custodian import Custodian
    from sealproof.vault.journal import Journal, Operation
    from sealproof.vault.journal.entry import Fact
    from sealproof.vault.observer import Observer

KIND = "credential.rotate"
"""What a rotation's lines in the journal are called."""

_TOLD = {State.DONE: "finished", State.ROLLED_BACK: "rolled-back", State.NEEDS_HUMAN: "needs-human"}
_WATCHED = (State.PROMOTING, State.GRACE, State.ROLLING_BACK)
_TEXT_MAX, _DESCRIBED_MAX = 1000, 200  # characters of one fact
_SLEEP_LEAST_S = 0.01


class Result(NamedTuple):
    """Where a rotation stands when a call returns."""

    rotation: str
    name: str
    state: State
    strategy: Strategy
    why: str
    """Why it went back or needs a person, or what it waits for; empty where all is well."""
    until: float | None
    """When to look again, in unix seconds; None where nothing is waited for."""
    version: int
    """The version of the secret that a finished rotation made; 0 before."""
    notes: tuple[str, ...]
    """What the caller has to be told: that there was downtime, that nothing outside changed, what did not work."""


class Engine:
    """Rotates the secrets of one tenant's environment. `clock` gives unix seconds; `sleep` waits for some.

    `on_pause` is told, before each wait, which secret's rotation waits in which state, for what and how long.
    """

    def __init__(
        self,
        custodian: Custodian,
        journal: Journal,
        tenant: str,
        environment: str,
        *,
        notifiers: Sequence[Notifier] = (),
        observers: Sequence[Observer] = (),
        on_pause: Callable[[str, State, Pause], None] | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._journal = journal
        self.shelf = Shelf(custodian, tenant, environment)
        self._notifiers = notifiers
        self._observers = observers
        self._on_pause = on_pause
        self._clock = clock
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"Engine({self.shelf.tenant}/{self.shelf.environment})"

    def scope(self, name: str) -> str:
        """Return what a rotation of `name` is about, in the journal's words."""
        return f"{self.shelf.tenant}/{self.shelf.environment}/{name}"

    def underway(self, name: str = "") -> list[Operation]:
        """Return the rotations of this environment that have begun and not ended."""
        prefix = self.scope(name)
        found = self._journal.unfinished(KIND)
        return [one for one in found if (one.scope == prefix if name else one.scope.startswith(prefix))]

    def standing(self, operation: Operation) -> str:
        """Return what is to be said of a rotation under way: why it stands there, and whom it waits for or does not."""
        said = [operation.text("why") or operation.text("verdict")]
        if state_of(operation) in _WATCHED:
            name = operation.scope.rpartition("/")[2]
            try:
                seen = self.shelf.look(name)
                called = Audience(self.shelf, name, operation.id, Plan(), clock=self._clock).call(seen.unlocked)
            except SealproofError as exc:
                return "; ".join(filter(None, [*said, exc.message]))
            lagging = called.lagging(seen.rollout.generation) if seen.rollout else []
            said += [f"not yet acknowledged by {listed(lagging)}"] if lagging else []
            said += [f"not waited for, as departed: {listed(called.departed)}"] if called.departed else []
        return "; ".join(filter(None, said))

    def rotate(
        self,
        name: str,
        plan: Plan,
        *,
        strategy: Strategy | None = None,
        value: Secret | None = None,
        unproven: bool = False,
        wait: bool = True,
        version: int | None = None,
    ) -> Result:
        """Rotate `name`, or go on with the rotation that is under way; without `wait`, return at the first pause.

        `value` is the new value where a person or another system made it. `unproven` goes on though the present value
        does not open the target. `version` is the one that may be replaced, as the caller saw it; 0 begins nothing.

        Raises InvalidValue on an empty `value`, UnknownSecret, RotationRefused, OperationUnderWay if another process
        works on it or has replaced that version, TargetUnavailable (nothing is lost: the next call goes on), and what
        opening and saving raise.
        """
        if value is not None:
            filled(name, value.reveal().encode(), hint="hand over the new value, or let one be drawn")
        with self._journal.lease(self.scope(name)):
            known = self.underway(name)
            if known:
                _check_strategy(known[0], strategy)
            elif version is not None:
                self._check_version(name, version)
            operation = known[0] if known else self._begin(name, plan, strategy, value, unproven=unproven)
            return self._drive(operation, name, plan, value, wait=wait)

    def abandon(self, name: str, plan: Plan | None, *, wait: bool = True, why: str = "") -> Result:
        """Give up the rotation of `name` under way: back where the old value is still valid, else to its end.

        Works without the target, too, be it away, misconfigured, or None (`why` then says why there is no plan): what
        it could not be told stays in the file until the next rotation tells it. Raises UnknownSecret where no rotation
        is under way, OperationUnderWay if another process works on it, and what opening and saving the file raise.
        """
        with self._journal.lease(self.scope(name)):
            known = self.underway(name)
            if not known:
                message = f"no rotation of {self.scope(name)} is under way"
                raise UnknownSecret(message, hint="sealproof rotate --status")
            operation = known[0]
            if plan is not None and not _is_planned_at(operation, plan):
                plan, why = None, f"it began at another target than the plan's: {operation.text('target')}"
            steps = self._steps(operation, name, plan or Plan(), None)
            if plan is None:
                steps.problems.append(why)
                self._write(operation, steps.abandoned(), name)
                return self._result(operation, name, steps)
            try:
                back = effective_state(operation)
                may_turn = back.may_turn_back and back is not State.ROLLING_BACK
                if may_turn and not steps.is_the_way_back_gone():
                    self._write(operation, Step(State.ROLLING_BACK, {"why": "abandoned"}), name)
                elif state_of(operation) is State.NEEDS_HUMAN:
                    self._write(operation, Step(back, {}), name)
                result = self._run(operation, name, steps, wait=wait)
            except (OperationUnderWay, JournalBroken):
                raise
            except SealproofError as exc:  # the target, or what it takes to reach it; the file is met again below
                steps.problems.append(exc.message)
            else:
                if result.state is not State.NEEDS_HUMAN:
                    return result
                steps.problems.append(result.why)
            self._write(operation, steps.abandoned(), name)
            return self._result(operation, name, steps)

    def _begin(
        self, name: str, plan: Plan, strategy: Strategy | None, value: Secret | None, *, unproven: bool
    ) -> Operation:
        self._check_keys()
        seen = self.shelf.look(name)
        described = plan.target.describe()
        chosen = strategies.choose(strategy or plan.strategy, plan.target.capabilities(), described=described)
        facts: dict[str, Fact] = {
            "strategy": chosen.value,
            "target": described[:_DESCRIBED_MAX],
            "before": digests_of(self.shelf.root, self.shelf.tenant, self.shelf.environment).of(name, seen.current),
            "before_version": seen.version,
        }
        audience = Audience(self.shelf, name, "", plan, clock=self._clock)
        canaries = check_canaries(chosen, plan, audience.call(seen.unlocked))
        facts |= {"canaries": canaries} if canaries else {}
        facts |= {"handed": True} if value is not None else {}
        facts |= {"unproven": True} if unproven else {}
        operation = self._journal.begin(KIND, self.scope(name), **facts)
        self._tell_observers(operation, State.DUE, name)
        return operation

    def _check_version(self, name: str, version: int) -> None:
        """Refuse to rotate again what somebody else has rotated between the caller's look and our lease."""
        standing = self.shelf.look(name).version
        if standing != version:
            message = f"{self.scope(name)} is at version {standing} already: somebody else was faster"
            raise OperationUnderWay(message, hint="sealproof rotate --status", names=(name,))

    def _check_keys(self) -> None:
        """Refuse to begin while the keys of the file are being changed: that has to come to its end first.

        A backup that was broken off changed nothing; the next one gives it up.
        """
        scope = f"{self.shelf.tenant}/{self.shelf.environment}"
        for one in self._journal.unfinished():
            if one.scope in (scope, self.shelf.tenant) and one.kind != BACKUP:
                message = f"{one.kind} of {one.scope} is not finished, so no credential in that file is rotated"
                hint = "sealproof key resume" if one.kind.startswith(("epoch.", "tenant.")) else "sealproof doctor"
                raise RotationRefused(message, hint=hint)

    def _drive(self, operation: Operation, name: str, plan: Plan, value: Secret | None, *, wait: bool) -> Result:
        steps = self._steps(operation, name, plan, value)
        if value is not None and effective_state(operation) is not State.CREATED and steps.is_another(value):
            message = f"{self.scope(name)} is being rotated to a value already, so another one was not taken"
            raise RotationRefused(message, hint=f"sealproof rotate {name} --abandon, then hand it over again")
        if not _is_planned_at(operation, plan):
            begun, now = operation.text("target"), plan.target.describe()
            message = f"the rotation of {self.scope(name)} began at {begun}, and the plan now says {now}"
            raise RotationRefused(message, hint=f"put the plan back, or sealproof rotate {name} --abandon")
        if state_of(operation) is State.NEEDS_HUMAN:
            step = steps.resumed()
            if step.state is State.NEEDS_HUMAN:
                return self._result(operation, name, steps)
            self._write(operation, step, name)
        return self._run(operation, name, steps, wait=wait)

    def _run(self, operation: Operation, name: str, steps: Steps, *, wait: bool) -> Result:
        """Do what the newest line names, write the next, until the end, a pause or a person is needed."""
        while not (state := state_of(operation)).is_final and state is not State.NEEDS_HUMAN:
            outcome = steps.perform(state)
            if isinstance(outcome, Pause):
                if not wait:
                    return self._result(operation, name, steps, pause=outcome)
                if self._on_pause is not None:
                    self._on_pause(name, state, outcome)
                self._sleep(max(outcome.until - self._clock(), _SLEEP_LEAST_S))
                continue
            operation.reached(f"{state.value}:after")
            self._write(operation, outcome, name)
        if state in _TOLD:
            steps.tell(_TOLD[state], self._result(operation, name, steps).why or f"the new value of {name} is in use")
        return self._result(operation, name, steps)

    def _write(self, operation: Operation, step: Step, name: str) -> None:
        if not may_follow(state_of(operation), step.state):
            message = f"{operation!r} cannot go on to {step.state.value}"
            raise AssertionError(message)
        facts = {fact: value[:_TEXT_MAX] if isinstance(value, str) else value for fact, value in step.facts.items()}
        if step.state is State.DONE:
            operation.done(**facts)
        elif step.state is State.ROLLED_BACK:
            operation.step(ABANDONED, **facts)
        else:
            operation.step(step.state.value, **facts)
        self._tell_observers(operation, step.state, name)

    def _steps(self, operation: Operation, name: str, plan: Plan, value: Secret | None) -> Steps:
        shelf = self.shelf
        return Steps(
            operation,
            shelf,
            name,
            plan,
            digests=digests_of(shelf.root, shelf.tenant, shelf.environment),
            notifiers=self._notifiers,
            clock=self._clock,
            handed=value,
        )

    def _result(self, operation: Operation, name: str, steps: Steps, *, pause: Pause | None = None) -> Result:
        state = state_of(operation)
        strategy = Strategy(operation.text("strategy"))
        notes = list(steps.problems)
        if operation.facts.get("unrevoked", False):
            notes.append("the target was not told: the next rotation ends there what was left")
        if strategy is Strategy.IMMEDIATE and state is State.DONE:
            notes.append(steps.remark())
        why = pause.why if pause else ""
        if state in (State.NEEDS_HUMAN, State.ROLLING_BACK):
            why = operation.text("why")
        if state is State.ROLLED_BACK:
            why = operation.text("reason")
        until = pause.until if pause else None
        return Result(operation.id, name, state, strategy, why, until, operation.number("version"), tuple(notes))

    def _tell_observers(self, operation: Operation, state: State, name: str) -> None:
        shelf = self.shelf
        event = RotationStep(
            self._clock(), operation.id, shelf.tenant, shelf.environment, name, state.value, operation.text("strategy")
        )
        for observer in self._observers:
            observer.rotated(event)


def _check_strategy(operation: Operation, asked: Strategy | None) -> None:
    """Refuse to go on in another way than the rotation began in."""
    begun = operation.text("strategy")
    if asked is not None and asked.value != begun:
        message = f"the rotation of {operation.scope} is under way as {begun}, so it does not become {asked.value}"
        name = operation.scope.rpartition("/")[2]
        raise RotationRefused(message, hint=f"sealproof rotate {name} --abandon, then again; or without --strategy")


def _is_planned_at(operation: Operation, plan: Plan) -> bool:
    """Tell whether a plan's target is the one that a rotation began at."""
    return operation.text("target") == plan.target.describe()[:_DESCRIBED_MAX]
