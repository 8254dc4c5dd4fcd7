"""Group commit: callers that arrive together share one durable write.

While one batch is being written, whatever arrives gathers into the next. So a lone caller waits for
one flush of the disk, and a thousand at once wait for two, not for a thousand.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import AuditUnavailable, InvalidRecord, SealproofError
from sealproof.vault.audit.interface import BATCH_MAX, Receipt, check_batch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from sealproof.vault.audit.interface import AuditRecord, AuditSink

WAITING_MAX = 65_536  # records that may wait for their turn; beyond, the log is refused rather than memory filled


class GroupCommit:
    """An `AuditSink` in front of another one, which it calls from one thread of its own.

    Threads call `append`, asyncio tasks await `recorded`; one object serves both at once, and several
    event loops. Each caller's records stay together, in order, in one batch. Both return when the records are durable.
    What the sink raises reaches every caller whose records were in the batch; only InvalidRecord is heard
    by nobody but the caller whose own records are wrong.
    """

    def __init__(self, sink: AuditSink, *, waiting_max: int = WAITING_MAX) -> None:
        self._sink = sink
        self._waiting_max = waiting_max
        self._thread: ThreadPoolExecutor | None = None
        self._begin()

    def __repr__(self) -> str:
        return f"GroupCommit({self._sink!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what still waits, and end the thread. The sink stays open, and more records start another thread."""
        self._after_fork()
        with self._mutex:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown()

    def append(self, records: Sequence[AuditRecord]) -> Receipt:
        """Return when `records` are durable. For threads: it blocks. See `AuditSink`.

        Raises AuditUnavailable also if too many records wait already: then none of these was taken.
        """
        answer: Future[Receipt] = Future()
        self._add(_Submission(records, answer, None))
        self._start()
        return answer.result()

    async def recorded(self, records: Sequence[AuditRecord]) -> Receipt:
        """Return when `records` are durable. For asyncio: other tasks run meanwhile. Raises what `append` raises.

        If the task is cancelled while it waits, the records are written all the same: the log may say more than
        was served, never less.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Receipt] = loop.create_future()
        self._add(_Submission(records, answer, loop))
        loop.call_soon(self._start)  # behind the tasks that are ready now, so that their records come along
        return await answer

    def _begin(self) -> None:
        self._process = os.getpid()
        self._mutex = Lock()
        self._waiting: deque[_Submission] = deque()
        self._count = 0  # records in `_waiting`
        self._at_work = False
        self._thread = None

    def _after_fork(self) -> None:
        """Leave the parent its thread and what waits for it: neither exists in this process."""
        if self._process != os.getpid():
            self._begin()

    def _add(self, submission: _Submission) -> None:
        check_batch(submission.records)
        self._after_fork()
        with self._mutex:
            if self._count + len(submission.records) > self._waiting_max:
                message = f"{self._count} audit records wait to be written, and no more are taken"
                raise AuditUnavailable(message, hint="the disk is too slow for this load: iostat -x 1")
            self._waiting.append(submission)
            self._count += len(submission.records)

    def _start(self) -> None:
        with self._mutex:
            if self._at_work or not self._waiting:
                return
            self._at_work = True
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, "sealproof-audit")
            try:
                self._thread.submit(self._work)
            except RuntimeError:
                here = True  # the interpreter is ending, and starts no thread any more
            else:
                here = False
        if here:
            self._work()

    def _work(self) -> None:
        while batch := self._take():
            self._write(batch)

    def _take(self) -> list[_Submission]:
        """Return what goes into the next batch; nothing, and the work is over, if nobody waits."""
        batch: list[_Submission] = []
        taken = 0
        with self._mutex:
            while self._waiting and taken + len(self._waiting[0].records) <= BATCH_MAX:
                batch.append(self._waiting.popleft())
                taken += len(batch[-1].records)
            self._count -= taken
            self._at_work = bool(batch)
        return batch

    def _write(self, batch: Sequence[_Submission]) -> None:
        try:
            receipt = self._sink.append([record for submission in batch for record in submission.records])
        except InvalidRecord as exc:
            if len(batch) == 1:
                _deliver(batch, [exc])
            else:
                for submission in batch:  # one of them is wrong: the others shall not suffer from it
                    self._write([submission])
        except SealproofError as exc:
            _deliver(batch, [_own(exc) for _ in batch])
        except BaseException as exc:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            _deliver(batch, [exc] * len(batch))
        else:
            _deliver(batch, _receipts(batch, receipt))


class _Submission(NamedTuple):
    records: Sequence[AuditRecord]
    answer: Future[Receipt] | asyncio.Future[Receipt]
    loop: asyncio.AbstractEventLoop | None

    def settle(self, outcome: Receipt | BaseException) -> None:
        """Let the caller go on. Call it where the answer lives: in its loop, if it has one."""
        if self.answer.done():
            return  # the task was cancelled
        if isinstance(outcome, BaseException):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


def _receipts(batch: Sequence[_Submission], whole: Receipt) -> list[Receipt]:
    first, receipts = whole.first, []
    for submission in batch:
        receipts.append(Receipt(first, len(submission.records), whole.at, whole.epoch))
        first += len(submission.records)
    return receipts


def _own(error: SealproofError) -> SealproofError:
    """Return the error once more: callers that raise one object would write into each other's traceback."""
    own = type(error)(error.message, hint=error.hint, names=error.names)
    own.__cause__ = error
    return own


def _deliver(batch: Sequence[_Submission], outcomes: Sequence[Receipt | BaseException]) -> None:
    """Settle every submission: threads at once, tasks together in one callback a loop."""
    tasks: dict[asyncio.AbstractEventLoop, list[tuple[_Submission, Receipt | BaseException]]] = {}
    for submission, outcome in zip(batch, outcomes, strict=True):
        if submission.loop is None:
            submission.settle(outcome)
        else:
            tasks.setdefault(submission.loop, []).append((submission, outcome))
    for loop, settled in tasks.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            continue  # the loop was closed, and its tasks with it


def _settle(settled: Sequence[tuple[_Submission, Receipt | BaseException]]) -> None:
    for submission, outcome in settled:
        submission.settle(outcome)
