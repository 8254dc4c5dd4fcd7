"""Write batches, and change epochs: seal with the old key, destroy it, open with the new one.

Everything here happens under the log's lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import AuditLogBroken, InvalidRecord
from sealproof.vault.audit import torn
from sealproof.vault.audit.epochkeys import EpochKeys
from sealproof.vault.audit.happenings import RECOVERED
from sealproof.vault.audit.lines import LOG, body, checkpoint_line, opening_line
from sealproof.vault.audit.notes import Promise, signature_field, signed_note
from sealproof.vault.audit.segments import SEGMENT_BYTES
from sealproof.vault.audit.tip import Tip
from sealproof.vault.audit.trail import EPOCH_MS, EPOCH_RECORDS, Trail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealproof.envelope.cipher import Random
    from sealproof.vault.audit.home import Home

_DAY_MS = 86_400_000
_NO_NUMBERS: Mapping[str, int] = {}


class Limits(NamedTuple):
    """When an epoch and a segment end. A verifier accepts earlier ends than these, never later ones."""

    epoch_ms: int = EPOCH_MS
    epoch_records: int = EPOCH_RECORDS
    segment_bytes: int = SEGMENT_BYTES


class Written(NamedTuple):
    """One batch, durable."""

    first: int
    at: int
    epoch: int
    lines: list[bytes]


class Pen:
    """Writes one log. Raises AuditLogBroken, KeyMissing, UnsafeFile, FileUnavailable, OSError; then it is useless."""

    def __init__(self, home: Home, random: Random, limits: Limits) -> None:
        self._home = home
        self._limits = limits
        self._keys = EpochKeys(home.keys, random)
        self._tip = Tip(home, self._keys)
        self._fresh = True

    def close(self) -> None:
        """Close what is open."""
        self._tip.close()

    @property
    def trail(self) -> Trail:
        """The state behind the last line."""
        return self._tip.trail

    def ready(self, now: int) -> None:
        """Take in what others wrote, and see that an epoch is open and everything torn recorded."""
        set_aside = self._tip.catch_up()
        if self.trail.promise is not None:
            self._begin(now)
        if set_aside or self._fresh:
            self._record_torn(now)
        self._fresh = False

    def write(self, bodies: Sequence[str], now: int) -> Written:
        """Write one durable batch. An epoch that is over is sealed first.

        Raises InvalidRecord, before anything is written, if a body is outside the grammar.
        """
        at = max(now, self.trail.at)
        if self._is_over(at, len(bodies)):
            self.seal(at)
        trail = self.trail.copy()
        first = trail.range.size
        lines = []
        for text in bodies:
            front = f'{{"q":{trail.range.size},"at":{at},"ep":{trail.epoch},"p":"{trail.head.decode()}",'
            line = f"{front}{text}}}".encode()
            try:
                trail.record(line)
            except AuditLogBroken as exc:  # of our own making, so it can only be the body
                message = "a record is outside the grammar of the audit log; nothing was written"
                raise InvalidRecord(message, hint="operation: a-z 0-9 . -, request: A-Z a-z 0-9 . _ -") from exc
            lines.append(line)
        self._tip.append(trail, [*lines, self._close(trail)])
        return Written(first, at, trail.epoch, lines)

    def note(
        self,
        operation: str,
        now: int,
        *,
        outcome: str = "allow",
        numbers: Mapping[str, int] = _NO_NUMBERS,
        digests: Mapping[str, str] | None = None,
        request: str = "",
    ) -> None:
        """Write what the log has to say about itself, as a batch of its own. Raises InvalidRecord."""
        own = body(LOG, LOG, operation, self._home.tenant, "", 0, outcome, request, numbers, digests)
        self.write([own], now)

    def seal(self, now: int) -> None:
        """End the epoch, and open the next: what it holds can be forged by nobody any more."""
        following = self._keys.prepare(self.trail.epoch + 1)
        trail = self.trail.copy()
        self._tip.append(trail, [self._close(trail, Promise(following.public, max(now, trail.at)))])
        self._tip.key()
        self._begin(now)

    def newest_note(self) -> bytes:
        """Return the newest checkpoint as a signed note. Deterministic signatures: it is the one in the log."""
        signed = self.trail.signed
        if signed is None:
            message = f"audit log of {self._home.tenant} has no checkpoint"
            raise AuditLogBroken(message)
        return signed.note().encode()

    def _is_over(self, at: int, records: int) -> bool:
        trail, limits = self.trail, self._limits
        return (
            (trail.count > 0 and trail.count + records > limits.epoch_records)
            or at - trail.start > limits.epoch_ms
            or at // _DAY_MS != trail.start // _DAY_MS
            or self._tip.segment_size >= limits.segment_bytes
        )

    def _begin(self, now: int) -> None:
        before, trail = self.trail, self.trail.copy()
        line = opening_line(trail.due(now))
        trail.opening(line)
        lines = [line, self._close(trail)]
        another_day = trail.start // _DAY_MS != before.start // _DAY_MS
        if (another_day or self._tip.segment_size >= self._limits.segment_bytes) and self._tip.is_begun():
            self._tip.turn(trail, lines)
        else:
            self._tip.append(trail, lines)

    def _close(self, trail: Trail, promise: Promise | None = None) -> bytes:
        """Return the checkpoint of what `trail` has come to, and let it take that too."""
        text = trail.state(promise).text()
        note = signed_note(text, trail.origin, signature_field(trail.origin, self._tip.key(), text))
        line = checkpoint_line(note)
        trail.checkpoint(line)
        return line

    def _record_torn(self, now: int) -> None:
        for name in torn.pending(self._home.log):
            size, digest = torn.describe(self._home.log, name)
            last = self.trail.own[-1:]
            if not last or last[0].digests.get("torn") != digest:
                self.note(RECOVERED, now, outcome="error", numbers={"bytes": size}, digests={"torn": digest})
            torn.recorded(self._home.log, name)
