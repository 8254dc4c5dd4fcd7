"""Row E7: writers side by side, and one reader."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import FIRST, Bench
from sealproof.checks.attacks.registry import attack

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROCESSES = (2, 4, 8)
_UPDATES = 200
_SHARE = 0.25  # of the time limit for each number of processes
_RETRIES = 400


@attack("E7")
def concurrent_writers(bench: Bench) -> None:
    """Let 2, 4 and 8 processes write 200 updates each, each its own name, while one reads: none lost, none torn."""
    for processes in _PROCESSES:
        until = time.monotonic() + bench.seconds * _SHARE
        children = {_writer(bench, number, until): number for number in range(processes)}
        written: dict[int, int] = {}
        reads = 0
        while children:
            loaded = bench.answer(lambda: bench.store.load(FIRST))
            reads += 1
            bench.holds(f"{processes} writers: a read was torn or refused", _is_whole(bench, loaded))
            child, status = os.waitpid(-1, os.WNOHANG)
            if child:
                written[children.pop(child)] = os.waitstatus_to_exitcode(status)
        bench.store.reopen()
        last = bench.store.load(FIRST)
        for number, count in written.items():
            expected = f"update {count - 1}" if count else None
            bench.holds(f"{processes} writers: an update was lost", count >= 0 and last.get(f"OF_{number}") == expected)
        bench.notes.append(f"{sum(written.values())} updates by {processes} writers, {reads} reads")
        bench.restore()


def _is_whole(bench: Bench, loaded: Mapping[str, str] | Exception) -> bool:
    return not isinstance(loaded, Exception) and all(
        loaded.get(name) == value for name, value in bench.values[FIRST].items()
    )


def _writer(bench: Bench, number: int, until: float) -> int:
    """Start a process that writes, and exits with how many updates it was told were done."""
    child = os.fork()
    if child:
        return child
    count = 0
    try:
        while count < _UPDATES and time.monotonic() < until and _written(bench, number, count):
            count += 1
    finally:
        os._exit(count)


def _written(bench: Bench, number: int, count: int) -> bool:
    """Write one update; a store may refuse because another was faster, and is asked again."""
    for _ in range(_RETRIES):
        answer = bench.answer(lambda: bench.store.put(FIRST, f"OF_{number}", f"update {count}"))
        if not isinstance(answer, Exception):
            return True
    return False
