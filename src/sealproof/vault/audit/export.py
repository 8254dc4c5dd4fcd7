"""Export a log so that a stranger can verify it with the public key alone, on demand and on schedule.

<export>/<first>.jsonl …   the segments, to the byte, up to the last checkpoint
<export>/start.jsonl       only of a log that was pruned
<export>/checkpoint        the last checkpoint as a signed note
<export>/audit.pub         the first public key. It proves nothing here: get it from its owner
<export>/export.json       the files with their digests; its own SHA-256 stands in the record of a pruning

What is exported was verified on the way, and is put in place in one step.
"""

from __future__ import annotations

import os
import re
from calendar import timegm
from hashlib import sha256
from time import gmtime, strftime, strptime
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.grammar import check_tenant
from sealproof.errors import StoreNotFound
from sealproof.loader.files import Directory, open_root, unavailable
from sealproof.signing import canonical, public_to_pem
from sealproof.vault.audit.home import reading
from sealproof.vault.audit.newdirectory import new_directory
from sealproof.vault.audit.notes import NOTE_MAX, read_note
from sealproof.vault.audit.start import START
from sealproof.vault.audit.verify import feed_extent, open_export, present_extent, verifier_at

if TYPE_CHECKING:
    from sealproof.vault.audit.extent import Extent
    from sealproof.vault.audit.verifier import Verified, Verifier
    from sealproof.vault.audit.verify import Progress, Taken

FORMAT = "sealproof-audit-export/1"
CONTENTS, CHECKPOINT, KEY = "export.json", "checkpoint", "audit.pub"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_STAMP = "%Y%m%dT%H%M%SZ"
_DAY = 86_400  # seconds


class Exported(NamedTuple):
    """An export, in place."""

    path: str
    digest: str
    """SHA-256 of its `export.json`, in hex."""
    bytes: int
    """Of all segments."""
    verified: Verified


def export(
    root: str, tenant: str, pinned: bytes, path: str, *, now: float, progress: Progress | None = None
) -> Exported:
    """Export a tenant's log to the new directory `path`, in place all at once or not at all.

    Raises StoreExists if something is there, CallerError if its parent is not, AuditLogBroken if the log does not
    verify, UnknownTenant, StoreNotFound, UnsafeFile, FileUnavailable.
    """
    with reading(root, tenant) as directory:
        extent = present_extent(directory)
        verifier = verifier_at(extent, tenant, pinned)
        return export_extent(verifier, directory, extent, pinned, path, now=now, progress=progress)


def export_extent(
    verifier: Verifier,
    directory: Directory,
    extent: Extent,
    pinned: bytes,
    path: str,
    *,
    now: float,
    progress: Progress | None = None,
    taken: Taken | None = None,
) -> Exported:
    """Feed all that `extent` names, and export it on the way. See `export`; the verifier may go on."""
    with new_directory(path) as target:
        files = _Files(target, taken)
        try:
            feed_extent(verifier, directory, extent, progress=progress, taken=files.take)
        finally:
            files.close()
        verified = verifier.finish()
        size = sum(written for _, written, _ in files.written)
        if extent.start:
            files.add(START, b"\n".join((*extent.start, b"")))
        files.add(CHECKPOINT, verified.signed.note().encode())
        files.add(KEY, public_to_pem(pinned))
        contents = canonical(_contents(verified, files.written, int(now))) + b"\n"
        target.replace(CONTENTS, contents)
    return Exported(path, sha256(contents).hexdigest(), size, verified)


def export_when_due(
    root: str, tenant: str, pinned: bytes, into: str, *, every_days: int, now: float, progress: Progress | None = None
) -> Exported | None:
    """Export to a new directory in `into`, unless the newest of this log's there is younger than `every_days`.

    To be called as often as one likes. Raises what `export` raises.
    """
    newest = newest_export(into, tenant)
    if newest is not None and 0 <= now - newest < every_days * _DAY:
        return None
    path = f"{into}/{tenant}-{strftime(_STAMP, gmtime(now))}"
    return export(root, tenant, pinned, path, now=now, progress=progress)


