"""The journal's bytes: opened without following links, locked, appended durably, a torn end set aside.

keys/rotation_log.json              the lines in use
keys/rotation_log.<first>.json      full files of earlier lines, named by the sequence number they begin with
keys/rotation_log.<offset>.torn     what a killed writer left behind the last line feed; acknowledged to nobody
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from typing import TYPE_CHECKING

from sealproof.errors import FileUnavailable, UnsafeFile
from sealproof.loader.files import PRIVATE_FILE, unavailable
from sealproof.vault.journal.entry import LINE_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.loader.files import Directory

FILE_NAME = "rotation_log.json"
ROLL_AT = 16 * 1024 * 1024  # bytes: about 30 000 lines; what is full is put by, and a new file begun
_EARLIER = re.compile(r"rotation_log\.([0-9]{12})\.json").fullmatch
_OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_CHUNK = 1 << 20  # bytes


class JournalFile:
    """The open file of the lines in use. Held under an exclusive lock to write, under a shared one to read."""

    def __init__(self, directory: Directory, fd: int) -> None:
        self._directory = directory
        self._fd = fd
        self.path = f"{directory.path}/{FILE_NAME}"
        status = os.fstat(fd)
        self.inode = status.st_ino
        self.size = status.st_size

    def lines(self, offset: int) -> Iterator[tuple[bytes, int]]:
        """Yield the whole lines from `offset` on, each with the offset behind it. A torn end is none."""
        rest = b""
        position = offset
        while chunk := os.pread(self._fd, min(_CHUNK, self.size - position), position):
            position += len(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                offset += len(line) + 1
                yield line, offset
            if len(rest) > LINE_MAX:
                yield rest, offset  # no line is so long: whoever parses it refuses it
                return

    def append(self, line: bytes) -> None:
        """Make one line durable at the end; on a refusal the file is as long as before. Raises OSError."""
        data = line + b"\n"
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._fd, data[written:], self.size + written)
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self.size += len(data)

    def set_torn_end_aside(self, end: int) -> bytes:
        """Move what stands behind `end` into a file of its own, and return it; nothing where all is whole."""
        if self.size == end:
            return b""
        torn = os.pread(self._fd, self.size - end, end)
        self._directory.replace(f"rotation_log.{end}.torn", torn)
        os.ftruncate(self._fd, end)
        os.fsync(self._fd)
        self.size = end
        return torn

    def put_by(self, first: int) -> None:
        """Give the full file its final name; the next opening begins a new one. Raises OSError."""
        there = self._directory.fd
        os.rename(FILE_NAME, f"rotation_log.{first:012}.json", src_dir_fd=there, dst_dir_fd=there)
        os.fsync(there)

    def release(self) -> None:
        """Let writers on: what was there when the file was opened stays readable as it is."""
        flock(self._fd, LOCK_UN)


@contextmanager
def to_write(directory: Directory) -> Iterator[JournalFile]:
    """Open the file in use for this process alone, made if there is none. Raises UnsafeFile, FileUnavailable."""
    with _opened(directory, write=True) as file:
        if file is None:
            raise AssertionError(FILE_NAME)
        yield file


@contextmanager
def to_read(directory: Directory) -> Iterator[JournalFile | None]:
    """Open the file in use while nobody writes; None where there is none. Raises UnsafeFile, FileUnavailable."""
    with _opened(directory, write=False) as file:
        yield file


def earlier_files(directory: Directory) -> list[str]:
    """Return the names of the files that are full, oldest first."""
    return [name for name in directory.names() if _EARLIER(name)]


def earlier_lines(directory: Directory, name: str) -> Iterator[bytes]:
    """Yield the lines of a full file. Raises UnsafeFile, FileUnavailable."""
    data = directory.read(name, limit=ROLL_AT + LINE_MAX + 1, private=True)
    if data is None:
        message = f"{directory.path}/{name} vanished"
        raise FileUnavailable(message, hint=f"ls -la {directory.path}")
    yield from data.removesuffix(b"\n").split(b"\n")


@contextmanager
def _opened(directory: Directory, *, write: bool) -> Iterator[JournalFile | None]:
    path = f"{directory.path}/{FILE_NAME}"
    try:
        fd = _opened_in_place(directory, write=write)
        if fd is None:
            yield None
            return
        try:
            _check(path, os.fstat(fd))
            yield JournalFile(directory, fd)
        finally:
            os.close(fd)
    except OSError as exc:
        raise unavailable(path, exc) from exc


def _opened_in_place(directory: Directory, *, write: bool) -> int | None:
    """Return a locked descriptor of what stands at the path now: it may be put by while we wait for the lock."""
    while True:
        made = False
        try:
            fd = os.open(FILE_NAME, _OPEN, dir_fd=directory.fd)
        except FileNotFoundError:
            if not write:
                return None
            fd = os.open(FILE_NAME, _OPEN | os.O_CREAT, PRIVATE_FILE, dir_fd=directory.fd)
            made = True
        try:
            flock(fd, LOCK_EX if write else LOCK_SH)
            if made:
                os.fsync(directory.fd)
            if _is_in_place(directory, fd):
                return fd
        except OSError:
            os.close(fd)
            raise
        os.close(fd)


def _is_in_place(directory: Directory, fd: int) -> bool:
    try:
        there = os.stat(FILE_NAME, dir_fd=directory.fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)


def _check(path: str, status: os.stat_result) -> None:
    """Refuse what somebody else may have written."""
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_nlink != 1 or mode & 0o077:
        message = f"{path} is no private regular file of this user (mode {mode:04o})"
        raise UnsafeFile(message, hint=f"ls -la {path}; chmod 600 {path}")
