"""A directory in memory for plain text that a person edits: nothing of it ever reaches a disk.

Editors keep swap and backup files beside the file they edit, so a whole directory lies in memory,
and everything in it is overwritten and removed on every way out that a process can see.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

from sealproof.errors import FileUnavailable
from sealproof.loader.files import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_MEMORY_FILESYSTEMS = ("tmpfs", "ramfs")
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
"""What ends a program and lets it tidy up first."""


@contextmanager
def memory_directory() -> Iterator[str]:
    """Yield a private directory on a memory file system; shred and remove it in the end.

    Raises FileUnavailable where this host has none: plain text is then not written anywhere.
    """
    parent = _memory_parent()
    previous = {number: signal.signal(number, _interrupt) for number in ENDING_SIGNALS}
    directory = ""
    try:
        directory = tempfile.mkdtemp(prefix="sealproof-", dir=parent)
        yield directory
    finally:
        for number in ENDING_SIGNALS:  # a second signal must not stop the shredding half-way
            signal.signal(number, signal.SIG_IGN)
        if directory:
            _shred(directory)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a signal handler's shape
    raise KeyboardInterrupt


def _memory_parent() -> str:
    candidates = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm")  # noqa: S108 - checked to be memory, made private
    for candidate in candidates:
        if candidate and os.access(candidate, os.W_OK) and _filesystem(candidate) in _MEMORY_FILESYSTEMS:
            return candidate
    message = "this host has no memory file system to edit in, and plain text is not written to a disk"
    raise FileUnavailable(message, hint="sealproof set TENANT NAME")


def _filesystem(path: str) -> str:
    """Return the type of the file system that `path` lies on (proc(5), mounts)."""
    target = os.path.realpath(path)
    best, kind = "", ""
    with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            _, point, name, *_ = line.split()
            inside = target == point or target.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, name
    return kind


def _shred(directory: str) -> None:
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with suppress(OSError):  # what cannot be overwritten is still removed, and so is everything after it
                os.chmod(path, 0o600)
                with open(path, "r+b") as file:
                    file.write(bytes(os.fstat(file.fileno()).st_size))
    try:
        shutil.rmtree(directory)
    except OSError as exc:
        raise unavailable(directory, exc) from exc
