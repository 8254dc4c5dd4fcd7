"""Retention: drop the oldest segments, with a signed record of what was dropped, so that the rest stays verifiable.

1. Verify the whole log, and export it on the way: nothing is dropped that does not verify.
2. Under the log's lock, take in what came meanwhile. On legal hold, or pruned by another: nothing is done.
3. Write `start.next`: the final seals of all epochs that go, and the tree at the cut.
4. Record the pruning in the log: range, count, digests of the segments, of `start.next` and of the export.
5. Rename `start.next` to `start.jsonl`: the one moment. Then remove the segments.

A process killed before 4 has done nothing; after 4, the next writer finishes (`start.finish_pruning`).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import AuditLogBroken, Changed, OnLegalHold
from sealproof.vault.audit.export import export_extent
from sealproof.vault.audit.extent import Extent, extent_of, length
from sealproof.vault.audit.happenings import PRUNED
from sealproof.vault.audit.home import reading
from sealproof.vault.audit.lines import CHECKPOINT, find_next, read_opening
from sealproof.vault.audit.segments import first_of, read_lines
from sealproof.vault.audit.start import NEXT, commit_pruning, drop_segments, start_text
from sealproof.vault.audit.tree import CompactRange
from sealproof.vault.audit.verify import feed_extent, present_extent, verifier_at

if TYPE_CHECKING:
    from sealproof.loader.files import Directory
    from sealproof.vault.audit.log import AuditLog
    from sealproof.vault.audit.verifier import Verifier
    from sealproof.vault.audit.verify import Progress

_DAY_MS = 86_400_000


class Pruned(NamedTuple):
    """What was dropped."""

    first: int
    """Sequence number of the first record that went."""
    until: int
    """Sequence number that the log begins with now."""
    segments: int
    bytes: int
    export: str
    """SHA-256, in hex, of the `export.json` of the export that was made; empty without one."""


def prune(
    log: AuditLog,
    pinned: bytes,
    *,
    days: int,
    now: float,
    export_to: str = "",
    request: str = "",
    progress: Progress | None = None,
) -> Pruned | None:
    """Drop the segments whose records are all older than `days`; None if there is none.

    `export_to` is a new directory that the whole log is exported to before. `request` ties the record to others.
    Raises OnLegalHold, Changed if another process pruned meanwhile, AuditLogBroken if the log does not verify,
    what `export` raises, and what `AuditLog` raises: then nothing was dropped.
    """
    limit = int(now * 1000) - days * _DAY_MS
    with reading(log.root, log.tenant) as directory:
        extent = present_extent(directory)
        cut = _cut(directory, extent, limit)
        if cut is None:
            return None
        going = _Going(cut)
        verifier = verifier_at(extent, log.tenant, pinned)
        exported = ""
        if export_to:
            exported = export_extent(
                verifier, directory, extent, pinned, export_to, now=now, progress=progress, taken=going.take
            ).digest
        else:
            feed_extent(verifier, directory, extent, progress=progress, taken=going.take)
    if going.tree is None:
        message = f"audit log of {log.tenant}: the segment of record {cut} holds no whole batch"
        raise AuditLogBroken(message, hint=f"sealproof audit verify {log.tenant}")
    pruned = Pruned(extent.cut, cut, going.segments, going.bytes, exported)
    _drop(log, verifier, going, tree=going.tree, pruned=pruned, request=request)
    return pruned


class _Going:
    """What goes with a cut: gathered from lines as they are verified."""

    def __init__(self, cut: int) -> None:
        self.cut = cut
        self.seals: list[bytes] = []
        self.tree: CompactRange | None = None
        self.digest = sha256()
        self.bytes = 0
        self.names: dict[str, int] = {}
        """How much of each segment was taken."""

    @property
    def segments(self) -> int:
        return sum(first_of(name) < self.cut for name in self.names)

    def take(self, name: str, lines: list[bytes]) -> None:
        size = length(lines)
        if first_of(name) < self.cut:
            self.seals += [line for line in lines if line.startswith(CHECKPOINT) and find_next(line)]
            self.digest.update(b"\n".join((*lines, b"")))
            self.bytes += size
        elif first_of(name) == self.cut and self.tree is None and lines:
            self.tree = CompactRange(self.cut, read_opening(lines[0]).range)
        self.names[name] = self.names.get(name, 0) + size


def _cut(directory: Directory, extent: Extent, limit: int) -> int | None:
    """Return the sequence number of the last segment that begins no later than `limit`, unless it is the first.

    Its opening is no earlier than any record before it. It is proved later, on the way.
    """
    for name, size in reversed(extent.segments[1:]):
        lines, _ = next(read_lines(directory, name, end=size), ([b""], b""))
        if read_opening(lines[0]).at <= limit:
            return first_of(name)
    return None


def _drop(
    log: AuditLog, verifier: Verifier, going: _Going, *, tree: CompactRange, pruned: Pruned, request: str
) -> None:
    with log.writing() as (session, now):
        home = session.home
        extent = extent_of(home.log)
        if extent.cut != pruned.first:
            message = f"the audit log of {log.tenant} was pruned by another process meanwhile"
            raise Changed(message, hint=f"sealproof audit prune {log.tenant}")
        feed_extent(verifier, home.log, extent, fed=going.names)
        held = verifier.finish().held
        if held is not None:
            message = f"the audit log of {log.tenant} is on legal hold ({held}): nothing is pruned"
            raise OnLegalHold(message, hint=f"sealproof audit release {log.tenant} {held}")
        start = start_text([*extent.start[:-1], *going.seals], tree)
        home.log.replace(NEXT, start)
        numbers = {"bytes": pruned.bytes, "count": pruned.until - pruned.first}
        digests = {"segments": going.digest.hexdigest(), "start": sha256(start).hexdigest()}
        session.pen.note(
            PRUNED,
            now,
            numbers=numbers | {"first": pruned.first, "until": pruned.until},
            digests=digests | ({"export": pruned.export} if pruned.export else {}),
            request=request,
        )
        commit_pruning(home.log)
        drop_segments(home.log, pruned.until)
