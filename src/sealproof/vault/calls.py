"""The frame around every call of a manager: asked, recorded, told. What happens inside is the manager's.

A read leaves one durable record; a change, and an export of the log, `<operation>.intent` before and `<operation>`
after, with one request id. Observers hear of a decision when it is made, of an end when its record is durable.
"""

from __future__ import annotations

import itertools
import os
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from sealproof.errors import AccessDenied, LockedOut, SealproofError
from sealproof.vault.access.interface import Request
from sealproof.vault.audit.interface import AuditRecord, Outcome
from sealproof.vault.observer import Decided, Finished, Written

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from sealproof.vault.access.control import AccessControl
    from sealproof.vault.access.interface import Decision, Operation, Subject
    from sealproof.vault.audit.group import GroupCommit
    from sealproof.vault.observer import Observer

INTENT = ".intent"
_ID_BYTES = 8  # drawn once a process; with a number behind them they name a call, and cost it no randomness
_NO_NUMBERS: Mapping[str, int] = {}


class Call:
    """One call under way: what is asked, since when, and what its record will say."""

    __slots__ = ("began", "error", "id", "numbers", "request", "version")

    def __init__(self, request: Request, call_id: str) -> None:
        self.request = request
        self.id = call_id
        self.began = time.perf_counter()
        self.version = 0
        self.numbers = _NO_NUMBERS
        self.error = ""
        """The name of the type of what went wrong."""


class Calls:
    """The calls of one subject on one tenant and environment. `clock` gives unix seconds."""

    def __init__(
        self,
        subject: Subject,
        scope: tuple[str, str],
        access: AccessControl,
        audit: GroupCommit,
        observers: tuple[Observer, ...],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._subject = subject
        self._tenant, self._environment = scope
        self._access = access
        self._audit = audit
        self._observers = observers
        self._clock = clock
        self._draw()

    def __repr__(self) -> str:
        return f"Calls({self._subject!r}, {self._tenant}/{self._environment})"

    def begin(self, operation: Operation, name: str) -> Call:
        """Return a call; nothing has happened yet. `name` may be anything: a refusal of it is recorded, too."""
        if self._process != os.getpid():  # forked: both sides would go on with the same ids
            self._draw()
        asked = name if isinstance(name, str) else f"({type(name).__name__})"  # the call itself will refuse it
        request = Request(self._subject, self._tenant, self._environment, asked, operation)
        return Call(request, f"{self._id}{next(self._count)}")

    def begin_whole(self, operation: Operation) -> Call:
        """Return a call about the tenant as a whole, in all its environments; nothing has happened yet."""
        call = self.begin(operation, "")
        call.request = call.request._replace(environment="")
        return call

    @asynccontextmanager
    async def changing(self, operation: Operation, name: str, approval: str) -> AsyncIterator[Call]:
        """Ask, record the intent, let the block work, record the outcome."""
        call = self.begin(operation, name)
        await self.admit(call, approval)
        await self._audit.recorded((_line(call, Outcome.ALLOW, INTENT),))
        async with self._concluding(call):
            yield call

    @asynccontextmanager
    async def reading(self, operation: Operation, name: str) -> AsyncIterator[Call]:
        """Ask, let the block work, record the outcome."""
        call = self.begin(operation, name)
        await self.admit(call, "")
        async with self._concluding(call):
            yield call

    async def admit(self, call: Call, approval: str) -> None:
        """Let the call go on, or record the refusal and raise it. That nothing could be decided is recorded, too."""
        refused = self._refused(call, approval)
        if refused is not None:
            error, outcome = refused
            await self.conclude(call, outcome)
            raise error

    async def conclude(self, call: Call, outcome: Outcome) -> None:
        """Record how a call ended, and tell the observers once that is durable."""
        await self._audit.recorded((_line(call, outcome),))
        self._ended(call, outcome)

    @contextmanager
    def at_once(self, call: Call) -> Iterator[None]:
        """Ask, record the intent, let the block work, record the outcome, outside any event loop. It blocks."""
        refused = self._refused(call, "")
        if refused is not None:
            error, outcome = refused
            self._conclude_at_once(call, outcome)
            raise error
        self._audit.append((_line(call, Outcome.ALLOW, INTENT),))
        outcome = Outcome.ERROR
        try:
            yield
            outcome = Outcome.ALLOW
        except SealproofError as exc:
            call.error = type(exc).__name__
            raise
        finally:
            self._conclude_at_once(call, outcome)

    def decide(self, call: Call, approval: str) -> Decision:
        """Return the decision, and tell the observers."""
        request = call.request
        decision = self._access.decide(request, approval=approval)
        subject, tenant, environment, name, operation = request
        event = Decided(
            self._clock(),
            call.id,
            subject.name,
            subject.established,
            tenant,
            environment,
            name,
            operation,
            decision.allowed,
            decision.reason,
            decision.rule,
            decision.locked,
        )
        for observer in self._observers:
            observer.decided(event)
        return decision

    def written(self, call: Call, generation: int) -> None:
        """Tell the observers of a change whose record is durable."""
        _, tenant, environment, name, operation = call.request
        event = Written(self._clock(), call.id, tenant, environment, name, operation, call.version, generation)
        for observer in self._observers:
            observer.written(event)

    @asynccontextmanager
    async def _concluding(self, call: Call) -> AsyncIterator[None]:
        outcome = Outcome.ERROR
        try:
            yield
            outcome = Outcome.ALLOW
        except SealproofError as exc:
            call.error = type(exc).__name__
            raise
        finally:
            await self.conclude(call, outcome)

    def _draw(self) -> None:
        self._process = os.getpid()
        self._id = f"{os.urandom(_ID_BYTES).hex()}."
        self._count = itertools.count(1)

    def _refused(self, call: Call, approval: str) -> tuple[SealproofError, Outcome] | None:
        """Return why the call may not go on, and how that is recorded; nothing if it may."""
        try:
            decision = self.decide(call, approval)
        except SealproofError as exc:
            call.error = type(exc).__name__
            return exc, Outcome.ERROR
        if decision.allowed:
            return None
        error = refusal(call, decision)
        call.error = type(error).__name__
        return error, Outcome.DENY

    def _conclude_at_once(self, call: Call, outcome: Outcome) -> None:
        self._audit.append((_line(call, outcome),))
        self._ended(call, outcome)

    def _ended(self, call: Call, outcome: Outcome) -> None:
        seconds = time.perf_counter() - call.began
        _, tenant, environment, name, operation = call.request
        event = Finished(self._clock(), call.id, tenant, environment, name, operation, outcome, call.error, seconds)
        for observer in self._observers:
            observer.finished(event)


def refusal(call: Call, decision: Decision) -> AccessDenied:
    """Return the error that says no, and why."""
    subject, tenant, environment, name, operation = call.request
    what = f"{operation} {name!r:.80} of" if name else f"{operation} on"
    place, option = (f"{tenant}/{environment}", "") if environment else (f"all of {tenant}", " --env '*'")
    message = f"{subject.name} may not {what} {place}: {decision.reason}"
    kind = LockedOut if decision.locked else AccessDenied
    hint = f"sealproof access explain {subject.name} {tenant} {operation}{option}"
    return kind(message, hint=hint, names=(name,) if name else ())


def _line(call: Call, outcome: Outcome, suffix: str = "") -> AuditRecord:
    subject, _, environment, name, operation = call.request
    word = operation + suffix
    return AuditRecord(
        subject.name, subject.established, word, outcome, environment, name, call.version, call.id, call.numbers
    )
