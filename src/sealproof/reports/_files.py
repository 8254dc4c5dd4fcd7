"""Files of a report, read without following a link and never past a limit."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealproof.errors import EvidenceRejected, FileUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT: Final = 64 * 2**20
"""Bytes that one file of a report may have: some 100,000 results."""

_NO_LINK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_PLAIN = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EMLINK, errno.ENXIO})


@dataclass(frozen=True, slots=True)
class Folder:
    """An open directory: what is read through it is in it, wherever the path leads by then."""

    path: Path
    descriptor: int

    def names(self) -> tuple[str, ...]:
        """Return the names of all entries, sorted."""
        with os.scandir(self.descriptor) as entries:
            return tuple(sorted(entry.name for entry in entries))

    def read(self, name: str) -> bytes:
        """Return the content of a regular file.

        Raises EvidenceRejected if it is missing, a link, no regular file or over `LIMIT`.
        """
        with _refusals(name):
            descriptor = os.open(name, _NO_LINK | os.O_NONBLOCK, dir_fd=self.descriptor)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise _not_plain(name)
                content = file.read(LIMIT + 1)
        if len(content) > LIMIT:
            message = f"{name} is over {LIMIT} bytes"
            raise EvidenceRejected(message, hint="narrow the run by tenant, and verify each report", names=(name,))
        return content


@contextmanager
def opened(directory: Path) -> Iterator[Folder]:
    """Open a report's directory.

    Raises EvidenceRejected if there is none or the path ends in a link.
    """
    with _refusals(str(directory), "directory"):
        descriptor = os.open(directory, _NO_LINK | os.O_DIRECTORY)
    try:
        yield Folder(directory, descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _refusals(name: str, kind: str = "file") -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        message = f"{name} is missing"
        raise EvidenceRejected(message, hint="name the directory that `--report-dir` wrote", names=(name,)) from exc
    except OSError as exc:
        if exc.errno in _NOT_PLAIN:
            raise _not_plain(name, kind) from exc
        message = f"{name}: {exc.strerror}"
        raise FileUnavailable(message, names=(name,)) from exc


def _not_plain(name: str, kind: str = "file") -> EvidenceRejected:
    message = f"{name} is a link or another thing that is no plain {kind}"
    return EvidenceRejected(message, hint=f"name the {kind} itself", names=(name,))
