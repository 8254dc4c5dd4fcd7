"""Canaries: secrets that nothing needs, so that whoever asks for one by name gives himself away.

    keys/audit/<tenant>/canaries        one line each: `<since> <environment> <NAME>`

The list lies beside the log's keys and nowhere else (ADR 22): whoever has the repository, the sealed files and the
manifests, but not `keys/`, sees secrets like all others. Who reads through custody has the log's keys in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.grammar import check_environment, check_name, check_tenant, is_environment, is_name
from sealproof.errors import KeyMissing, LimitExceeded, MalformedFile
from sealproof.loader.files import open_root
from sealproof.vault.access.interface import Operation
from sealproof.vault.audit.home import descended
from sealproof.vault.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FILE_NAME = "canaries"
LISTED_MAX = 4096  # canaries of one tenant; as many as there can be secrets in a file
TOUCHES = frozenset((Operation.READ.value, Operation.BREAK_GLASS.value, Operation.EXPORT.value))
"""What hands out the value of one secret that was asked for by name."""
_FILE_MAX = 1024 * 1024  # bytes
_PARTS = 3
_SINCE_DIGITS = 12


class Canary(NamedTuple):
    """One secret that nobody has any business with."""

    environment: str
    name: str
    since: int
    """Unix seconds: what was read before is no touch."""


def parse(text: bytes, *, path: str) -> tuple[Canary, ...]:
    """Return the canaries of a list, in its order. Raises MalformedFile naming the line."""
    found: dict[tuple[str, str], Canary] = {}
    for number, line in enumerate(text.decode("ascii", errors="replace").splitlines(keepends=True), 1):
        canary = _read(line)
        if canary is None or found.setdefault(canary[:2], canary) is not canary:
            message = f"{path}, line {number}: no `seconds environment NAME`, or the second of its name"
            raise MalformedFile(message, hint=f"mend or remove the line: $EDITOR {path}", names=(path,))
    return tuple(found.values())


def listed(root: str, tenant: str) -> tuple[Canary, ...]:
    """Return the tenant's canaries; none where nothing was ever listed.

    Raises StoreNotFound, UnsafeFile, MalformedFile, LimitExceeded, FileUnavailable.
    """
    with descended(root, "keys", "audit", check_tenant(tenant)) as directory:
        text = None if directory is None else directory.read(FILE_NAME, limit=_FILE_MAX, private=True)
    return () if text is None else parse(text, path=_path(root, tenant))


def enlist(root: str, tenant: str, canary: Canary) -> None:
    """Add a canary to the tenant's list; one that is there keeps its time.

    Raises KeyMissing without `keys/`, LimitExceeded, and what `listed` raises.
    """
    check_environment(canary.environment)
    check_name(canary.name)

    def with_it(present: tuple[Canary, ...]) -> Iterable[Canary]:
        if any(other[:2] == canary[:2] for other in present):
            return present
        if len(present) >= LISTED_MAX:
            message = f"{tenant} has {len(present)} canaries, and no more are taken"
            raise LimitExceeded(message, hint=f"sealproof canary list {tenant}")
        return (*present, canary)

    _rewrite(root, tenant, with_it)


def strike(root: str, tenant: str, environment: str, name: str) -> None:
    """Take a secret off the tenant's list, if it is on it. Raises what `enlist` raises."""
    _rewrite(root, tenant, lambda present: [one for one in present if one[:2] != (environment, name)])


class Watched:
    """A tenant's canaries as they are now: the list is read again once another one is in its place."""

    def __init__(self, root: str, tenant: str) -> None:
        self._root = root
        self._tenant = tenant
        self._kept: tuple[Watch, frozenset[tuple[str, str]]] | None = None

    def __repr__(self) -> str:
        return f"Watched({self._tenant})"

    def has(self, environment: str, name: str) -> bool:
        """Tell whether that secret is a canary. Raises what `listed` raises."""
        kept = self._kept
        if kept is None or not kept[0].holds():
            watch = Watch((_path(self._root, self._tenant),))
            kept = watch, frozenset(one[:2] for one in listed(self._root, self._tenant))
            self._kept = kept
        return (environment, name) in kept[1]

    def drop(self) -> None:
        """Keep nothing."""
        self._kept = None


def _read(line: str) -> Canary | None:
    parts = line.removesuffix("\n").split(" ")
    if len(parts) != _PARTS or not line.endswith("\n"):
        return None
    since, environment, name = parts
    is_number = since.isascii() and since.isdecimal() and len(since) <= _SINCE_DIGITS and since == str(int(since))
    if not (is_number and is_environment(environment) and is_name(name)):
        return None
    return Canary(environment, name, int(since))


def _rewrite(root: str, tenant: str, change: Callable[[tuple[Canary, ...]], Iterable[Canary]]) -> None:
    with open_root(root) as store:
        keys = store.enter("keys")
        if keys is None:
            message = f"{root} has no keys/ to list canaries beside"
            raise KeyMissing(message, hint="work where the store was made, or restore keys/ from its backup")
        with keys, keys.make("audit") as audit, audit.make(check_tenant(tenant)) as directory:
            directory.lock()
            text = directory.read(FILE_NAME, limit=_FILE_MAX, private=True) or b""
            present = parse(text, path=_path(root, tenant))
            after = "".join(f"{one.since} {one.environment} {one.name}\n" for one in change(present)).encode()
            if after != text:
                directory.replace(FILE_NAME, after)


def _path(root: str, tenant: str) -> str:
    return f"{root}/keys/audit/{tenant}/{FILE_NAME}"
