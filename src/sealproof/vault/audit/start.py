"""Where a pruned log begins: `start.jsonl`, the final seals of every epoch that was dropped, and the tree at the cut.

The seals lead from the pinned key to the key that is in force at the cut, signature by signature, and
the last of them, signed with a key that is long destroyed, vouches for the tree. Pruning has one
moment: the renaming of `start.next` to `start.jsonl`. Before it the old log is whole, after it the new one.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

from sealproof.errors import AuditLogBroken, MalformedFile
from sealproof.signing import verifies
from sealproof.vault.audit.happenings import PRUNED
from sealproof.vault.audit.lines import checkpoint_line, note_of
from sealproof.vault.audit.notes import Checkpoint, base64, key_id, read_note, signed_note, split_signature
from sealproof.vault.audit.segments import first_of, read_lines, segment_names
from sealproof.vault.audit.trail import Trail
from sealproof.vault.audit.tree import HASH_HEX, CompactRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealproof.loader.files import Directory

START, NEXT = "start.jsonl", "start.next"
_MAX = 1024 * 1024 * 1024  # bytes: a seal an hour is 4 MB a year
_FRONT, _BACK = b'{"range":["', b'"]}'


def start_text(seals: Sequence[bytes], tree: CompactRange) -> bytes:
    """Return the file for a cut behind the last of `seals`."""
    nodes = '","'.join(tree.to_hex()).encode()
    return b"\n".join([*seals, _FRONT + nodes + _BACK, b""])


def read_start(directory: Directory, name: str = START) -> list[bytes]:
    """Return the lines of a start file; none where the log was never pruned. Raises UnsafeFile, FileUnavailable."""
    data = directory.read(name, limit=_MAX, private=False)
    return [] if data is None else data.removesuffix(b"\n").split(b"\n")


def cut_of(lines: Sequence[bytes]) -> int:
    """Return the sequence number at which a log with this start file begins. Proves nothing by itself."""
    return _seal(lines[-2])[0].size if len(lines) > 1 else 0


def trail_from(lines: Sequence[bytes], tenant: str, first_key: bytes) -> Trail:
    """Return the state at the cut, proved from the pinned key. Raises AuditLogBroken."""
    trail = Trail(tenant, first_key)
    *seals, last = lines
    size, root = 0, b""
    for line in seals:
        seal, signature = _seal(line)
        due = trail.promise
        if due is None or seal.promise is None or (seal.origin, seal.epoch) != (trail.origin, trail.epoch + 1):
            raise _broken(tenant, f"the seal of epoch {trail.epoch + 1} is missing from what the log begins with")
        if seal.size < size or due.start not in (-1, seal.start) or seal.promise.start < seal.start:
            raise _broken(tenant, f"the seal of epoch {seal.epoch} does not follow the one before it")
        if _line(seal, due.key, signature) != line or not verifies(due.key, signature, seal.text().encode()):
            raise _broken(tenant, f"the seal of epoch {seal.epoch} is not signed with that epoch's key")
        trail.epoch, trail.promise, trail.head = seal.epoch, seal.promise, sha256(line).hexdigest().encode()
        size, root = seal.size, seal.root
    trail.range = _tree(tenant, size, last)
    if trail.range.root() != root:
        raise _broken(tenant, "the tree that the log begins with is not the one that was sealed")
    return trail


def finish_pruning(directory: Directory) -> None:
    """Complete or undo what a killed process left of a pruning: nothing is left half-way. Raises OSError."""
    names = directory.names()
    if NEXT in names:
        if _is_recorded(directory, cut_of(read_start(directory, NEXT))):
            commit_pruning(directory)
        else:
            directory.remove(NEXT)
    if START in names or NEXT in names:
        drop_segments(directory, cut_of(read_start(directory)))


def commit_pruning(directory: Directory) -> None:
    """Make the cut: from here on the log begins there. Raises OSError."""
    os.rename(NEXT, START, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
    os.fsync(directory.fd)


def drop_segments(directory: Directory, cut: int) -> None:
    """Remove the segments before the cut. Raises FileUnavailable."""
    for name in segment_names(directory):
        if first_of(name) < cut:
            directory.remove(name)


def _is_recorded(directory: Directory, cut: int) -> bool:
    operation, until = f'"op":"{PRUNED}"'.encode(), b'"until":%d}' % cut
    return any(
        operation in line and until in line
        for name in reversed(segment_names(directory))
        for lines, _ in read_lines(directory, name)
        for line in lines
    )


def _seal(line: bytes) -> tuple[Checkpoint, bytes]:
    try:
        note = note_of(line)
        checkpoint = read_note(note.encode(), name="a seal")
    except (MalformedFile, UnicodeDecodeError) as exc:
        message = "what the log begins with is no list of final seals"
        raise AuditLogBroken(message, hint="restore start.jsonl from the export made at the pruning") from exc
    return checkpoint, split_signature(note.rstrip("\n").rpartition(" ")[2])[1]


def _line(seal: Checkpoint, key: bytes, signature: bytes) -> bytes:
    return checkpoint_line(signed_note(seal.text(), seal.origin, base64(key_id(seal.origin, key) + signature)))


def _tree(tenant: str, size: int, line: bytes) -> CompactRange:
    inside = line.removeprefix(_FRONT).removesuffix(_BACK)
    nodes = inside.split(b'","')
    if _FRONT + inside + _BACK != line or not all(len(node) == HASH_HEX for node in nodes):
        raise _broken(tenant, "what the log begins with does not end in a tree")
    try:
        return CompactRange(size, tuple(bytes.fromhex(node.decode()) for node in nodes))
    except ValueError as exc:
        raise _broken(tenant, "what the log begins with does not end in a tree") from exc


def _broken(tenant: str, what: str) -> AuditLogBroken:
    message = f"audit log of {tenant}: {what}"
    return AuditLogBroken(message, hint="restore start.jsonl from the export made at the pruning")
