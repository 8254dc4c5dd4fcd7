"""How far this host has seen the log grow: a high-water mark beside the keys.

Written after each durable batch and never synced: it survives a killed process, and after a power
failure is at worst older than the log. So a log that is shorter than its mark was cut, or replaced
by an older copy.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.errors import MalformedFile
from sealproof.loader.files import unavailable

if TYPE_CHECKING:
    from sealproof.loader.files import Directory

_NAME = "mark"
_BYTES = 17  # 16 digits and a line feed
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Mark:
    """The number of records that were acknowledged."""

    __slots__ = ("_fd",)

    def __init__(self, directory: Directory) -> None:
        """Open it, made on first use. Raises FileUnavailable."""
        try:
            self._fd = os.open(_NAME, _FLAGS, 0o600, dir_fd=directory.fd)
        except OSError as exc:
            raise unavailable(f"{directory.path}/{_NAME}", exc) from exc

    def close(self) -> None:
        """Close it, once: the number may be another file's already."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def read(self) -> int:
        """Return the mark; 0 before the first one. Raises MalformedFile, OSError."""
        return _parse(os.pread(self._fd, _BYTES + 1, 0))

    def write(self, size: int) -> None:
        """Raise the mark. Raises OSError."""
        os.pwrite(self._fd, b"%016d\n" % size, 0)


def read_mark(directory: Directory) -> int:
    """Return the mark of the log whose keys lie in `directory`; 0 before the first one.

    Raises UnsafeFile, MalformedFile, FileUnavailable.
    """
    return _parse(directory.read(_NAME, limit=_BYTES, private=True) or b"")


def _parse(text: bytes) -> int:
    if len(text) < _BYTES or not text.strip(b"\0"):  # the first one was never written, or never reached the disk
        return 0
    if len(text) != _BYTES or not text[:-1].isdigit():
        message = f"the {_NAME} of an audit log is not {_BYTES - 1} digits"
        raise MalformedFile(message, hint="restore keys/audit/ from its backup, together with audit/")
    return int(text)
