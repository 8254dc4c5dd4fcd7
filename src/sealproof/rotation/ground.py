"""What every step of a rotation stands on: the sealed file, the target, the journal's lines so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.rotation.audience import Audience, listed
from sealproof.rotation.rollout import Rollout, Stage
from sealproof.rotation.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealproof.loader.secret import Secret
    from sealproof.rotation.digests import ValueDigests
    from sealproof.rotation.notify import Notifier
    from sealproof.rotation.plan import Plan
    from sealproof.rotation.shelf import Seen, Shelf
    from sealproof.rotation.words import RollCall
    from sealproof.vault.journal import Operation
    from sealproof.vault.journal.entry import Fact

OVERLAP = 2  # credentials that have to be valid at once for a rotation without downtime
_DEPARTED_MAX = 64  # consumers that one line of the journal names


class Step(NamedTuple):
    """The next line."""

    state: State
    facts: dict[str, Fact]


class Ground:
    """One rotation, and what can be asked of it. Starts from the file and the target, never from memory."""

    def __init__(
        self,
        operation: Operation,
        shelf: Shelf,
        name: str,
        plan: Plan,
        *,
        digests: ValueDigests,
        notifiers: Sequence[Notifier],
        clock: Callable[[], float],
        handed: Secret | None = None,
    ) -> None:
        self._operation = operation
        self._shelf = shelf
        self._name = name
        self._plan = plan
        self._target = plan.target
        self._capabilities = plan.target.capabilities()
        self._digests = digests
        self._notifiers = notifiers
        self._clock = clock
        self._audience = Audience(shelf, name, operation.id, plan, clock=clock)
        self._handed = handed
        self._drawn: Secret | None = None
        self.problems: list[str] = []
        """What did not work and did not matter enough to stop."""

    def _look(self) -> Seen:
        return self._shelf.look(self._name)

    def _with_pending(self) -> tuple[Seen, Secret | None]:
        seen = self._look()
        return seen, seen.pending if self._is_ours(seen.rollout) else None

    def _is_ours(self, rollout: Rollout | None) -> bool:
        return rollout is not None and rollout.rotation == self._operation.id

    def _is_by_hand(self) -> bool:
        """Tell whether somebody else makes the new value: it may open the target before it is sealed here."""
        return self._capabilities.manual or bool(self._operation.facts.get("handed", False))

    def _rollout(self, stage: Stage) -> Rollout:
        shared = stage is Stage.SHARED
        canaries = self._operation.facts.get("canaries") if shared else None
        return Rollout(
            self._operation.id,
            stage,
            self._clock(),
            generation=0,  # set by the save
            share=self._operation.number("share") if shared else 0,
            canaries=tuple(str(name) for name in canaries) if isinstance(canaries, list) else (),
        )

    def _stuck(self, why: str, back_to: State) -> Step:
        return Step(State.NEEDS_HUMAN, {"why": why, "back_to": back_to.value})

    def _still_opens(self, which: str, back_to: State) -> Step:
        return self._stuck(f"the {which} value still opens {self._target.describe()}: end it there", back_to)

    def _departed(self, called: RollCall) -> dict[str, Fact]:
        """Return the fact that some were not waited for, and tell whoever reads the result."""
        if not called.departed:
            return {}
        self.problems.append(f"not waited for, as departed: {listed(called.departed)}")
        return {"departed": [str(one) for one in called.departed[:_DEPARTED_MAX]]}
