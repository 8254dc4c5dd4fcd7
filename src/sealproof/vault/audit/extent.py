"""What a log consists of at one moment, read in whole batches: between two of them, if a writer is at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import AuditLogBroken
from sealproof.vault.audit.interface import BATCH_MAX
from sealproof.vault.audit.lines import CHECKPOINT
from sealproof.vault.audit.segments import first_of, read_lines, segment_names, size_of
from sealproof.vault.audit.start import cut_of, read_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealproof.loader.files import Directory

_WAITING_MAX = BATCH_MAX + 1  # lines; an opening may come before the records


class Extent(NamedTuple):
    """The pieces of a log."""

    start: list[bytes]
    """The lines of `start.jsonl`; none if the log was never pruned."""
    segments: list[tuple[str, int]]
    """Names and sizes, oldest first, from the cut on."""

    @property
    def cut(self) -> int:
        """The sequence number that the log begins with."""
        return cut_of(self.start)

    @property
    def bytes(self) -> int:
        """How much there is to read."""
        return sum(size for _, size in self.segments)


class Portion(NamedTuple):
    """Some of a segment's lines, ending in a checkpoint; and how far the reading is."""

    lines: list[bytes]
    behind: int
    """Bytes that were read and stand behind the last checkpoint."""
    read: int
    """Bytes that were read for this portion."""


def extent_of(directory: Directory) -> Extent:
    """Return what the log in `directory` consists of. Raises AuditLogBroken, UnsafeFile, FileUnavailable."""
    start = read_start(directory)
    cut = cut_of(start)
    names = [name for name in segment_names(directory) if first_of(name) >= cut]
    return Extent(start, [(name, size_of(directory, name)) for name in names])


def closed_lines(directory: Directory, name: str, size: int, *, start: int = 0) -> Iterator[Portion]:
    """Yield whole batches of a segment's lines, from `start`, where a batch begins, to `size`.

    What is behind the last checkpoint was acknowledged to nobody and is no part of the log, whatever it is.
    Raises AuditLogBroken, UnsafeFile, FileUnavailable.
    """
    waiting: list[bytes] = []
    for lines, rest in read_lines(directory, name, start=start, end=size):
        waiting += lines
        last = next((at for at in range(len(waiting), 0, -1) if waiting[at - 1].startswith(CHECKPOINT)), 0)
        closed, waiting = waiting[:last], waiting[last:]
        if len(waiting) > _WAITING_MAX:
            message = f"{directory.path}/{name} has more than {BATCH_MAX} records without a checkpoint"
            raise AuditLogBroken(message, hint="compare with an export or a backup from before")
        yield Portion(closed, length(waiting) + len(rest), length(lines))


def length(lines: Sequence[bytes]) -> int:
    """Return how many bytes `lines` take in a file."""
    return sum(map(len, lines)) + len(lines)
