"""The contract of a target. Every call may be repeated, and ends within the target's own deadline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sealproof.loader.secret import Secret

DEADLINE_S = 10.0  # seconds that one call to a target may take, unless it is told otherwise


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a target can do, and how long its world takes to follow."""

    overlap: int
    """Credentials that are valid at once. Below 2 there is no rotation without downtime."""
    settle_s: float = 0.0
    """Seconds from `set` until every verifier knows the new credential, such as a key set's cache time."""
    life_s: float = 0.0
    """Seconds that a session or token lives after it was made with the old credential."""
    manual: bool = False
    """A person makes the new value and hands it over."""
    saves: bool = False
    """Whether `set` also makes the value last: it is then called again on resuming, though the value works."""
    verifiable: bool = True
    """Whether `is_effective` asks anybody: without that, nobody knows whether an ended value has ended."""


class Target(Protocol):
    """What a credential unlocks. `revoke` is the dangerous one: it must never touch `current`."""

    def capabilities(self) -> Capabilities:
        """Return what this target can do. Asks nothing outside."""
        ...

    def describe(self) -> str:
        """Return which target this is, in a few words without a secret."""
        ...

    def is_effective(self, value: Secret) -> bool:
        """Tell whether `value` opens the target now. Raises TargetUnavailable if nobody knows."""
        ...

    def set(self, value: Secret, *, current: Secret) -> None:
        """Make `value` valid. Where there is overlap, `current` stays valid; elsewhere it ends here.

        Raises TargetRefused if the target will not have it, TargetUnavailable.
        """
        ...

    def test(self, value: Secret) -> None:
        """Log in with `value` and do what its holder must be able to do.

        Raises TargetRefused if that does not work, TargetUnavailable if nobody knows.
        """
        ...

    def revoke(self, value: Secret, *, current: Secret) -> None:
        """End `value` and what was opened with it; `current` stays. An ended value may be ended again.

        Raises TargetRefused, TargetUnavailable.
        """
        ...
