"""What of a store goes into a backup: named, opened without following links, read in pieces.

A tenant's backup holds its files, its audit log and its epoch keys as key lines, so that it opens
without the store it came from. A store's backup holds `keys/` as it lies there: whoever takes it needs no passphrase.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.grammar import is_environment, is_tenant
from sealproof.envelope.parse import parse
from sealproof.errors import DataError, FileUnavailable, UnknownTenant, UnsafeFile
from sealproof.loader.files import is_temporary, open_root, unavailable
from sealproof.signing import sha256
from sealproof.vault.backup.entries import Sealed, is_path
from sealproof.vault.backup.header import WHOLE_STORE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.loader.files import Directory
    from sealproof.vault.custodian import Custodian

KEY_LINES = "key-lines"
"""Directory in a tenant's container: `key-lines/<tenant>.<environment>.key`, with lines of that scope alone."""
_CHUNK = 256 * 1024  # bytes
_TOP = frozenset(("sealproof.toml", "policy.json", "manifest.toml", "waivers.toml"))
_ROOMS = ("tenants", "keys", "audit", "records")  # files before keys: a new epoch's key is there when its file is
_SEALED = re.compile(r"\.env(\.[a-z0-9-]+)?\.enc").fullmatch
_BESIDE = frozenset(("manifest.toml", ".env.example"))
_NEVER = frozenset((".reserve", "leases"))
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Item(NamedTuple):
    """One file to back up: bytes at hand, or a file below the root."""

    path: str
    data: bytes | None = None


def items(custodian: Custodian, scope: str) -> Iterator[Item]:
    """Yield what a backup of `scope` holds. Raises UnknownTenant, KeyMissing, UnsafeFile."""
    store = custodian.store
    if scope == WHOLE_STORE:
        with store.open() as root:
            yield from _top(root)
            for room in _ROOMS:
                yield from _below(root, room, room)
        return
    if not store.environments(scope):
        message = f"{store.root} has no tenant {scope}"
        raise UnknownTenant(message, hint="sealproof list", names=(scope,))
    with store.open() as root:
        for room in ("audit", "tenants"):
            directory = root.enter(room)
            if directory is not None:
                with directory:
                    yield from _below(directory, scope, f"{room}/{scope}")
    for environment in store.environments(scope):
        lines = custodian.keyring.key_lines(scope, environment)
        text = "".join(line.to_line() + "\n" for line in lines).encode()
        yield Item(f"{KEY_LINES}/{scope}.{environment}.key", text)


class Reading:
    """One item's bytes: as many as there were when it was opened. A log that grows meanwhile is cut at a line's end."""

    def __init__(self, root: str, item: Item) -> None:
        """Open it. Raises UnsafeFile, FileUnavailable."""
        self.path = item.path
        self.mode = 0o600 if item.data is not None or item.path.startswith(("keys/", "audit/")) else 0o644
        self._data = item.data
        self._fd = -1
        if item.data is None:
            self._fd = _opened(root, item.path)
            self.size = os.fstat(self._fd).st_size
            if item.path.startswith("audit/") or item.path == "keys/rotation_log.json":
                self.size = self._whole_lines()
        else:
            self.size = len(item.data)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes. Raises FileUnavailable if they have become fewer."""
        if self._data is not None:
            yield self._data
            return
        left = self.size
        position = 0
        while left:
            try:
                piece = os.pread(self._fd, min(_CHUNK, left), position)
            except OSError as exc:
                raise unavailable(self.path, exc) from exc
            if not piece:
                message = f"{self.path} became shorter while it was backed up"
                raise FileUnavailable(message, hint="run the command again")
            left -= len(piece)
            position += len(piece)
            yield piece

    def close(self) -> None:
        """Close what is open."""
        if self._fd >= 0:
            os.close(self._fd)

    def _whole_lines(self) -> int:
        """Return the size without a torn last line."""
        end = self.size
        while end:
            start = max(end - _CHUNK, 0)
            piece = os.pread(self._fd, end - start, start)
            found = piece.rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0


def sealed_of(path: str, data: bytes) -> Sealed | None:
    """Return what the manifest says of a sealed file; None if `path` is none. Raises DataError if it is malformed."""
    if not is_sealed(path):
        return None
    _, tenant, name = path.split("/")
    envelope = parse(data)
    environment = name.removeprefix(".env").removesuffix(".enc").strip(".") or "development"
    if (envelope.tenant, envelope.environment) != (tenant, environment):
        message = f"{path} is of another tenant or environment than its place says"
        raise DataError(message, hint=f"sealproof doctor --tenant {tenant} --environment {environment}")
    return Sealed(tenant, environment, envelope.epoch, envelope.generation, sha256(data).hex())


def is_sealed(path: str) -> bool:
    """Tell whether a path of a container is a sealed file's."""
    room, *rest = path.split("/")
    return room == "tenants" and len(rest) == 2 and bool(_SEALED(rest[1]))  # noqa: PLR2004 - tenants/<tenant>/<name>


