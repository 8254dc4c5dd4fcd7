"""The observer that hears a canary: whoever asks custody for one by name raises an alarm, let in or not.

It is told of the decision, so the alarm is under way before a value could be; where nothing could be decided, of the
end. A process that loads the whole file asks for no secret by name and is not heard: `docs/monitoring.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import SealproofError
from sealproof.monitoring.alert import Alert, Kind, here
from sealproof.vault.audit.interface import Outcome
from sealproof.vault.canaries import TOUCHES, Watched
from sealproof.vault.observer import Decided

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.monitoring.alert import Whereabouts
    from sealproof.vault.access.interface import Subject
    from sealproof.vault.observer import Finished, RotationStep, Written

QUIET_S = 60.0
"""Seconds in which the same subject at the same canary raises no second alarm: a loop is not a flood of messages."""
_REMEMBERED_MAX = 1024


class CanaryAlarm:
    """Tells `raised` of each touch of a canary of one tenant. An `Observer`; it raises nothing and does not wait."""

    def __init__(
        self,
        root: str,
        tenant: str,
        raised: Callable[[Alert], None],
        *,
        caller: Callable[[], Subject],
        whereabouts: Callable[[], Whereabouts] = here,
    ) -> None:
        self._canaries = Watched(root, tenant)
        self._raised = raised
        self._caller = caller
        self._whereabouts = whereabouts
        self._last: dict[tuple[str, ...], float] = {}

    def decided(self, event: Decided) -> None:
        """Raise the alarm if somebody asked for a canary, whatever the answer was."""
        if event.operation not in TOUCHES:
            return
        try:
            if not self._canaries.has(event.environment, event.name):
                return
        except SealproofError as exc:
            self._raise(event, Kind.BLIND, f"no touch of a canary would be noticed: {exc.message}")
        else:
            self._raise(event, Kind.TOUCHED, "")

    def finished(self, event: Finished) -> None:
        """Raise the alarm of a request that nobody could decide: without a policy, or with one that is not signed."""
        if event.outcome is not Outcome.ERROR:
            return
        caller = self._caller()
        undecided = Decided(
            event.at, event.request, caller.name, caller.established, event.tenant, event.environment, event.name,
            event.operation, allowed=False, reason=event.error, rule="", locked=False,
        )  # fmt: skip
        self.decided(undecided)  # which is no news where the decision was told before

    def written(self, event: Written) -> None:
        """Nothing: to write a canary is no touch."""

    def rotated(self, event: RotationStep) -> None:
        """Nothing: a rotation draws a value, and reads none to anybody."""

    def drop(self) -> None:
        """Keep no file open."""
        self._canaries.drop()

    def _raise(self, event: Decided, kind: Kind, problem: str) -> None:
        if not self._is_news((kind, event.subject, event.environment, event.name, event.operation), event.at):
            return
        place = self._whereabouts()
        alert = Alert(
            kind, event.at, event.tenant, event.environment, "" if kind is Kind.BLIND else event.name,
            problem or _sentence(event, place), event.subject, event.established.value, event.operation, event.allowed,
            *place, event.request,
        )  # fmt: skip
        self._raised(alert)

    def _is_news(self, what: tuple[str, ...], at: float) -> bool:
        before = self._last.get(what)
        if before is not None and 0 <= at - before < QUIET_S:
            return False
        if len(self._last) >= _REMEMBERED_MAX:
            self._last.clear()
        self._last[what] = at
        return True


def _sentence(event: Decided, place: Whereabouts) -> str:
    answer = "was let" if event.allowed else "was refused"
    came = f", from {place.remote}" if place.remote else ""
    who = f"{event.subject} ({event.established.value})"
    canary = f"{event.tenant}/{event.environment}/{event.name}"
    return (
        f"{who} asked to {event.operation} the canary {canary} and {answer}: "
        f"on {place.host}, process {place.process} ({place.program}) of user {place.user}{came}"
    )
