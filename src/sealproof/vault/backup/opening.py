"""Open a container and prove it: every chunk, every file against the manifest, every sealed file with its keys.

Nothing is written. `verify` keeps one file in memory at a time, and the key files of the container until the end.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.freshness import Freshness
from sealproof.envelope.grammar import FILE_MAX
from sealproof.envelope.open import unlock
from sealproof.errors import DataError, EvidenceRejected, UnsafeFile
from sealproof.loader.files import unavailable
from sealproof.vault.backup import header as headers
from sealproof.vault.backup.entries import Manifest, checked, entries_of
from sealproof.vault.backup.header import HEADER_MAX, Header, Identity
from sealproof.vault.backup.source import has_place, is_sealed, sealed_of
from sealproof.vault.backup.stagedkeys import StagedKeys
from sealproof.vault.backup.stream import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealproof.envelope.open import Unlocked
    from sealproof.vault.backup.entries import Entry, Sealed

_ANOTHER = "take another backup: sealproof backup list"
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Contents(NamedTuple):
    """What a container was proved to hold."""

    header: Header
    manifest: Manifest
    opens: dict[str, int]
    """By `tenant/environment`: how many values were opened with the container's own keys."""
    sealed_off: tuple[str, ...]
    """Scopes that need a passphrase (`MASTER_SECRET_KEY`) to be opened, and whose values were not looked at."""


class Container:
    """An open container file. It may be read any number of times."""

    def __init__(self, path: str, fd: int, header: Header) -> None:
        self.path = path
        self.header = header
        self._fd = fd

    def entries(self, key: bytes) -> Iterator[Entry]:
        """Yield the files from the beginning. Raises CannotOpen, MalformedFile, FileUnavailable."""
        position = len(self.header.data)

        def read(size: int) -> bytes:
            nonlocal position
            pieces = []
            while size and (piece := self._pread(size, position)):
                pieces.append(piece)
                position += len(piece)
                size -= len(piece)
            return b"".join(pieces)

        return entries_of(opened(key, self.header.data, read))

    def each(self, key: bytes, take: Callable[[Entry], None]) -> Manifest:
        """Give every file to `take` and prove all of them. Raises EvidenceRejected, and as `entries` does.

        What the manifest says of sealed files is compared with their bytes: whether a restore would bring back
        older values is decided by it.
        """
        sealed: list[Sealed] = []

        def look(entry: Entry) -> None:
            if not has_place(entry.path, self.header.scope):
                message = f"{entry.path} has no place in a backup of {self.header.scope}"
                raise EvidenceRejected(message, hint=_ANOTHER)
            if is_sealed(entry.path):
                data = entry.read(FILE_MAX)
                found = sealed_of(entry.path, data)
                sealed.extend([found] if found else [])
                entry = entry._replace(chunks=iter((data,)))
            take(entry)

        manifest = checked(self.entries(key), each=look, scope=self.header.scope)
        if sorted(sealed) != sorted(manifest.sealed):
            wrong = min(set(sealed) ^ set(manifest.sealed), default=None)
            of = f"{wrong.tenant}/{wrong.environment}" if wrong else "a file"
            message = f"the backup's manifest says of {of} what its sealed file does not"
            raise EvidenceRejected(message, hint=_ANOTHER)
        return manifest

    def _pread(self, size: int, position: int) -> bytes:
        try:
            return os.pread(self._fd, size, position)
        except OSError as exc:
            raise unavailable(self.path, exc) from exc


@contextmanager
def container(path: str) -> Iterator[Container]:
    """Open a container's file. Raises UnsafeFile, FileUnavailable, MalformedFile, UnsupportedFormat."""
    try:
        fd = os.open(path, _OPEN)
    except OSError as exc:
        raise unavailable(path, exc) from exc
    try:
        if not os.path.isfile(path):
            message = f"{path} is no regular file"
            raise UnsafeFile(message, hint=f"ls -la {path}")
        try:
            front = os.pread(fd, HEADER_MAX, 0)
        except OSError as exc:
            raise unavailable(path, exc) from exc
        yield Container(path, fd, headers.parse(front))
    finally:
        os.close(fd)


def verify(path: str, identity: Identity, *, now: int) -> Contents:
    """Restore into memory: prove the container, and open every sealed file in it with the keys in it.

    Raises CannotOpen, EvidenceRejected, MalformedFile, FileUnavailable.
    """
    with container(path) as found:
        key = headers.unlock(found.header, identity)
        keys = StagedKeys()
        manifest = found.each(key, keys.take)
        opens: dict[str, int] = {}
        closed: list[str] = []

        def look(entry: Entry) -> None:
            unlocked = sealed_file(entry, keys, now=now, closed=closed)
            if unlocked is not None:
                opens[f"{unlocked.envelope.tenant}/{unlocked.envelope.environment}"] = len(unlocked.values())

        found.each(key, look)
        return Contents(found.header, manifest, opens, tuple(closed))


def sealed_file(entry: Entry, keys: StagedKeys, *, now: int, closed: list[str]) -> Unlocked | None:
    """Return a sealed file of a container, unlocked with the keys in it; None for any other file.

    A scope whose keys need a passphrase that is not here goes to `closed`. Expiry does not count: it is a copy.
    Raises EvidenceRejected if a file in it does not open.
    """
    if not is_sealed(entry.path):
        return None
    data = entry.read(FILE_MAX)
    found = sealed_of(entry.path, data)
    if found is None:
        return None
    scope = f"{found.tenant}/{found.environment}"
    lines = keys.lines(found.tenant, found.environment)
    if lines is None:
        closed.append(scope)
        return None
    try:
        return unlock(data, tenant=found.tenant, environment=found.environment, keys=lines, freshness=_Copy(now=now))
    except DataError as exc:
        message = f"{scope} in the backup does not open with the keys in the backup"
        raise EvidenceRejected(message, hint=_ANOTHER) from exc


class _Copy(Freshness):
    """A copy is as old as it is."""

    def check(self, envelope: object) -> None:
        """Let every age pass."""
