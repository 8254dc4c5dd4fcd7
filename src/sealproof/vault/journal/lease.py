"""Hold one scope for one worker, or share it: a lock that dies with its process, so nothing is ever left locked."""

from __future__ import annotations

import os
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from typing import TYPE_CHECKING

from sealproof.errors import OperationUnderWay
from sealproof.loader.files import PRIVATE_FILE, unavailable
from sealproof.signing import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.loader.files import Directory

_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def lease(keys: Directory, scope: str, *, shared: bool = False) -> Iterator[None]:
    """Hold `scope` until the block is left: alone, or `shared` with all who hold it so.

    Raises OperationUnderWay at once if it is held by somebody whom that excludes. The lock file is named by a digest,
    so that an erased tenant's name stays nowhere.
    """
    with keys.make("leases") as directory:
        name = f"{sha256(scope.encode()).hex()[:32]}.lock"
        try:
            fd = os.open(name, _OPEN, PRIVATE_FILE, dir_fd=directory.fd)
        except OSError as exc:
            raise unavailable(f"{directory.path}/{name}", exc) from exc
        try:
            _take(fd, f"{directory.path}/{name}", scope, LOCK_SH if shared else LOCK_EX)
            yield
        finally:
            os.close(fd)


def _take(fd: int, path: str, scope: str, how: int) -> None:
    try:
        flock(fd, how | LOCK_NB)
    except BlockingIOError:
        message = f"another process is working on {scope} right now"
        raise OperationUnderWay(
            message, hint="wait for it to end, then run the command again", names=(scope,)
        ) from None
    except OSError as exc:
        raise unavailable(path, exc) from exc
