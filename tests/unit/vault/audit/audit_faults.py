"""Break the operating system's file operations one at a time, or die in one of them.

A block is run again and again; each time another operation of it is the one that goes wrong, until
the block gets by without reaching that many operations.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.vault.audit import home, reserve, segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHANGING = tuple("open write pwrite fsync fdatasync rename unlink ftruncate mkdir rmdir fchmod".split())
READING = ("read", "pread", "stat", "fstat", "listdir")


def chosen(end: int) -> range:
    """Return which operations go wrong: every one if SEALPROOF_EVERY_FAULT is set, else a sample, printed."""
    stride = 1 if os.environ.get("SEALPROOF_EVERY_FAULT") else 9
    begin = random.SystemRandom().randint(1, stride)
    sys.stdout.write(f"operations {begin}, {begin + stride}, {begin + 2 * stride} …\n")
    return range(begin, end, stride)


class Counter:
    """Counts operations, and lets `act` have the one with number `at`."""

    def __init__(self, at: int, act: Callable[[str, Callable[[], object], tuple[object, ...]], object]) -> None:
        self.count = 0
        self.at = at
        self.act = act
        self.reached: str | None = None

    def wrap(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        def operation(*args: object, **options: object) -> object:
            if name == "open" and self.act is not fail and not args[1] & (os.O_CREAT | os.O_TRUNC):
                return real(*args, **options)
            self.count += 1
            if self.count < self.at or (self.count > self.at and not getattr(self.act, "lasting", False)):
                return real(*args, **options)
            self.reached = name
            return self.act(name, lambda: real(*args, **options), args)

        return operation


@contextmanager
def counted(counter: Counter, names: tuple[str, ...]) -> Iterator[Counter]:
    """Put `counter` in the way of the operations `names`."""
    real = {name: getattr(os, name) for name in names}
    locks = {module: module.flock for module in (home, reserve)}
    sync = segments._sync
    try:
        for name, call in real.items():
            setattr(os, name, counter.wrap(name, call))
        segments._sync = counter.wrap("fdatasync", sync)
        if "stat" in names:
            for module, call in locks.items():
                module.flock = counter.wrap("flock", call)
        yield counter
    finally:
        for name, call in real.items():
            setattr(os, name, call)
        segments._sync = sync
        for module, call in locks.items():
            module.flock = call


def fail(code: int, *, lasting: bool) -> Callable[..., object]:
    """Return an act that raises the system's error `code`: once, or from then on."""

    def act(name: str, call: Callable[[], object], args: tuple[object, ...]) -> object:
        raise OSError(code, os.strerror(code))

    act.lasting = lasting
    return act


def die_before(name: str, call: Callable[[], object], args: tuple[object, ...]) -> object:
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(name: str, call: Callable[[], object], args: tuple[object, ...]) -> object:
    try:
        call()
    finally:
        os.kill(os.getpid(), signal.SIGKILL)


def die_half_way(name: str, call: Callable[[], object], args: tuple[object, ...]) -> object:
    """Write the first half only."""
    if name in ("write", "pwrite"):
        half = bytes(args[1])[: len(args[1]) // 2]
        os.lseek(args[0], 0, os.SEEK_END) if name == "write" else None
        (_REAL[name])(args[0], half, *args[2:])
    os.kill(os.getpid(), signal.SIGKILL)


_REAL = {"write": os.write, "pwrite": os.pwrite}


def killed_in_child(
    block: Callable[[Callable[[str], None]], None], at: int, act: Callable[..., object]
) -> tuple[bool, list[str]]:
    """Run `block` in a process that dies in its operation number `at`; tell whether it did, and what it had said.

    The block is handed a function to say something with: what it acknowledges to its caller.
    """
    out, into = os.pipe()
    say = os.write
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            os.close(out)
            with counted(Counter(at, act), CHANGING):
                block(lambda text: say(into, text.encode() + b"\n") and None)
            code = 0
        finally:
            os._exit(code)
    os.close(into)
    with open(out, encoding="ascii") as pipe:
        said = pipe.read().split()
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True, said
    assert os.WEXITSTATUS(status) == 0
    return False, said
