"""Rows C6 and E8: a writer that is killed, or that the disk fails, at each of its file operations."""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING

from sealproof.checks.attacks._operations import counted, watched
from sealproof.checks.attacks.bench import FIRST, Bench, read
from sealproof.checks.attacks.interface import NotApplicable, Writing
from sealproof.checks.attacks.registry import attack
from sealproof.checks.scratch import leaks
from sealproof.checks.specimen import canaries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NAME = "API_TOKEN"
_ELSEWHERE = "it writes from another program, whose file operations cannot be stopped one at a time"
_FAULTS = (errno.ENOSPC, errno.EIO, errno.EROFS)


@attack("C6")
def crash(bench: Bench) -> None:
    """End the writer by SIGKILL before and after each file operation of a write and of a rotation."""
    bench.part(Writing, _ELSEWHERE)
    value = bench.plant(canaries(("X",))["X"])
    changes: dict[str, Callable[[], object]] = {"write": lambda: bench.store.put(FIRST, _NAME, value)}
    if bench.rotates(FIRST):
        changes["rotation"] = lambda: bench.store.rotate(FIRST)
    bench.restore()
    for what, change in changes.items():
        points = _points(bench, change)
        states = (bench.values[FIRST], bench.values[FIRST] | ({_NAME: value} if what == "write" else {}))
        for point in range(points):
            _killed_at(change, point)
            _judge(bench, f"{what} ended at point {point} of {points}", states)
            bench.restore()


def _points(bench: Bench, change: Callable[[], object]) -> int:
    points = counted(change)
    bench.restore()
    if not points:
        raise NotApplicable(_ELSEWHERE)
    return points


def _killed_at(change: Callable[[], object], point: int) -> None:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    left = point

    def hook(_name: str, _done: bool) -> None:  # noqa: FBT001 - the hook's shape
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    try:
        with watched(hook):
            change()
    finally:
        os._exit(0)


def _judge(bench: Bench, what: str, states: tuple[Mapping[str, str], ...]) -> None:
    store = bench.store
    store.reopen()
    loaded = bench.answer(lambda: dict(store.load(FIRST)))
    bench.holds(f"{what}: neither the old nor the new state loads", loaded in states)
    for path in bench.left_behind():
        bench.holds(f"{what}: plain text is left", not leaks(read(path), bench.hidden))
    if isinstance(loaded, Exception):
        return
    again = bench.answer(lambda: store.put(FIRST, "AFTERWARDS", "x"))
    bench.holds(f"{what}: the next write is refused", not isinstance(again, Exception))
    bench.rotates(FIRST)
    left = [os.path.basename(path) for path in bench.left_behind() if _is_temporary(path)]
    bench.holds(f"{what}: a temporary file is left after the next write and rotation", not left)


def _is_temporary(path: str) -> bool:
    name = os.path.basename(path).lower()
    return any(mark in name for mark in (".tmp", "tmp.", ".temp", ".new", ".part", ".swp", "~", ".bak", ".old"))


@attack("E8")
def failing_disk(bench: Bench) -> None:
    """Answer ENOSPC, EIO and EROFS to each file operation of a write: an error is raised, and a whole state loads."""
    bench.part(Writing, _ELSEWHERE)
    value = bench.plant(canaries(("X",))["X"])
    points = _points(bench, lambda: bench.store.put(FIRST, _NAME, value))
    states = (bench.values[FIRST], bench.values[FIRST] | {_NAME: value})
    for fault in _FAULTS:
        for point in range(0, points, 2):  # every other point is before an operation: there it can fail
            name = errno.errorcode[fault]
            failed = bench.answer(lambda: _failing_at(bench, value, point, fault))  # noqa: B023 - called at once
            bench.holds(f"{name} at point {point}: no documented error", isinstance(failed, Exception))
            bench.store.reopen()
            loaded = bench.answer(lambda: dict(bench.store.load(FIRST)))
            bench.holds(f"{name} at point {point}: no whole state loads", loaded in states)
            bench.restore()


def _failing_at(bench: Bench, value: str, point: int, fault: int) -> str:
    """Write with one operation failing; what is no documented refusal comes back as a text."""
    left = point

    def hook(_name: str, done: bool) -> None:  # noqa: FBT001 - the hook's shape
        nonlocal left
        if left == 0 and not done:
            left = -1
            raise OSError(fault, os.strerror(fault))
        left -= 1

    try:
        with watched(hook):
            bench.store.put(FIRST, _NAME, value)
    except bench.store.refusals:
        raise
    except Exception as exc:  # noqa: BLE001 - a class that is not documented is the result
        return type(exc).__name__
    return "no error"
