"""A directory that is put in place whole, or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from typing import TYPE_CHECKING

from sealproof.errors import CallerError, StoreExists, StoreNotFound
from sealproof.loader.files import Directory, open_root, unavailable

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
                _discard(directory, parent, partial)
                raise
            _sync(parent)


def _begun(parent: Directory, partial: str) -> Directory:
    begun = parent.make(partial)
    try:
        flock(begun.fd, LOCK_EX | LOCK_NB)
        for name in os.listdir(begun.fd):
            os.unlink(name, dir_fd=begun.fd)
    except BlockingIOError:
        begun.__exit__()
        message = f"another process is filling {begun.path}"
        raise CallerError(message, hint="wait for it, or name another directory") from None
    except OSError as exc:
        begun.__exit__()
        raise unavailable(begun.path, exc) from exc
    return begun


def _discard(directory: Directory, parent: Directory, partial: str) -> None:
    try:
        for name in os.listdir(directory.fd):
            os.unlink(name, dir_fd=directory.fd)
        os.rmdir(partial, dir_fd=parent.fd)
    except OSError:
        return  # the next one to the same place removes what is left


def _sync(directory: Directory) -> None:
    try:
        os.fsync(directory.fd)
    except OSError as exc:
        raise unavailable(directory.path, exc) from exc


def _put_in_place(directory: Directory, parent: Directory, partial: str, name: str) -> None:
    try:
        os.fsync(directory.fd)
        os.rename(partial, name, src_dir_fd=parent.fd, dst_dir_fd=parent.fd)
    except (FileExistsError, NotADirectoryError):
        raise _taken(f"{parent.path}/{name}") from None
    except OSError as exc:
        raise unavailable(f"{parent.path}/{name}", exc) from exc


def _taken(path: str) -> StoreExists:
    return StoreExists(f"{path} is there already, and was left as it is", hint="name a new directory")
