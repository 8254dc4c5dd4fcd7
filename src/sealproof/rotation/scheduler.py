"""Rotate what is due: once, from cron or CI, or in a loop beside an application. Running it twice is running it once.

Nothing is remembered but what is on disk anyway: ages in the sealed files, rotations under way and notices sent in the
journal. So several schedulers may look at one store; a secret's lease lets only one of them work on it.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import CallerError, ConfigurationError, OperationUnderWay, RotationRefused, SealproofError
from sealproof.rotation import schedule as schedules
from sealproof.rotation import windows as maintenance
from sealproof.rotation.configuration import Configuration
from sealproof.rotation.custody import AdvancedSecretManager, as_strategy
from sealproof.rotation.notify import Notice, notify_all
from sealproof.rotation.plan import DAY_S, is_duration
from sealproof.rotation.schedule import Interval, Schedule
from sealproof.rotation.states import State, state_of
from sealproof.vault.journal import NOTE, Journal

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator, Sequence

    from sealproof.rotation.engine import Result
    from sealproof.rotation.notify import Notifier
    from sealproof.rotation.strategies import Strategy
    from sealproof.rotation.windows import Window

UPCOMING, EXPIRING, BY_HAND = "credential.upcoming", "credential.expiring", "credential.by-hand"
"""Notes in the journal: who was told what, so that nobody is told twice."""


class Outcome(NamedTuple):
    """What became of one secret in a run."""

    name: str
    did: str
    """`rotated`, `waits`, `rolled-back`, `needs-human`, `refused`, `failed`, `busy`, `window`, `told` or `untold`."""
    detail: str
    result: Result | None = None
    error: SealproofError | None = None


class Scheduled:
    """A schedule that was kept. Awaiting it gives itself, so the call reads well either way."""

    __slots__ = ("every_s", "name", "strategy")

    def __init__(self, name: str, every_s: float, strategy: str) -> None:
        self.name = name
        self.every_s = every_s
        self.strategy = strategy

    def __repr__(self) -> str:
        every = f"{self.every_s / DAY_S:g} days" if self.every_s >= DAY_S else f"{self.every_s:g} s"
        return f"Scheduled({self.name} every {every})"

    def __await__(self) -> Generator[None, None, Scheduled]:
        yield from ()
        return self


class AutoRotationScheduler:
    """The rotations of one tenant's environment. `clock` gives unix seconds; `windows` hold for every secret."""

    def __init__(
        self,
        tenant_id: str | None = None,
        *,
        environment: str | None = None,
        root: str | os.PathLike[str] | None = None,
        notifiers: Sequence[Notifier] = (),
        windows: Sequence[str] = (),
        user_id: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.manager = AdvancedSecretManager(
            tenant_id, environment=environment, root=root, user_id=user_id, clock=clock
        )
        self.manager.notifiers = tuple(notifiers)
        self._windows: list[Window] = [maintenance.parse(text) for text in windows]
        self._schedule = Schedule(self.manager.custodian, self.manager.tenant_id)
        self._clock = clock
        self.problems: dict[str, str] = {}
        """What did not work in the newest round of `run`, by secret; under the empty name what concerns all."""

    def __repr__(self) -> str:
        return f"AutoRotationScheduler({self.manager.tenant_id}/{self.manager.environment})"

    def close(self) -> None:
        """Let go of what the manager holds open."""
        self.manager.close()

    def schedule_rotation(
        self, secret_name: str, interval: timedelta | float, strategy: Strategy | str | None = None
    ) -> Scheduled:
        """Rotate `secret_name` every `interval` (a number is days) from its last change on. May be awaited.

        Raises UnknownSecret, CallerError on an interval that is none, FileUnavailable.
        """
        every = _seconds_of(interval)
        self.manager.engine().shelf.look(secret_name)
        chosen = as_strategy(strategy)
        named = "" if chosen is None else chosen.value
        self._schedule.put(self.manager.environment, secret_name, Interval(every, named))
        return Scheduled(secret_name, every, named)

    async def run(self, *, every_s: float = 60.0, jitter_s: float = 15.0, until: asyncio.Event | None = None) -> None:
        """Rotate what is due, again and again, until the event is set. Each wait is drawn anew, so that hosts drift.

        A round that fails is told to people, once for as long as it fails in the same way, and the next one comes.
        """
        ended = until or asyncio.Event()
        while not ended.is_set():
            await self._round()
            wait = every_s + random.uniform(0, jitter_s)  # noqa: S311 - spreads load, keeps no secret
            try:
                await asyncio.wait_for(ended.wait(), wait)
            except TimeoutError:
                continue

    async def _round(self) -> None:
        try:
            failed = {one.name: one.error.message for one in await self.run_due() if one.error is not None}
        except SealproofError as exc:
            failed = {"": exc.message}
        new = {name: message for name, message in failed.items() if self.problems.get(name) != message}
        self.problems = failed
        scope = self.manager.tenant_id, self.manager.environment
        for name, message in new.items():
            notify_all(self._notifiers, Notice("failed", self._clock(), *scope, name, message))

    async def run_due(self, *, wait: bool = False) -> list[Outcome]:
        """Go on with every rotation under way, begin those that are due, tell what comes up, and return what was done.

        A secret that cannot be rotated now does not stop the others. Raises what reading the store's public parts and
        its journal raises.
        """
        configuration = Configuration(self.manager.custodian, self.manager.tenant_id)
        outcomes: list[Outcome] = []
        underway = {operation.scope.rpartition("/")[2]: operation for operation in self.manager.engine().underway()}
        for name, operation in underway.items():
            if state_of(operation) is State.NEEDS_HUMAN:
                outcomes.append(Outcome(name, "needs-human", operation.text("why")))
            else:
                outcomes.append(await self._rotate(configuration, name, wait=wait))
        now = self._clock()
        for one in self._schedule.due(self.manager.environment, configuration):
            if one.name in underway:
                continue
            if one.at > now:
                outcomes += self._tell_upcoming(configuration, one)
            else:
                outcomes.append(await self._rotate(configuration, one.name, due=one, wait=wait))
        return outcomes + self._tell_expiring(configuration)

    async def _rotate(
        self,
        configuration: Configuration,
        name: str,
        *,
        due: schedules.Due | None = None,
        wait: bool,
    ) -> Outcome:
        """Begin what is `due`, or go on with what is under way: never with what another scheduler has ended since."""
        try:
            by_hand = due is not None and is_by_hand(due, configuration)
            plan = configuration.plan(self.manager.environment, name, handed=due is None or by_hand)
            if due is not None and by_hand:
                return self._leave_to_a_person(due)
            allowed = maintenance.any_open(self._windows, self._clock())
            if due is not None and not (allowed and maintenance.any_open(plan.windows, self._clock())):
                return Outcome(name, "window", "due, and waits for its maintenance window")
            strategy, version = (due.strategy or None, due.version) if due is not None else (None, 0)
            result = await self.manager.rotate_secret(name, strategy=strategy, plan=plan, wait=wait, version=version)
        except OperationUnderWay as exc:
            return Outcome(name, "busy", exc.message)
        except RotationRefused as exc:
            return Outcome(name, "refused", exc.message, error=exc)
        except SealproofError as exc:
            return Outcome(name, "failed", exc.message, error=exc)
        return outcome_of(result)

    def _leave_to_a_person(self, due: schedules.Due) -> Outcome:
        """Say that a secret whose target nobody named is due, and tell people once: no value of it is drawn unasked."""
        scope = f"{self.manager.tenant_id}/{due.environment}/{due.name}"
        options = f"{due.name} --tenant {self.manager.tenant_id} --environment {due.environment}"
        detail = (
            "due, and rotation.toml names no target for it: give it a new value where it is used, then type "
            f'printf %s "$VALUE" | sealproof rotate {options} --paste; '
            'or say target = "none" there if nothing outside knows it'
        )
        place = self.manager.tenant_id, due.environment, due.name
        told = self._tell(BY_HAND, scope, int(due.at), Notice("needs-human", self._clock(), *place, detail))
        return Outcome(due.name, "needs-human", told[0].detail if told else detail)

    def _tell_upcoming(self, configuration: Configuration, due: schedules.Due) -> list[Outcome]:
        """Tell people once that a rotation comes up."""
        try:
            by_hand = is_by_hand(due, configuration)
            before = configuration.plan(due.environment, due.name, handed=by_hand).notify_before_s
        except (RotationRefused, ConfigurationError):
            return []  # it says so when it is due
        if due.at - self._clock() > before:
            return []
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(due.at))
        scope = f"{self.manager.tenant_id}/{due.environment}/{due.name}"
        return self._tell(UPCOMING, scope, int(due.at), Notice(
            "upcoming", self._clock(), self.manager.tenant_id, due.environment, due.name,
            f"{'has to be rotated by hand by' if by_hand else 'will be rotated'} {when}",
        ))  # fmt: skip

    def _tell_expiring(self, configuration: Configuration) -> list[Outcome]:
        """Tell people of secrets that end: once for each threshold, and once that it is over."""
        outcomes: list[Outcome] = []
        tenant = self.manager.tenant_id
        for one in schedules.expiring(configuration, self._clock()):
            state = f"ends on {one.expires}, in {one.days} days" if one.days >= 0 else f"ended on {one.expires}"
            mark = int(one.expires.replace("-", "")) * 100 + schedules.threshold(one.days) + 1
            notice = Notice("expiring", self._clock(), tenant, self.manager.environment, one.name, state)
            outcomes += self._tell(EXPIRING, f"{tenant}/{one.name}", mark, notice)
        return outcomes

    @property
    def _notifiers(self) -> tuple[Notifier, ...]:
        return (*self.manager.notifiers, *self.manager.alerts())

    def _tell(self, kind: str, scope: str, mark: int, notice: Notice) -> list[Outcome]:
        """Tell everyone unless the journal says that they were told; then note it there."""
        journal = Journal(self.manager.custodian.store.root)
        told = (entry for entry in journal.entries() if (entry.kind, entry.scope, entry.event) == (kind, scope, NOTE))
        if any(entry.facts.get("mark") == mark for entry in told):
            return []
        notifiers = self._notifiers
        problems = notify_all(notifiers, notice)
        if notifiers and not problems:
            journal.note(kind, scope, mark=mark)
        return [Outcome(notice.name, "untold" if problems else "told", "; ".join([notice.detail, *problems]))]


def is_by_hand(due: schedules.Due, configuration: Configuration) -> bool:
    """Tell whether a person has to rotate what is due: its target is unknown, and nobody scheduled it by name."""
    return not due.is_scheduled and configuration.is_by_hand(due.environment, due.name)


def _seconds_of(interval: object) -> float:
    """Return an interval in seconds; a number is days. Raises CallerError."""
    days = interval.total_seconds() / DAY_S if isinstance(interval, timedelta) else interval
    if not is_duration(days) or not is_duration(days * DAY_S) or not days:
        message = f"{interval!r:.80} is no interval between rotations"
        raise CallerError(message, hint="timedelta(days=30), or a number of days")
    return days * DAY_S


def outcome_of(result: Result) -> Outcome:
    """Return what a rotation's result means for whoever reads a run."""
    did = {State.DONE: "rotated", State.ROLLED_BACK: "rolled-back", State.NEEDS_HUMAN: "needs-human"}
    detail = "; ".join(text for text in (result.why, *result.notes) if text)
    return Outcome(result.name, did.get(result.state, "waits"), detail, result)
