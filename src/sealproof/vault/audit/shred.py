"""Destroy a key file: overwrite it where it lies, then remove it.

What a file system or a disk keeps of earlier blocks is beyond us (`docs/limitations.md`, Files).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.loader.files import is_temporary, unavailable

if TYPE_CHECKING:
    from sealproof.loader.files import Directory


def shred(directory: Directory, name: str) -> bool:
    """Destroy the file, and tell whether there was one. Raises FileUnavailable."""
    try:
        fd = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory.fd)
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise unavailable(f"{directory.path}/{name}", exc) from exc
    try:
        os.pwrite(fd, bytes(os.fstat(fd).st_size), 0)
        os.fsync(fd)
    except OSError as exc:
        raise unavailable(f"{directory.path}/{name}", exc) from exc
    finally:
        os.close(fd)
    directory.remove(name)
    return True


def sweep(directory: Directory) -> None:
    """Destroy what a writer that was killed left half-written. Raises FileUnavailable."""
    for name in directory.names():
        if is_temporary(name):
            shred(directory, name)
