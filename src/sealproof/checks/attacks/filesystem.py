"""Rows E3 to E6: links, races, odd files, and what is left lying about."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from sealproof.checks.attacks._operations import watched
from sealproof.checks.attacks.bench import FIRST, Bench, read, write
from sealproof.checks.attacks.interface import Writing
from sealproof.checks.attacks.registry import attack
from sealproof.checks.scratch import leaks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_RACES = 2000
_SHARE = 0.7
_PROMPT = 1.0  # seconds
_SIGNALLED = 6  # writers that are told to stop at some moment


@attack("E3")
def links(bench: Bench) -> None:
    """Put links in the place of files, of temporaries and of directories: refused, what they lead to unchanged."""
    outside = os.path.join(bench.directory, "outside")
    os.mkdir(outside, 0o700)
    for file in bench.files():
        target = os.path.join(outside, os.path.basename(file.path))
        shutil.copy2(file.path, bench.mine(target))
        _linked(bench, f"{file.kind} file is a link", file.path, target, file.tenant or FIRST)
    for directory in sorted({os.path.dirname(file.path) for file in bench.files("data")}):
        if directory == bench.store_directory:
            continue
        target = os.path.join(outside, f"of-{os.path.basename(directory)}")
        shutil.copytree(directory, target)
        for name in os.listdir(target):
            bench.mine(os.path.join(target, name))
        tenant = next(file.tenant for file in bench.files("data") if file.path.startswith(directory)) or FIRST
        _linked(bench, "directory is a link", directory, target, tenant)
    if isinstance(bench.store, Writing):
        _planted(bench, os.path.join(outside, "victim"))


def _linked(bench: Bench, what: str, path: str, target: str, tenant: str) -> None:
    with bench.moved_away(path):
        os.symlink(target, path)
        before = _bytes(target)
        bench.refuses(f"{what}, on reading", lambda: bench.store.load(tenant))
        bench.refuses(f"{what}, on writing", lambda: bench.store.put(tenant, "API_TOKEN", "x"), wrote=True)
        bench.holds(f"{what}: what it leads to was changed", _bytes(target) == before)


def _bytes(path: str) -> list[tuple[str, bytes]]:
    if os.path.isfile(path):
        return [(path, read(path))]
    return sorted(
        (name, read(os.path.join(path, name))) for name in os.listdir(path) if os.path.isfile(os.path.join(path, name))
    )


def _planted(bench: Bench, victim: str) -> None:
    """See which temporary names a write uses, plant links there, and write again."""
    write(victim, b"untouched")
    seen: set[str] = set()

    def look(_name: str, done: bool) -> None:  # noqa: FBT001 - the hook's shape
        if done:
            seen.update(bench.left_behind())

    known = set(bench.left_behind())
    with watched(look):
        bench.store.put(FIRST, "API_TOKEN", "x")
    bench.restore()
    for path in seen - known:
        if os.path.isdir(os.path.dirname(path)) and not os.path.lexists(path):
            os.symlink(victim, path)
    bench.answer(lambda: bench.store.put(FIRST, "API_TOKEN", "x"))
    bench.holds("a link at a temporary's name was followed", read(victim) == b"untouched")
    bench.restore()


@attack("E4")
def link_race(bench: Bench) -> None:
    """Let a second thread flip the data file between itself and a link, for 2,000 writes."""
    path = bench.data_file().path
    victim = bench.mine(os.path.join(bench.directory, "victim"))
    shutil.copy2(path, victim)
    before = read(victim)
    ended = threading.Event()
    flipper = threading.Thread(target=_flip, args=(path, victim, ended))
    flipper.start()
    until = time.monotonic() + bench.seconds * _SHARE
    writes = 0
    try:
        while writes < _RACES and time.monotonic() < until:
            bench.answer(partial(bench.store.put, FIRST, "API_TOKEN", f"write {writes}"))
            writes += 1
            if read(victim) != before:
                break
    finally:
        ended.set()
        flipper.join()
    bench.holds("the file outside was changed", read(victim) == before)
    bench.trials.count += writes
    bench.notes.append(f"{writes} writes")


def _flip(path: str, victim: str, ended: threading.Event) -> None:
    aside, link = f"{path}.flip-file", f"{path}.flip-link"
    os.symlink(victim, link)
    while not ended.is_set():
        try:
            os.rename(path, aside)
            os.rename(link, path)
            os.rename(path, link)
            os.rename(aside, path)
        except FileNotFoundError:  # the writer was in between: put a whole file back
            if not os.path.lexists(path):
                shutil.copy2(victim, path)
            for name in (aside, link):
                if os.path.lexists(name):
                    os.unlink(name)
            os.symlink(victim, link)


@attack("E5")
def odd_files(bench: Bench) -> None:
    """Put a pipe, a socket, a device, a directory and a hard link in the place of each file: refused within 1 s."""
    odd: dict[str, Callable[[str], object]] = {
        "a pipe": os.mkfifo,
        "a socket": _socket,
        "a link to an endless device": lambda path: os.symlink("/dev/zero", path),
        "a directory": os.mkdir,
        "a hard link": lambda path: os.link(os.path.join(bench.directory, "aside"), path),
    }
    for file in bench.files():
        tenant = file.tenant or FIRST
        for what, make in odd.items():
            with bench.moved_away(file.path):
                make(file.path)
                # Asked twice: on a busy machine the first second may have been somebody else's.
                if _hangs(bench, tenant) and _hangs(bench, tenant):
                    bench.broke(f"{what} as {file.kind} file: the load hangs")
                    continue
                with _promptly():
                    bench.refuses(f"{what} as {file.kind} file", partial(bench.store.load, tenant))


def _hangs(bench: Bench, tenant: str) -> bool:
    try:
        with _promptly():
            bench.store.load(tenant)
    except TimeoutError:
        return True
    except Exception:  # noqa: BLE001 - judged by the attempt that follows
        return False
    return False


def _socket(path: str) -> None:
    here = os.getcwd()
    os.chdir(os.path.dirname(path))  # a socket's path may have some 100 bytes
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.basename(path))
    os.chdir(here)


@contextmanager
def _promptly() -> Iterator[None]:
    """Interrupt a block that takes over a second: the exception is no documented refusal."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, _PROMPT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@attack("E6")
