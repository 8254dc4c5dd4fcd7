"""Bring alerts to their sinks from threads of their own: whoever caused one does not wait, and notices nothing.

    alert.intent, in the audit log ─▶ every sink, tried again where it fails ─▶ alert, with how that ended

An `alert` record with `allow` says that every sink took it; one with `error` that a sink did not, or that there is
none. An intent without an end is left by a process that was ended meanwhile.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Final

from sealproof.errors import SealproofError
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.calls import INTENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealproof.monitoring.alert import Alert
    from sealproof.rotation.notify import Notifier

ALERT: Final = "alert"
"""The operation under which an alert stands in the audit log."""
WAITS: Final = (0.0, 1.0, 4.0, 10.0, 20.0)
"""Seconds before each try. With five calls of four seconds the last one ends before a minute is over."""
UNDER_WAY_MAX: Final = 32
"""Alerts that are brought at once. Beyond, none is begun: each touch has a record of its own all the same."""
_JOIN_S: Final = 10.0
_PROBLEMS_MAX: Final = 100


class Delivery:
    """Brings alerts to what `sinks` returns by then, and has `record` write down that it does and how it ended.

    `sinks` and `record` are called in the threads. A sink raises SealproofErrors and no other.
    """

    def __init__(
        self,
        sinks: Callable[[], Sequence[Notifier]],
        record: Callable[[AuditRecord], object],
        *,
        waits: Sequence[float] = WAITS,
    ) -> None:
        self._sinks = sinks
        self._record = record
        self._waits = waits
        self.problems: deque[str] = deque(maxlen=_PROBLEMS_MAX)
        """What did not work, newest last."""
        self._process = os.getpid()
        self._mutex = Lock()
        self._ending = Event()
        self._threads: list[Thread] = []

    def __repr__(self) -> str:
        return f"Delivery({len(self._threads)} under way)"

    def begin(self, alert: Alert) -> None:
        """Take an alert, and return at once. At the end of the process each gets one last try."""
        if self._process != os.getpid():  # forked: the threads are the parent's, and who holds its lock is not here
            self._process, self._mutex = os.getpid(), Lock()
            self._renew()
        thread = Thread(target=self.bring, args=(alert,), name="sealproof-alert", daemon=True)
        with self._mutex:
            self._threads = [other for other in self._threads if other.is_alive()]
            if len(self._threads) >= UNDER_WAY_MAX:
                self.problems.append(f"{alert.kind}: {UNDER_WAY_MAX} alerts are under way, and no more is begun")
                return
            try:
                thread.start()
            except RuntimeError:
                is_late = True  # the interpreter is ending, and starts no thread any more
            else:
                is_late = False
                self._threads.append(thread)
        if is_late:
            self.bring(alert)
        else:
            atexit.register(self.close)

    def close(self) -> None:
        """Let each alert that is under way have one last try, and wait for it. More may be taken afterwards."""
        atexit.unregister(self.close)
        if self._process != os.getpid():
            return
        with self._mutex:
            ending, threads = self._renew()
        ending.set()
        for thread in threads:
            thread.join(_JOIN_S)

    def bring(self, alert: Alert) -> bool:
        """Bring an alert to every sink, here and now, and tell whether all of them took it."""
        ending = self._ending
        self._note(alert, INTENT, Outcome.ALLOW)
        waiting = self._found_sinks()
        is_told, tries = bool(waiting), 0
        for wait in self._waits:
            is_last = ending.wait(wait)
            tries += 1
            waiting = [sink for sink in waiting if not self._told(sink, alert)]
            if not waiting or is_last:
                break
        is_told = is_told and not waiting
        self._note(alert, "", Outcome.ALLOW if is_told else Outcome.ERROR, tries)
        return is_told

    def _renew(self) -> tuple[Event, list[Thread]]:
        """Begin anew, and return what was."""
        before = self._ending, self._threads
        self._ending, self._threads = Event(), []
        return before

    def _found_sinks(self) -> list[Notifier]:
        try:
            return list(self._sinks())
        except SealproofError as exc:
            self.problems.append(exc.message)
            return []

    def _told(self, sink: Notifier, alert: Alert) -> bool:
        try:
            sink.notify(alert)
        except SealproofError as exc:
            self.problems.append(f"{alert.kind} was not delivered: {exc.message}")
            return False
        return True

    def _note(self, alert: Alert, suffix: str, outcome: Outcome, tries: int = 0) -> None:
        numbers = {"attempts": tries} if tries else {}
        record = AuditRecord(
            alert.subject, Established(alert.established), ALERT + suffix, outcome,
            alert.environment, alert.name, request=alert.request, numbers=numbers,
        )  # fmt: skip
        try:
            self._record(record)
        except SealproofError as exc:
            self.problems.append(f"{alert.kind} was not recorded: {exc.message}")
