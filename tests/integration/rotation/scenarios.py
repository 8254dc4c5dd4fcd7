"""Ways that a rotation goes: what is killed at every point of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sealproof.rotation.states import State
from sealproof.rotation.strategies import Strategy


@dataclass(frozen=True)
class Scenario:
    strategy: Strategy
    end: State
    """Where it ends, however often it is killed on the way."""
    plan: dict[str, Any] = field(default_factory=dict)

    def run(self, bench: Any, *, reached: Callable[[str], None] | None = None) -> Any:
        """Rotate, or go on; `reached` is told of every point."""
        options = {} if reached is None else {"reached": reached}
        return bench.engine(**options).rotate(bench.name, bench.but(**self.plan).plan, strategy=self.strategy)


SCENARIOS = {
    "forward": Scenario(Strategy.BLUE_GREEN, State.DONE),
    "gradual": Scenario(Strategy.GRADUAL, State.DONE),
    "back": Scenario(  # a canary that never uses the new value
        Strategy.CANARY, State.ROLLED_BACK, {"canaries": ("ghost",), "patience_s": 0.0}
    ),
}