def leavings(bench: Bench) -> None:
    """Look for temporaries, backups and plain text after writes, refused writes, errors and signals."""
    known = {os.path.relpath(path, bench.store_directory) for path in bench.left_behind()}
    bench.store.put(FIRST, "API_TOKEN", bench.values[FIRST]["DB_PASSWORD"])
    _left(bench, "after a write", known)
    bench.answer(lambda: bench.store.put(FIRST, "A\0B", "x"))
    bench.answer(lambda: bench.store.put("../out", "A", "x"))
    _left(bench, "after refused writes", known)
    path = bench.data_file().path
    with bench.changed(path, read(path)[:-3]):
        bench.answer(lambda: bench.store.load(FIRST))
        bench.answer(lambda: bench.store.put(FIRST, "API_TOKEN", "x"))
    _left(bench, "after errors", known)
    for turn in range(_SIGNALLED):
        _signalled(bench, turn)
    bench.store.reopen()
    bench.answer(lambda: bench.store.put(FIRST, "API_TOKEN", "y"))
    bench.rotates(FIRST)
    _left(bench, "after signals and one more write", known)


def _signalled(bench: Bench, turn: int) -> None:
    """Let a child write for ever, and tell it to stop after some milliseconds."""
    child = os.fork()
    if child == 0:
        try:
            while True:
                bench.store.put(FIRST, "API_TOKEN", "z")
        finally:
            os._exit(0)
    time.sleep(0.005 * (turn + 1))
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)


def _left(bench: Bench, when: str, known: set[str]) -> None:
    left = {os.path.relpath(path, bench.store_directory) for path in bench.left_behind()} - known
    more = sorted(name for name in left if not os.path.basename(name).endswith(".lock"))
    bench.holds(f"{when}: {', '.join(os.path.basename(name) for name in more[:3])}", not more)
    for file in bench.files():
        bench.holds(f"{when}: plain text in a {file.kind} file", not leaks(read(file.path), bench.hidden))
