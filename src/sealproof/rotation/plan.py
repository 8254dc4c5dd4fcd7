"""How one secret is rotated: its target, its generator, and the times that its consumers need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeGuard

from sealproof.rotation.generators import Token
from sealproof.rotation.targets.nothing import NoTarget
from sealproof.rotation.verdict import Gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.loader.secret import Secret
    from sealproof.rotation.generators import Generator
    from sealproof.rotation.strategies import Strategy
    from sealproof.rotation.targets.interface import Target
    from sealproof.rotation.windows import Window

DAY_S = 86_400.0
LONGEST_S = 36_500 * DAY_S
"""A hundred years: what is longer is a mistake, and no clock's function takes it."""


def is_duration(value: object) -> TypeGuard[float]:
    """Tell whether `value` is a number of seconds that anybody could mean. NaN and infinity are none."""
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= LONGEST_S


@dataclass(frozen=True, slots=True)
class Plan:
    """What `rotation.toml` says of one secret, or what an application passes in its place. Times in seconds."""

    target: Target = field(default_factory=NoTarget)
    generator: Generator = field(default_factory=Token)
    strategy: Strategy | None = None
    """What is used unless the call asks for another; None lets the target's overlap decide."""
    every_s: float = 0.0
    """Time from one rotation to the next; 0 leaves it to the manifest's days."""
    grace_s: float = 60.0
    """Time from the flip, and from the last consumer's acknowledgement of it, to the end of the old value: longer than
    a refresh interval and than the longest operation. The target's own session life comes on top."""
    patience_s: float = 3600.0
    """How long to wait for consumers that do not acknowledge, and for canaries that do not use the new value."""
    soak_s: float = 300.0
    """How long each step of a canary or gradual rotation is watched, at least."""
    canaries: tuple[str, ...] = ()
    """Consumer ids; without any, the first `canary_count` of those that are registered."""
    canary_count: int = 1
    users: int = 1
    """Consumers that must have used the new value before a step counts as watched."""
    failures: int = 0
    """Refused log-ins with the new value that are accepted."""
    audited: bool = True
    """Whether a use has to stand in the signed audit log, too. Without, the consumers' words alone are believed: for
    consumers that hold no key to write the log with."""
    poll_s: float = 1.0
    notify_before_s: float = DAY_S
    windows: tuple[Window, ...] = ()
    validate: Callable[[Secret], None] | None = None
    """An own check of the present value after the rotation. Raises TargetRefused."""

    @property
    def gate(self) -> Gate:
        """Return what each watched step asks for."""
        return Gate(self.failures, self.users, self.soak_s, self.patience_s)
