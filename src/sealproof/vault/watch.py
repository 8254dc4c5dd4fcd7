"""Tell cheaply whether files are still the ones that were read: what makes a cache see other processes' writes.

Every save puts a new file in place, so a file's identity changes with its content. Each file is held open
meanwhile: the system cannot give its inode number to another one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.loader.files import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
Stamp = tuple[int, int, int, int, int]
_ABSENT: Stamp = (0, 0, 0, 0, 0)


class Watch:
    """Some paths, as they are when it is made. Make it first, then read, then ask whether it still holds."""

    __slots__ = ("_fds", "_stamps")

    def __init__(self, paths: Iterable[str]) -> None:
        """Take the identities. Raises FileUnavailable."""
        self._fds: list[int] = []
        self._stamps: list[tuple[str, Stamp]] = []
        try:
            for path in paths:
                self._stamps.append((path, self._held(path)))
        except OSError as exc:
            self.close()
            raise unavailable(path, exc) from exc

    def __del__(self) -> None:
        self.close()

    def holds(self) -> bool:
        """Tell whether every path still leads to the file that it led to, unchanged."""
        for path, stamp in self._stamps:
            try:
                if _stamp(os.lstat(path)) != stamp:
                    return False
            except FileNotFoundError:
                if stamp is not _ABSENT:
                    return False
            except OSError:
                return False
        return True

    def close(self) -> None:
        """Let the files go."""
        while self._fds:
            os.close(self._fds.pop())

    def _held(self, path: str) -> Stamp:
        try:
            fd = os.open(path, _FLAGS)
        except FileNotFoundError:
            return _ABSENT
        self._fds.append(fd)
        return _stamp(os.fstat(fd))


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
