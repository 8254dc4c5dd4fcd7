"""The rules of verification, over lines from wherever they come: no files, no clock.

1. Every line in its one form, linked to the line before it, in sequence, of this tenant (`Trail`).
2. Epochs without a gap, each opened as the seal before it promised, records inside its time (`Trail`).
3. The newest signature of every epoch is that epoch's own key's: its final seal, and in the last epoch the last
   checkpoint. All signatures on request; the others are covered by the chain that leads to the one that was checked.
4. A log that begins behind record 0 holds the signed record of the pruning that made it so, and was not on hold.
5. Every anchor is a checkpoint of this log, to the byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import AuditLogBroken
from sealproof.vault.audit.happenings import HELD, PRUNED, RELEASED, RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealproof.vault.audit.lines import Entry
    from sealproof.vault.audit.notes import Checkpoint
    from sealproof.vault.audit.trail import Signed, Trail


class Verified(NamedTuple):
    """What is proved of a log, up to its last checkpoint."""

    tenant: str
    origin: str
    first: int
    """Sequence number that the log begins with; above 0 it was pruned."""
    size: int
    """Records that the log has ever had; the last one has sequence number `size` - 1."""
    at: int
    """Time of the last record, in unix milliseconds."""
    epochs: int
    """The last epoch; they count from 1."""
    signatures: int
    """How many signatures were checked."""
    checkpoints: int
    """How many there are behind the cut."""
    anchored: int | None
    """Size at the newest anchor that stands in the log; None if there is none."""
    anchored_at: int
    """Time of the last record that the newest anchor covers, in unix milliseconds; 0 without one."""
    outdated: int
    """Anchors from before a pruning: nothing is left to compare them with."""
    unfinished: int
    """Bytes behind the last checkpoint: left by a writer that was killed, acknowledged to nobody."""
    held: str | None
    """The reference of the legal hold that is in force; None if there is none."""
    happenings: dict[str, int]
    """How often the log speaks about itself, by operation."""
    signed: Signed
    """The last checkpoint."""

    @property
    def complete(self) -> bool:
        """Whether an anchor vouches for every record of the log."""
        return self.anchored == self.size

    def claim(self) -> str:
        """Return what may be said of the log, and no more."""
        if self.anchored is None and self.outdated:
            return "internally consistent; the anchor is from before the pruning, so a cut tail cannot be seen"
        if self.anchored is None:
            return "internally consistent; without an anchor a cut tail cannot be seen"
        if self.complete:
            return f"complete up to the anchor at {self.anchored} records, and that is its end"
        return f"complete up to the anchor at {self.anchored} records; behind it, internally consistent"


class Verifier:
    """Takes a log's lines in order. Bounded in memory, whatever the log's length."""

    def __init__(self, trail: Trail, *, anchors: Sequence[Checkpoint] = (), every_signature: bool = False) -> None:
        """Begin at `trail`: its beginning, or the state that `start.trail_from` has proved.

        Raises AuditLogBroken if an anchor is of another log.
        """
        self.trail = trail
        self._first = trail.range.size
        self._every = every_signature
        for anchor in anchors:
            if anchor.origin != trail.origin:
                raise self._broken(f"an anchor is of another log, {anchor.origin}", hint="name the anchor of this log")
        self._pending = {anchor.text(): anchor for anchor in anchors}
        self._outdated = 0
        self._next_anchor = self._lowest_anchor()
        self._anchored: tuple[int, int] | None = None
        self._checkpoints = self._signatures = 0
        self._proved: Signed | None = None
        self._happenings: dict[str, int] = {}
        self._held: str | None = None
        self._cut_recorded = self._first == 0
        self._at = trail.at

    def feed(self, lines: Iterable[bytes]) -> None:
        """Take the next lines. Raises AuditLogBroken."""
        feed = self.trail.feed
        for line in lines:
            signed = feed(line)
            if signed is not None:
                self._closed(signed)

    def finish(self, *, unfinished: int = 0) -> Verified:
        """Say what is proved, now that no line follows. Raises AuditLogBroken."""
        trail = self.trail
        signed = trail.signed
        if signed is None:
            raise self._broken("it holds no checkpoint")
        if signed is not self._proved:
            self._prove(signed)
        size = signed.checkpoint.size
        self._pass_anchors(size, at_the_end=True)
        if not self._cut_recorded:
            raise self._broken(f"it begins at record {self._first}, and no record of it says that it was pruned")
        return Verified(
            tenant=trail.tenant,
            origin=trail.origin,
            first=self._first,
            size=size,
            at=self._at,
            epochs=signed.checkpoint.epoch,
            signatures=self._signatures,
            checkpoints=self._checkpoints,
            anchored=None if self._anchored is None else self._anchored[0],
            anchored_at=0 if self._anchored is None else self._anchored[1],
            outdated=self._outdated,
            unfinished=unfinished,
            held=self._held,
            happenings=self._happenings,
            signed=signed,
        )

    def _closed(self, signed: Signed) -> None:
        trail = self.trail
        self._checkpoints += 1
        self._at = trail.at
        if self._every or trail.promise is not None:
            self._prove(signed)
        if signed.checkpoint.size >= self._next_anchor:
            self._meet_anchors(signed.checkpoint)
        if trail.own:
            self._hear(trail.own)
            trail.own = ()

    def _prove(self, signed: Signed) -> None:
        if not signed.holds():
            checkpoint = signed.checkpoint
            raise self._broken(
                f"the signature at {checkpoint.size} records is not by the key of epoch {checkpoint.epoch}"
            )
        self._proved = signed
        self._signatures += 1

    def _meet_anchors(self, checkpoint: Checkpoint) -> None:
        if self._pending.pop(checkpoint.text(), None) is not None:
            self._anchored = (checkpoint.size, self.trail.at)
        self._pass_anchors(checkpoint.size, at_the_end=False)
        self._next_anchor = self._lowest_anchor()

    def _pass_anchors(self, size: int, *, at_the_end: bool) -> None:
        """Let go of the anchors that no later checkpoint can be. From before a pruning they say nothing."""
        for text, anchor in tuple(self._pending.items()):
            if at_the_end or anchor.size < size:
                if anchor.size > self._first:
                    raise self._missing(anchor, size)
                del self._pending[text]
                self._outdated += 1

    def _lowest_anchor(self) -> int | float:
        return min((anchor.size for anchor in self._pending.values()), default=float("inf"))

    def _missing(self, anchor: Checkpoint, size: int) -> AuditLogBroken:
        if anchor.size > size:
            what = f"an anchor says {anchor.size} records, and the log has {size}: its tail was cut"
        else:
            what = f"an anchor at {anchor.size} records is no checkpoint of it: it was written anew"
        return self._broken(what)

    def _hear(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            operation = entry.operation
            if operation not in RESERVED:
                raise self._broken(f"record {entry.sequence} says of the log itself what it never says")
            self._happenings[operation] = self._happenings.get(operation, 0) + 1
            if operation == HELD:
                self._held = entry.request
            elif operation == RELEASED:
                self._held = None
            elif operation == PRUNED:
                if self._held is not None:
                    raise self._broken(f"record {entry.sequence} prunes it while it was on legal hold")
                self._cut_recorded = self._cut_recorded or entry.numbers.get("until") == self._first

    def _broken(self, what: str, *, hint: str = "compare with an export or a backup from before") -> AuditLogBroken:
        return AuditLogBroken(f"audit log of {self.trail.tenant}: {what}", hint=hint)
