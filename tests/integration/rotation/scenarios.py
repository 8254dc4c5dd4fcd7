"""Ways that a rotation goes, with a person beside it where one is needed: what is killed at every point of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sealproof.errors import TargetRefused
from sealproof.loader.secret import Secret
from sealproof.rotation.states import State
from sealproof.rotation.strategies import Strategy

if TYPE_CHECKING:
    from sealproof.rotation.engine import Engine, Result
    from sealproof.rotation.plan import Plan

    from .bench import Bench

_VISITS = 3  # of a person, to one rotation: paste, end the old value, and one to spare


def finished(bench: Bench, engine: Engine, plan: Plan, strategy: Strategy, *, wait: bool = True) -> Result:
    """Rotate; where a person is asked for, do what is asked and call again."""
    result = engine.rotate(bench.name, plan, strategy=strategy, wait=wait)
    for _ in range(_VISITS if bench.person else 0):
        if result.state is not State.NEEDS_HUMAN:
            break
        pasted = None
        if "--paste" in result.why:
            pasted = bench.person.make(result.rotation)
        else:
            bench.person.end_all_but(bench.current())
        result = engine.rotate(bench.name, plan, strategy=strategy, value=pasted, wait=wait)
    return result


def given_up(bench: Bench, engine: Engine, plan: Plan, strategy: Strategy) -> Result:
    """Rotate as far as the grace, then think better of it."""
    result = finished(bench, engine, dataclasses.replace(plan, grace_s=3600.0), strategy, wait=False)
    return result if result.state.is_final else engine.abandon(bench.name, plan)


def mistyped(bench: Bench, engine: Engine, plan: Plan, strategy: Strategy) -> Result:
    """Paste something that the service never made, and give up."""
    result = engine.rotate(bench.name, plan, strategy=strategy)
    if result.state is State.NEEDS_HUMAN:
        result = engine.rotate(bench.name, plan, strategy=strategy, value=Secret("a-typing-error"))
    return result if result.state.is_final else engine.abandon(bench.name, plan)


def refused(bench: Bench, engine: Engine, plan: Plan, strategy: Strategy) -> Result:
    """Rotate where the application cannot use any new value, though the target takes it."""
    target, works, real = plan.target, bench.current().reveal(), plan.target.test

    def test(value: Secret) -> None:
        real(value)
        if value.reveal() != works:
            raise TargetRefused("the application cannot use it")

    target.test = test
    try:
        return finished(bench, engine, plan, strategy)
    finally:
        del target.test


@dataclass(frozen=True)
class Scenario:
    """One way."""

    strategy: Strategy
    end: State
    """Where it ends, however often it is killed on the way."""
    plan: dict[str, Any] = field(default_factory=dict)
    way: Callable[[Bench, Engine, Plan, Strategy], Result] = finished

    def run(self, bench: Bench, *, reached: Callable[[str], None] | None = None) -> Result:
        """Rotate, or go on; `reached` is told of every point."""
        options = {} if reached is None else {"reached": reached}
        return self.way(bench, bench.engine(**options), bench.but(**self.plan).plan, self.strategy)


_NOBODY = ("ghost",)  # the canary that there is none of: it never uses the new value

SCENARIOS = {
    "forward": Scenario(Strategy.BLUE_GREEN, State.DONE),
    "canary": Scenario(Strategy.CANARY, State.DONE, {"canaries": _NOBODY, "users": 0}),
    "gradual": Scenario(Strategy.GRADUAL, State.DONE),
    "back": Scenario(Strategy.CANARY, State.ROLLED_BACK, {"canaries": _NOBODY, "patience_s": 0.0}),
    "given-up": Scenario(Strategy.BLUE_GREEN, State.ROLLED_BACK, way=given_up),
    "refused": Scenario(Strategy.BLUE_GREEN, State.ROLLED_BACK, way=refused),
    "immediate": Scenario(Strategy.IMMEDIATE, State.DONE),
    "refused-immediate": Scenario(Strategy.IMMEDIATE, State.ROLLED_BACK, way=refused),
    "mistyped": Scenario(Strategy.IMMEDIATE, State.ROLLED_BACK, way=mistyped),
}
