"""Group commit: who arrives together shares one write, and whatever happens to it reaches everybody."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from audit_workshop import TENANT, a_record, records_of

from sealproof.errors import AuditUnavailable, InvalidRecord
from sealproof.vault.audit.group import GroupCommit
from sealproof.vault.audit.interface import BATCH_MAX, Receipt
from sealproof.vault.audit.log import AuditLog

PATIENCE = 20  # seconds until a test that hangs is called broken


class Sink:
    """An audit sink that keeps batches in memory, and waits in each until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[object]] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.problem: BaseException | None = None
        self.threads: set[int] = set()

    def append(self, records):
        self.threads.add(threading.get_ident())
        self.entered.release()
        assert self.gate.wait(PATIENCE)
        if self.problem is not None:
            raise self.problem
        if any(record.operation == "WRONG" for record in records):
            raise InvalidRecord("a record is outside the grammar")
        first = sum(map(len, self.batches))
        self.batches.append(list(records))
        return Receipt(first, len(records), 1000, 1)


@pytest.fixture
def sink():
    return Sink()


def test_a_lone_caller_has_a_batch_of_its_own(sink):
    with GroupCommit(sink) as group:
        assert group.append([a_record()]) == Receipt(0, 1, 1000, 1)
        assert group.append([a_record(), a_record()]) == Receipt(1, 2, 1000, 1)
    assert [len(batch) for batch in sink.batches] == [1, 2]


def test_what_arrives_during_a_write_shares_the_next(sink):
    async def play():
        sink.gate.clear()
        with GroupCommit(sink) as group:
            first = asyncio.ensure_future(group.recorded([a_record(request="first")]))
            await asyncio.to_thread(sink.entered.acquire, timeout=PATIENCE)
            others = [asyncio.ensure_future(group.recorded([a_record(request=f"o{n}")] * 2)) for n in range(5)]
            await asyncio.sleep(0)
            sink.gate.set()
            return await first, await asyncio.gather(*others)

    first, others = asyncio.run(play())
    assert first.first == 0
    assert [receipt.first for receipt in others] == [1, 3, 5, 7, 9]
    assert [len(batch) for batch in sink.batches] == [1, 10]


def test_tasks_that_are_ready_together_share_the_first_write(sink):
    async def play():
        with GroupCommit(sink) as group:
            return await asyncio.gather(*(group.recorded([a_record(request=f"t{n}")]) for n in range(64)))

    receipts = asyncio.run(play())
    assert [len(batch) for batch in sink.batches] == [64]
    assert [record.request for record in sink.batches[0]] == [f"t{n}" for n in range(64)]
    assert [receipt.first for receipt in receipts] == list(range(64))


def test_threads_share_writes_and_get_their_own_places(sink):
    sink.gate.clear()
    with GroupCommit(sink) as group, ThreadPoolExecutor(8) as pool:
        answers = {name: pool.submit(group.append, [a_record(request=name)]) for name in map(str, range(8))}
        assert sink.entered.acquire(timeout=PATIENCE)
        sink.gate.set()
        receipts = {name: answer.result(PATIENCE) for name, answer in answers.items()}
    written = [record.request for batch in sink.batches for record in batch]
    assert {name: written[receipt.first] for name, receipt in receipts.items()} == {name: name for name in receipts}
    assert len(sink.threads) == 1


def test_a_batch_holds_no_more_than_a_batch_may(sink):
    async def play():
        with GroupCommit(sink) as group:
            await asyncio.gather(*(group.recorded([a_record()] * 400) for _ in range(5)))

    asyncio.run(play())
    assert [len(batch) for batch in sink.batches] == [800, 800, 400]
    assert max(map(len, sink.batches)) <= BATCH_MAX


@pytest.mark.parametrize("problem", [AuditUnavailable("no", hint="df", names=("a",)), RuntimeError("a bug")])
def test_an_error_reaches_everyone_in_the_batch(sink, problem):
    sink.problem = problem

    async def play():
        with GroupCommit(sink) as group:
            waiters = (group.recorded([a_record()]) for _ in range(3))
            return await asyncio.gather(*waiters, return_exceptions=True)

    raised = asyncio.run(play())
    assert [type(error) for error in raised] == [type(problem)] * 3
    assert [str(error) for error in raised] == [str(problem)] * 3
    if isinstance(problem, AuditUnavailable):
        assert {(error.hint, error.names) for error in raised} == {("df", ("a",))}
        assert len({id(error) for error in raised}) == 3


