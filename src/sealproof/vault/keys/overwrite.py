"""Put a key file in another's place, or none, and overwrite the other where it lay.

The name goes first and the bytes after it: a file of zeros under a key's name is never met.

What a file system or a disk keeps of earlier blocks is beyond us (`docs/limitations.md`, Files).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.loader.files import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.loader.files import Directory


def replace_overwriting(directory: Directory, name: str, data: bytes) -> None:
    """Put `data` at `name` in one step, then overwrite what was there. Raises FileUnavailable."""
    with _outlived(directory, name):
        directory.replace(name, data)


def take_place(directory: Directory, source: str, name: str) -> None:
    """Rename `source` to `name` in one durable step, then overwrite what was there. Raises FileUnavailable."""
    with _outlived(directory, name):
        try:
            os.rename(source, name, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
            os.fsync(directory.fd)
        except OSError as exc:
            raise unavailable(f"{directory.path}/{name}", exc) from exc


def destroy(directory: Directory, name: str) -> bool:
    """Remove a file and overwrite what was in it; tell whether there was one. Raises FileUnavailable."""
    with _outlived(directory, name) as was_there:
        if was_there:
            directory.remove(name)
    return was_there


@contextmanager
def _outlived(directory: Directory, name: str) -> Iterator[bool]:
    """Overwrite the file that is at `name` now, once the block has taken it away; tell whether there is one."""
    path = f"{directory.path}/{name}"
    try:
        fd = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory.fd)
    except FileNotFoundError:
        yield False
        return
    except OSError as exc:
        raise unavailable(path, exc) from exc
    try:
        yield True
        try:
            os.pwrite(fd, bytes(os.fstat(fd).st_size), 0)
            os.fsync(fd)
        except OSError as exc:
            raise unavailable(path, exc) from exc
    finally:
        os.close(fd)
