"""Anchors: checkpoints kept where whoever can write the log cannot write.

A log cannot prove that its tail is all there. An anchor remembers: a log that is shorter, or that went
another way, is not the one it was taken from.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import AuditLogBroken, CallerError, StoreNotFound
from sealproof.loader.files import open_root, read_public, unavailable
from sealproof.vault.audit.notes import NOTE_MAX, Checkpoint, read_note

if TYPE_CHECKING:
    from sealproof.vault.audit.log import AuditLog

_MODE = 0o644  # an anchor is public


class Anchor(NamedTuple):
    """A checkpoint read back from where it was kept."""

    path: str
    checkpoint: Checkpoint
    kept: float
    """When it was written there, in unix seconds, as the file system says."""

    def age(self, now: float) -> int:
        """Return its age in seconds."""
        return max(int(now - self.kept), 0)


def keep_anchor(log: AuditLog, path: str) -> Checkpoint:
    """Write the log's newest checkpoint to `path`, in one step, in place of an older one of the same log.

    Raises AuditLogBroken if what is there is ahead of the log or of another one: it stays as it is.
    Raises CallerError if there is no such directory, MalformedFile if the file is no anchor; what `AuditLog` raises.
    """
    note = log.checkpoint()
    checkpoint = read_note(note, name="the newest checkpoint")
    before = _read(path)
    if before is not None:
        kept = read_note(before, name=path)
        if kept.origin != checkpoint.origin or kept.size > checkpoint.size:
            here = f"the log is {checkpoint.origin} at {checkpoint.size}"
            message = f"{path} anchors {kept.origin} at {kept.size} records; {here}"
            raise AuditLogBroken(message, hint=f"sealproof audit verify {log.tenant} --anchor {path}")
    try:
        directory = open_root(os.path.dirname(path) or ".")
    except StoreNotFound:
        message = f"there is no directory {os.path.dirname(path)} to keep an anchor in"
        raise CallerError(message, hint=f"mkdir -p {os.path.dirname(path)}") from None
    with directory:
        directory.replace(os.path.basename(path), note, mode=_MODE)
    return checkpoint


def read_anchor(path: str) -> Anchor:
    """Return the anchor at `path`. Raises CallerError if there is none, MalformedFile, UnsafeFile, FileUnavailable."""
    data = _read(path)
    if data is None:
        message = f"there is no anchor {path}"
        raise CallerError(message, hint="sealproof audit anchor TENANT --output audit-anchors/TENANT.anchor")
    try:
        kept = os.stat(path).st_mtime
    except OSError as exc:
        raise unavailable(path, exc) from exc
    return Anchor(path, read_note(data, name=path), kept)


def _read(path: str) -> bytes | None:
    return read_public(path, limit=NOTE_MAX)
