"""Destroy a key file: take its name away, overwrite it where it lies, then remove it.

The name goes first and durably, so that nobody ever reads half a key: whatever has the name is whole.
What a file system or a disk keeps of earlier blocks is beyond us (`docs/limitations.md`, Files).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.loader.files import is_temporary, temporary_of, unavailable

if TYPE_CHECKING:
    from sealproof.loader.files import Directory


def shred(directory: Directory, name: str) -> bool:
    """Destroy the file, and tell whether there was one. If we are killed, `sweep` goes on. Raises FileUnavailable."""
    dying = temporary_of(name)
    try:
        os.rename(name, dying, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
        os.fsync(directory.fd)
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise unavailable(f"{directory.path}/{name}", exc) from exc
    _destroy(directory, dying)
    return True


def sweep(directory: Directory) -> None:
    """Destroy what a writer that was killed left half-written, or half-destroyed. Raises FileUnavailable."""
    for name in directory.names():
        if is_temporary(name):
            _destroy(directory, name)


def _destroy(directory: Directory, name: str) -> None:
    try:
        fd = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory.fd)
        try:
            os.pwrite(fd, bytes(os.fstat(fd).st_size), 0)
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as exc:
        raise unavailable(f"{directory.path}/{name}", exc) from exc
    directory.remove(name)