def newest_export(into: str, tenant: str) -> int | None:
    """Return when the newest export of a log in `into` was made, in unix seconds; None if there is none."""
    named = re.compile(re.escape(tenant) + r"-([0-9]{8}T[0-9]{6}Z)").fullmatch
    try:
        with open_root(into) as directory:
            stamps = [found[1] for name in directory.names() if (found := named(name))]
    except StoreNotFound:
        return None
    return timegm(strptime(max(stamps), _STAMP)) if stamps else None


def exported_tenant(path: str) -> str:
    """Return whose log an export says it is. Its signatures prove that later.

    Raises MalformedFile, InvalidName, CallerError if there is no such directory, UnsafeFile, FileUnavailable.
    """
    with open_export(path) as directory:
        note = directory.read(CHECKPOINT, limit=NOTE_MAX, private=False) or b""
    _, _, rest = read_note(note, name=f"{path}/{CHECKPOINT}").origin.partition("/")
    return check_tenant(rest.partition("/")[0])


def as_document(root: str, tenant: str, pinned: bytes) -> dict[str, object]:
    """Return a whole log as one JSON-serialisable document, verified. It takes as much memory as the log is long.

    `lines` and `start` are for `verify_lines`. Raises what `export` raises of the log.
    """
    lines: list[bytes] = []
    with reading(root, tenant) as directory:
        extent = present_extent(directory)
        verifier = verifier_at(extent, tenant, pinned)
        feed_extent(verifier, directory, extent, taken=lambda _, some: lines.extend(some))
        verified = verifier.finish()
    return {
        "format": FORMAT,
        "tenant": tenant,
        "origin": verified.origin,
        "key": public_to_pem(pinned).decode(),
        "checkpoint": verified.signed.note(),
        "start": [line.decode() for line in extent.start],
        "lines": [line.decode() for line in lines],
    }


class _Files:
    """Writes an export's files, segment after segment, and keeps their digests."""

    def __init__(self, target: Directory, onward: Taken | None) -> None:
        self._target = target
        self._onward = onward
        self._name = ""
        self._fd = -1
        self._size = 0
        self._digest = sha256()
        self.written: list[tuple[str, int, str]] = []

    def take(self, name: str, lines: list[bytes]) -> None:
        """Add lines to the segment `name`, and pass them on. Raises FileUnavailable."""
        try:
            if name != self._name:
                self.close()
                self._fd = os.open(name, _CREATE, 0o600, dir_fd=self._target.fd)
                self._name, self._size, self._digest = name, 0, sha256()
            data = memoryview(b"\n".join((*lines, b"")))
            self._digest.update(data)
            self._size += len(data)
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as exc:
            raise unavailable(f"{self._target.path}/{name}", exc) from exc
        if self._onward is not None:
            self._onward(name, lines)

    def close(self) -> None:
        """Make the segment under way durable. Raises FileUnavailable."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                os.fsync(fd)
            except OSError as exc:
                raise unavailable(f"{self._target.path}/{self._name}", exc) from exc
            finally:
                os.close(fd)
            self.written.append((self._name, self._size, self._digest.hexdigest()))

    def add(self, name: str, data: bytes) -> None:
        """Write a small file. Raises FileUnavailable."""
        self._target.replace(name, data)
        self.written.append((name, len(data), sha256(data).hexdigest()))


def _contents(verified: Verified, files: list[tuple[str, int, str]], made: int) -> dict[str, object]:
    return {
        "format": FORMAT,
        "tenant": verified.tenant,
        "origin": verified.origin,
        "first": verified.first,
        "size": verified.size,
        "epochs": verified.epochs,
        "made": made,
        "files": [{"name": name, "bytes": size, "sha256": digest} for name, size, digest in files],
    }
