"""Verify a log where it is written, or an export of one: streamed, with the public key alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import AuditLogBroken, CallerError, FileUnavailable, StoreNotFound
from sealproof.loader.files import open_root
from sealproof.vault.audit.extent import Extent, closed_lines, extent_of
from sealproof.vault.audit.home import reading, seen_mark, undisturbed
from sealproof.vault.audit.lines import CHECKPOINT
from sealproof.vault.audit.segments import first_of
from sealproof.vault.audit.start import cut_of, read_start, trail_from
from sealproof.vault.audit.trail import Trail
from sealproof.vault.audit.verifier import Verified, Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealproof.loader.files import Directory
    from sealproof.vault.audit.notes import Checkpoint

    Progress = Callable[[int, int], None]
    """Called with bytes done and bytes in all."""
    Taken = Callable[[str, list[bytes]], None]
    """Called with a segment's name and lines of it that were verified."""

_ATTEMPTS = 3  # a pruning may take away what was just listed


def verify(
    root: str,
    tenant: str,
    pinned: bytes,
    *,
    anchors: Sequence[Checkpoint] = (),
    every_signature: bool = False,
    progress: Progress | None = None,
    taken: Taken | None = None,
) -> Verified:
    """Verify a tenant's log in the store at `root` against its first public key, `pinned`.

    Whoever is writing goes on writing: what is verified is the log as it was when the call began. If the
    store's own `keys/` are there, the log must not be shorter than they remember. `taken` is shown the lines as they
    are read, and all of them again after a pruning meanwhile; they are proved once the call returns.
    Raises AuditLogBroken, StoreNotFound, UnknownTenant, UnsafeFile, FileUnavailable.
    """
    seen = seen_mark(root, tenant)
    with reading(root, tenant) as directory:
        for attempt in range(_ATTEMPTS):
            extent = present_extent(directory)
            verifier = verifier_at(extent, tenant, pinned, anchors=anchors, every_signature=every_signature)
            try:
                unfinished = feed_extent(verifier, directory, extent, progress=progress, taken=taken)
            except FileUnavailable:
                if attempt + 1 == _ATTEMPTS or cut_of(read_start(directory)) == extent.cut:
                    raise
            else:
                break
    verified = verifier.finish(unfinished=unfinished)
    if verified.size < seen:
        message = f"audit log of {tenant} has {verified.size} records, and had {seen}"
        raise AuditLogBroken(message, hint="its tail was cut, or an older copy was put back")
    return verified


def verify_export(
    path: str,
    tenant: str,
    pinned: bytes,
    *,
    anchors: Sequence[Checkpoint] = (),
    every_signature: bool = False,
    progress: Progress | None = None,
) -> Verified:
    """Verify an exported log in the directory `path`. Nothing may stand behind its last checkpoint.

    Raises AuditLogBroken, CallerError if there is no such directory, UnsafeFile, FileUnavailable.
    """
    with open_export(path) as directory:
        extent = extent_of(directory)
        verifier = verifier_at(extent, tenant, pinned, anchors=anchors, every_signature=every_signature)
        unfinished = feed_extent(verifier, directory, extent, progress=progress)
    if unfinished:
        raise _not_whole(tenant)
    return verifier.finish()


def verify_lines(
    lines: Sequence[bytes], tenant: str, pinned: bytes, *, start: Sequence[bytes] = (), every_signature: bool = False
) -> Verified:
    """Verify a log handed over as lines; `start` are those of its `start.jsonl`. Raises AuditLogBroken."""
    verifier = verifier_at(Extent(list(start), []), tenant, pinned, every_signature=every_signature)
    verifier.feed(lines)
    if not lines or not lines[-1].startswith(CHECKPOINT):
        raise _not_whole(tenant)
    return verifier.finish()


def open_export(path: str) -> Directory:
    """Open an export's directory. Raises CallerError if there is none, FileUnavailable."""
    try:
        return open_root(path)
    except StoreNotFound:
        message = f"there is no export at {path}"
        raise CallerError(message, hint="sealproof audit export TENANT --output DIR") from None


def present_extent(directory: Directory) -> Extent:
    """Return what a log that may be written to consists of now. Raises AuditLogBroken, UnsafeFile, FileUnavailable."""
    with undisturbed(directory):
        return extent_of(directory)


def verifier_at(
    extent: Extent, tenant: str, pinned: bytes, *, anchors: Sequence[Checkpoint] = (), every_signature: bool = False
) -> Verifier:
    """Return a verifier at the beginning of a log. Raises AuditLogBroken if that is not proved by the pinned key."""
    trail = trail_from(extent.start, tenant, pinned) if extent.start else Trail(tenant, pinned)
    return Verifier(trail, anchors=anchors, every_signature=every_signature)


def feed_extent(
    verifier: Verifier,
    directory: Directory,
    extent: Extent,
    *,
    fed: dict[str, int] | None = None,
    progress: Progress | None = None,
    taken: Taken | None = None,
) -> int:
    """Feed all that `extent` names, and return how many bytes stand behind the last checkpoint.

    `fed` says how much of which segments the verifier has had already.
    Raises AuditLogBroken, UnsafeFile, FileUnavailable.
    """
    done = unfinished = 0
    for name, size in extent.segments:
        begin = 0 if fed is None else fed.get(name, 0)
        trail = verifier.trail
        if unfinished or (not begin and (trail.promise is None or first_of(name) != trail.range.size)):
            message = f"audit log of {trail.tenant}: {directory.path}/{name} does not go on where the log stopped"
            raise AuditLogBroken(message, hint="compare with an export or a backup from before")
        for lines, behind, read in closed_lines(directory, name, size, start=begin):
            verifier.feed(lines)
            unfinished = behind
            done += read
            if taken is not None:
                taken(name, lines)
            if progress is not None:
                progress(done, extent.bytes)
    return unfinished


def _not_whole(tenant: str) -> AuditLogBroken:
    message = f"audit log of {tenant}: what was handed over does not end in a checkpoint"
    return AuditLogBroken(message, hint="fetch it again from where it was made")
