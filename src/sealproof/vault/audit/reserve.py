"""A megabyte set aside, so that "the disk is full" can itself be recorded when the disk is full.

While the reserve is not whole nothing else is recorded: an ordinary record must never live on it.
One file serves all tenants of a store; each that meets a full disk is given a part of it.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, flock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealproof.envelope.cipher import Random
    from sealproof.loader.files import Directory

RESERVE_BYTES = 1024 * 1024
SHARE_BYTES = 64 * 1024  # what one tenant is given: a record, a checkpoint, and a change of epoch with its key
_NAME = ".reserve"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Reserve:
    """The reserve of one store. Everything raises OSError as the system gives it."""

    def __init__(self, directory: Directory, random: Random) -> None:
        self._directory = directory
        self._random = random

    def ensure(self) -> None:
        """See that the reserve is whole, filling it up where it is not. Raises OSError while the disk is full."""
        try:
            size = os.stat(_NAME, dir_fd=self._directory.fd, follow_symlinks=False).st_size
        except FileNotFoundError:
            size = 0
        if size < RESERVE_BYTES:
            self._fill()

    def release(self) -> None:
        """Give back one tenant's share."""
        fd = os.open(_NAME, _FLAGS, 0o600, dir_fd=self._directory.fd)
        try:
            flock(fd, LOCK_EX)
            os.ftruncate(fd, max(os.fstat(fd).st_size - SHARE_BYTES, 0))
        finally:
            os.close(fd)

    def _fill(self) -> None:
        fd = os.open(_NAME, _FLAGS, 0o600, dir_fd=self._directory.fd)
        try:
            flock(fd, LOCK_EX)
            present = os.fstat(fd).st_size
            try:
                _write(fd, self._random(max(RESERVE_BYTES - present, 0)), present)  # random: nothing compresses it away
                os.fsync(fd)
            except OSError:
                os.ftruncate(fd, present)
                raise
        finally:
            os.close(fd)


def _write(fd: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(fd, data, offset)
        offset += written
        data = data[written:]