def scope_of_lines(path: str) -> tuple[str, str] | None:
    """Return the tenant and environment whose key lines a path of a container holds; None for any other path."""
    room, *rest = path.split("/")
    if room != KEY_LINES or len(rest) != 1 or not rest[0].endswith(".key"):
        return None
    tenant, _, environment = rest[0].removesuffix(".key").partition(".")
    return (tenant, environment) if is_tenant(tenant) and is_environment(environment) else None


def has_place(path: str, scope: str) -> bool:
    """Tell whether a backup of `scope` (a tenant, or `*`) may hold `path`: what `items` would put into one, no more."""
    room, *rest = path.split("/")
    if scope == WHOLE_STORE:
        if not rest:
            return room in _TOP
        if room not in _ROOMS:
            return False
    elif room == KEY_LINES:
        found = scope_of_lines(path)
        return found is not None and found[0] == scope
    elif room not in ("tenants", "audit") or rest[:1] != [scope]:
        return False
    parent, _, name = path.rpartition("/")
    return _belongs(parent, name, directory=False)


def _top(root: Directory) -> Iterator[Item]:
    yield from (Item(name) for name in root.names() if name in _TOP)


def _below(parent: Directory, name: str, path: str) -> Iterator[Item]:
    directory = parent.enter(name)
    if directory is None:
        return
    with directory:
        for entry in directory.names():
            here = f"{path}/{entry}"
            status = os.stat(entry, dir_fd=directory.fd, follow_symlinks=False)
            if (
                entry in _NEVER
                or is_temporary(entry)
                or not _belongs(path, entry, directory=stat.S_ISDIR(status.st_mode))
            ):
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from _below(directory, entry, here)
            elif not is_path(here):
                message = f"{directory.path}/{entry} has a name that a backup cannot hold"
                raise UnsafeFile(message, hint="rename or remove it")
            else:
                yield Item(here)


def _belongs(path: str, name: str, *, directory: bool) -> bool:
    """Tell whether a file is ours. Of a tenant's directory only what is sealed and what describes it is taken."""
    parts = path.split("/")
    if parts[0] != "tenants" or directory:
        return True
    return len(parts) == 2 and (bool(_SEALED(name)) or name in _BESIDE)  # noqa: PLR2004 - tenants/<tenant>


def _opened(root: str, path: str) -> int:
    *rooms, name = path.split("/")
    directory = open_root(root)
    try:
        for room in rooms:
            inner = directory.enter(room)
            if inner is None:
                message = f"{root}/{path} vanished while it was backed up"
                raise FileUnavailable(message, hint="run the command again")
            directory.__exit__()
            directory = inner
        fd = os.open(name, _OPEN, dir_fd=directory.fd)
    except OSError as exc:
        raise unavailable(f"{root}/{path}", exc) from exc
    finally:
        directory.__exit__()
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        message = f"{root}/{path} is no regular file"
        raise UnsafeFile(message, hint=f"ls -la {root}/{path}")
    return fd
