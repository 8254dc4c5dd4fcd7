"""Segments: the log's files. Each begins with the opening of an epoch and is named by its first sequence number."""

from __future__ import annotations

import os
import re
import stat
from errno import ELOOP
from typing import TYPE_CHECKING

from sealproof.errors import AuditLogBroken, UnsafeFile
from sealproof.loader.files import unavailable
from sealproof.vault.audit.lines import LINE_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.loader.files import Directory

SEGMENT_BYTES = 64 * 1024 * 1024
_NAME = re.compile(r"[0-9]{16}\.jsonl").fullmatch
_CHUNK = 1024 * 1024  # bytes
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_sync = getattr(os, "fdatasync", os.fsync)  # macOS has only the latter


def segment_name(first: int) -> str:
    """Return the name of the segment that begins with sequence number `first`."""
    return f"{first:016}.jsonl"


def first_of(name: str) -> int:
    """Return the sequence number that a segment begins with."""
    return int(name.partition(".")[0])


def segment_names(directory: Directory) -> list[str]:
    """Return the names of a log's segments, oldest first."""
    return [name for name in directory.names() if _NAME(name)]


class Segment:
    """The newest segment, open to append to. Used under the log's lock."""

    __slots__ = ("_directory", "_fd", "_identity", "name", "size")

    def __init__(self, directory: Directory, name: str) -> None:
        """Open it. Raises UnsafeFile, FileUnavailable."""
        self._directory = directory
        self.name = name
        self._fd, status = _open(directory, name, _APPEND)
        self._identity = (status.st_ino, status.st_dev)
        self.size = 0
        """How many bytes of it the log's owner has seen and accepted."""

    def close(self) -> None:
        """Close it, once: the number may be another file's already."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    @property
    def path(self) -> str:
        """Where it lies, for messages."""
        return f"{self._directory.path}/{self.name}"

    def grown(self) -> int:
        """Return its present size. Raises AuditLogBroken if it is shorter than before, or not at its path any more."""
        size = os.fstat(self._fd).st_size
        try:
            status = os.stat(self.name, dir_fd=self._directory.fd, follow_symlinks=False)
        except FileNotFoundError:
            status = None
        if status is None or (status.st_ino, status.st_dev) != self._identity:
            message = f"{self.path} was moved, deleted or replaced while it was being written to"
            raise AuditLogBroken(message, hint=f"find out by whom: ls -la {self._directory.path}")
        if size < self.size:
            message = f"{self.path} was cut from {self.size} to {size} bytes while it was being written to"
            raise AuditLogBroken(message, hint="compare with an export or a backup from before")
        return size

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`, or fewer where it ends before. Raises OSError."""
        return b"".join(_read(self._fd, start, end))

    def append(self, data: bytes) -> None:
        """Put `data` at the end, durably; on failure it is cut off again as far as that goes. Raises OSError."""
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
            _sync(self._fd)
        except OSError:
            self._take_back()
            raise
        self.size += len(data)

    def cut(self) -> None:
        """Cut off, durably, what is behind the accepted size. Raises OSError."""
        os.ftruncate(self._fd, self.size)
        _sync(self._fd)

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._fd, self.size)
        except OSError:
            return  # what stands there was acknowledged to nobody, and the next writer moves it away


def read_segment(directory: Directory, name: str, *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield a segment's bytes in chunks, from `start` to `end`. Raises UnsafeFile, FileUnavailable."""
    fd, status = _open(directory, name, _READ)
    try:
        yield from _read(fd, start, status.st_size if end is None else end)
    except OSError as exc:
        raise unavailable(f"{directory.path}/{name}", exc) from exc
    finally:
        os.close(fd)


def read_lines(
    directory: Directory, name: str, *, start: int = 0, end: int | None = None
) -> Iterator[tuple[list[bytes], bytes]]:
    """Yield a segment's complete lines in portions, each with the beginning of the line that is not complete yet.

    `start` is where a line begins.
    Raises AuditLogBroken on a line without end, UnsafeFile, FileUnavailable.
    """
    rest = b""
    for chunk in read_segment(directory, name, start=start, end=end):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LINE_MAX:
            message = f"{directory.path}/{name} has a line of more than {LINE_MAX} bytes"
            raise AuditLogBroken(message, hint="compare with an export or a backup from before")
        yield lines, rest


def size_of(directory: Directory, name: str) -> int:
    """Return a segment's size. Raises FileUnavailable."""
    try:
        return os.stat(name, dir_fd=directory.fd, follow_symlinks=False).st_size
    except OSError as exc:
        raise unavailable(f"{directory.path}/{name}", exc) from exc


def _open(directory: Directory, name: str, flags: int) -> tuple[int, os.stat_result]:
    path = f"{directory.path}/{name}"
    try:
        fd = os.open(name, flags, dir_fd=directory.fd)
    except OSError as exc:
        if exc.errno == ELOOP:
            message = f"{path} is a symbolic link"
            raise UnsafeFile(message, hint=f"ls -la {path}") from exc
        raise unavailable(path, exc) from exc
    try:
        status = os.fstat(fd)
    except OSError as exc:
        os.close(fd)
        raise unavailable(path, exc) from exc
    if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o022 or status.st_nlink > 1:
        os.close(fd)
        message = f"{path} is no file of one name that only its owner may write"
        raise UnsafeFile(message, hint=f"ls -la {path}")
    return fd, status


def _read(fd: int, start: int, end: int) -> Iterator[bytes]:
    while start < end and (chunk := os.pread(fd, min(end - start, _CHUNK), start)):
        start += len(chunk)
        yield chunk
