"""A directory that is put in place whole, or not at all."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from typing import TYPE_CHECKING

from sealproof.errors import CallerError, StoreExists, StoreNotFound
from sealproof.loader.files import PRIVATE_DIRECTORY, Directory, open_root, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def new_directory(path: str) -> Iterator[Directory]:
    """Open a new private directory to fill; when the block ends, it becomes `path`. If it raises, nothing is left.

    What a killed process left of an earlier try is removed.
    Raises StoreExists if something is at `path`, CallerError if its parent is not there, FileUnavailable.
    """
    path = os.path.abspath(path)
    name, above = os.path.basename(path), os.path.dirname(path)
    try:
        parent = open_root(above)
    except StoreNotFound:
        message = f"there is no directory {above}"
        raise CallerError(message, hint=f"mkdir -p {above}") from None
    with parent:
        if name in parent.names():
            raise _taken(path)
        partial = f".{name}.partial"
        with _begun(parent, partial) as directory:
            try:
                yield directory
                _put_in_place(directory, parent, partial, name)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True, dir_fd=parent.fd)
                raise


def _begun(parent: Directory, partial: str) -> Directory:
    left = parent.enter(partial)
    if left is not None:
        with left:
            _lock(left, partial)
            shutil.rmtree(partial, dir_fd=parent.fd)
    try:
        os.mkdir(partial, PRIVATE_DIRECTORY, dir_fd=parent.fd)
    except OSError as exc:
        raise unavailable(f"{parent.path}/{partial}", exc) from exc
    begun = parent.make(partial)
    _lock(begun, partial)
    return begun


def _lock(directory: Directory, partial: str) -> None:
    try:
        flock(directory.fd, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        message = f"another process is filling {directory.path}"
        raise CallerError(message, hint=f"wait for it, or name another directory than {partial}") from None


def _put_in_place(directory: Directory, parent: Directory, partial: str, name: str) -> None:
    try:
        os.fsync(directory.fd)
        os.rename(partial, name, src_dir_fd=parent.fd, dst_dir_fd=parent.fd)
        os.fsync(parent.fd)
    except (FileExistsError, NotADirectoryError):
        raise _taken(f"{parent.path}/{name}") from None
    except OSError as exc:
        raise unavailable(f"{parent.path}/{name}", exc) from exc


def _taken(path: str) -> StoreExists:
    return StoreExists(f"{path} is there already, and was left as it is", hint="name a new directory")
