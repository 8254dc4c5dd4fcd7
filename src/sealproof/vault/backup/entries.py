"""What is in the payload: files one after the other, each behind a line that names it, and the manifest last.

{"path":"tenants/acme/.env.enc","size":812,"mode":420}   then 812 bytes
…
{"path":"manifest.json","size":…,"mode":384}             then the manifest, and nothing behind it
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.grammar import fields_of, integer
from sealproof.errors import EvidenceRejected, MalformedFile
from sealproof.signing import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MANIFEST = "manifest.json"
MANIFEST_FORMAT = "sealproof-backup-manifest/1"
MANIFEST_MAX = 256 * 1024 * 1024  # bytes
PATH_MAX = 1024
FILES_MAX = 1_000_000
_LINE = ("path", "size", "mode")
_LINE_MAX = 2048  # bytes
_PATH = re.compile(r"(?:[A-Za-z0-9_.@+:-]+/)*[A-Za-z0-9_.@+:-]+").fullmatch
_MODES = frozenset((0o600, 0o644))
_INTEGERS = frozenset(("size", "mode"))


class Entry(NamedTuple):
    """One file of a container. `chunks` must be read before the next entry is asked for."""

    path: str
    size: int
    mode: int
    chunks: Iterator[bytes]

    def read(self, limit: int) -> bytes:
        """Return all its bytes. Raises MalformedFile over `limit`."""
        if self.size > limit:
            raise malformed(f"{self.path} is over {limit} bytes")
        return b"".join(self.chunks)


class Sealed(NamedTuple):
    """What a manifest knows of a sealed file."""

    tenant: str
    environment: str
    epoch: int
    generation: int
    sha256: str


class Manifest(NamedTuple):
    """Hashes of all files, generations of the sealed ones, and the newest line of each audit log."""

    scope: str
    created: int
    files: dict[str, str]
    """SHA-256 in hex, by path."""
    sealed: tuple[Sealed, ...]
    audit: dict[str, str]
    """By tenant: SHA-256 in hex of the log's last line."""

    def to_bytes(self) -> bytes:
        """Return its canonical JSON."""
        return canonical(
            {
                "audit": self.audit,
                "created": self.created,
                "files": self.files,
                "format": MANIFEST_FORMAT,
                "scope": self.scope,
                "sealed": [list(one) for one in self.sealed],
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read it in its only spelling. Raises MalformedFile."""
        try:
            fields = json.loads(data)
            manifest = cls(
                str(fields["scope"]),
                int(fields["created"]),
                {str(path): str(digest) for path, digest in fields["files"].items()},
                tuple(Sealed(str(a), str(b), int(c), int(d), str(e)) for a, b, c, d, e in fields["sealed"]),
                {str(tenant): str(head) for tenant, head in fields["audit"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise malformed("its manifest cannot be read") from None
        if manifest.to_bytes() != data:
            raise malformed("its manifest is not in its only spelling")
        return manifest


def head_line(path: str, size: int, mode: int) -> bytes:
    """Return the line that stands before a file."""
    if not is_path(path):
        raise malformed(f"{path!r:.80} is no path that a backup may hold")
    return f'{{"path":"{path}","size":{size},"mode":{mode}}}\n'.encode()


def is_path(path: str) -> bool:
    """Tell whether `path` is relative, plain, and climbs nowhere."""
    return len(path) <= PATH_MAX and bool(_PATH(path)) and not {".", ".."} & set(path.split("/"))


def entries_of(plain: Iterable[bytes]) -> Iterator[Entry]:
    """Yield the files of a payload, the manifest last. Raises MalformedFile; CannotOpen comes out of `plain`."""
    source = _Source(plain)
    seen: set[str] = set()
    while True:
        line = source.line()
        path, size, mode = _head(line)
        if path in seen or len(seen) > FILES_MAX:
            raise malformed(f"it holds {path} twice, or too many files")
        seen.add(path)
        entry = Entry(path, size, mode, source.take(size))
        yield entry
        for _ in entry.chunks:
            pass  # what nobody asked for
        if path == MANIFEST:
            if not source.is_over():
                raise malformed("something stands behind its manifest")
            return


def checked(entries: Iterable[Entry], *, each: Callable[[Entry], None], scope: str) -> Manifest:
    """Give every file to `each`, then prove all of them against the manifest, and return it.

    Raises EvidenceRejected if a file is not the one the manifest names, or one is missing, MalformedFile.
    """
    found: dict[str, str] = {}
    manifest: Manifest | None = None
    for entry in entries:
        if entry.path == MANIFEST:
            manifest = Manifest.parse(entry.read(MANIFEST_MAX))
            continue
        digest = sha256()
        file = entry._replace(chunks=_digested(entry.chunks, digest.update))
        each(file)
        for _ in file.chunks:
            pass  # what `each` left
        found[entry.path] = digest.hexdigest()
    if manifest is None:  # entries_of ends with one
        raise AssertionError(MANIFEST)
    if manifest.files != found or manifest.scope != scope:
        wrong = sorted(set(manifest.files.items()) ^ set(found.items()))
        message = f"the backup does not hold what its manifest says: {wrong[0][0] if wrong else 'another scope'}"
        raise EvidenceRejected(message, hint="take another backup: sealproof backup list")
    return manifest


def malformed(what: str) -> MalformedFile:
    """Return the error for a payload that opens and is not of the format."""
    return MalformedFile(
        f"the backup opens and is malformed: {what}", hint="take another backup: sealproof backup list"
    )


def _digested(chunks: Iterator[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk


def _head(line: bytes) -> tuple[str, int, int]:
    try:
        path, size, mode = fields_of(line.decode("ascii"), _LINE, _INTEGERS)
        found = path, integer(size), integer(mode)
    except (UnicodeDecodeError, MalformedFile):
        raise malformed("a line before a file is not of its form") from None
    if not is_path(path) or found[2] not in _MODES:
        raise malformed("a path climbs out, or a mode is none of ours")
    return found


class _Source:
    """Lines and counted bytes from an iterable of chunks."""

    def __init__(self, plain: Iterable[bytes]) -> None:
        self._plain = iter(plain)
        self._held = b""

    def line(self) -> bytes:
        while b"\n" not in self._held:
            more = next(self._plain, b"")
            if not more or len(self._held) > _LINE_MAX:
                raise malformed("it ends before its manifest")
            self._held += more
        line, _, self._held = self._held.partition(b"\n")
        return line

    def take(self, size: int) -> Iterator[bytes]:
        while size:
            if not self._held:
                self._held = next(self._plain, b"")
                if not self._held:
                    raise malformed("a file in it is cut off")
            piece, self._held = self._held[:size], self._held[size:]
            size -= len(piece)
            yield piece

    def is_over(self) -> bool:
        return not self._held and not next(self._plain, b"")