def test_after_an_error_the_next_batch_is_tried(sink):
    sink.problem = AuditUnavailable("no")
    with GroupCommit(sink) as group:
        with pytest.raises(AuditUnavailable):
            group.append([a_record()])
        sink.problem = None
        assert group.append([a_record()]).records == 1


def test_a_wrong_record_is_refused_alone(sink):
    async def play():
        with GroupCommit(sink) as group:
            calls = [group.recorded([a_record(operation=name)]) for name in ("read", "WRONG", "write")]
            return await asyncio.gather(*calls, return_exceptions=True)

    good, wrong, other = asyncio.run(play())
    assert isinstance(wrong, InvalidRecord)
    assert (good.first, other.first) == (0, 1)


@pytest.mark.parametrize("count", [0, BATCH_MAX + 1])
def test_no_records_or_too_many_are_no_batch(sink, count):
    with GroupCommit(sink) as group, pytest.raises(InvalidRecord, match="no batch"):
        group.append([a_record()] * count)
    assert sink.batches == []


def test_more_than_may_wait_is_refused_and_the_rest_is_written(sink):
    sink.gate.clear()

    async def play():
        with GroupCommit(sink, waiting_max=4) as group:
            first = asyncio.ensure_future(group.recorded([a_record()]))
            await asyncio.to_thread(sink.entered.acquire, timeout=PATIENCE)
            waiting = [asyncio.ensure_future(group.recorded([a_record()] * 2)) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(AuditUnavailable, match="4 audit records wait"):
                await group.recorded([a_record()])
            sink.gate.set()
            await asyncio.gather(first, *waiting)
            await group.recorded([a_record()] * 4)

    asyncio.run(play())
    assert [len(batch) for batch in sink.batches] == [1, 4, 4]


def test_a_cancelled_task_is_recorded_and_hinders_nobody(sink):
    async def play():
        sink.gate.clear()
        with GroupCommit(sink) as group:
            cancelled = asyncio.ensure_future(group.recorded([a_record(request="gone")]))
            stays = asyncio.ensure_future(group.recorded([a_record(request="stays")]))
            await asyncio.to_thread(sink.entered.acquire, timeout=PATIENCE)
            cancelled.cancel()
            sink.gate.set()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            return await stays

    assert asyncio.run(play()).first == 1
    assert [record.request for record in sink.batches[0]] == ["gone", "stays"]


def test_a_loop_that_was_closed_hinders_nobody(sink):
    sink.gate.clear()
    with GroupCommit(sink) as group:
        loop = asyncio.new_event_loop()
        task = loop.create_task(group.recorded([a_record()]))
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
        assert sink.entered.acquire(timeout=PATIENCE)
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()
        sink.gate.set()
        assert group.append([a_record()]).first == 1


def test_it_may_be_used_after_closing(sink):
    group = GroupCommit(sink)
    group.close()
    group.append([a_record()])
    group.close()
    group.close()
    assert group.append([a_record()]).first == 1
    group.close()
    assert "GroupCommit(" in repr(group)


def test_where_no_thread_starts_any_more_the_caller_writes(sink, monkeypatch):
    """What an interpreter does that is ending; see the exit handler below for the whole way."""

    def refuse(*_: object) -> None:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    group = GroupCommit(sink)
    assert group.append([a_record()]).first == 0
    assert sink.threads == {threading.get_ident()}


def test_another_process_has_nothing_of_ours_in_it(sink, monkeypatch):
    group = GroupCommit(sink)
    group.append([a_record()])
    before = group._thread
    monkeypatch.setattr(os, "getpid", lambda: -1)
    group.close()
    assert group._thread is None
    before.shutdown()


def test_a_child_after_fork_writes_with_a_thread_of_its_own(root):
    with AuditLog(root, TENANT) as log, GroupCommit(log) as group:
        group.append([a_record(request="parent")])
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                group.append([a_record(request="child")])
                group.close()
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        group.append([a_record(request="after")])
    requests = [line.split(b'"rid":"')[1].split(b'"')[0] for line in records_of(root)]
    assert requests == [b"parent", b"child", b"after"]


def test_an_exit_handler_can_still_record(root):
    program = f"""
import atexit
from sealproof.vault.audit.group import GroupCommit
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog

group = GroupCommit(AuditLog({root!r}, {TENANT!r}))
record = AuditRecord("user:alice", Established.UID, "stop", Outcome.ALLOW)
atexit.register(lambda: print(group.append([record]).first))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert (ended.stdout, ended.stderr) == ("0\n", "")
