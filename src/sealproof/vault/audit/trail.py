"""Follow a log line by line: chain, tree, sequence, epochs and times. Writer and verifier share this one set of rules.

What a trail cannot see is whether a signature holds: it takes each checkpoint apart and leaves that to its owner.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import AuditLogBroken
from sealproof.signing import verifies
from sealproof.vault.audit.lines import (
    CHECKPOINT,
    LOG,
    OPENING,
    RECORD,
    Entry,
    Opening,
    escaped,
    find_next,
    match_record,
    numbers_of,
    read_opening,
    read_record,
)
from sealproof.vault.audit.notes import (
    Checkpoint,
    Promise,
    base64,
    key_id,
    origin_of,
    signed_note,
    split_signature,
    unbase64,
)
from sealproof.vault.audit.tree import CompactRange

if TYPE_CHECKING:
    from typing import Self

EPOCH_MS = 3_600_000
EPOCH_RECORDS = 4096
"""What one signing key may sign at most. A verifier demands both."""

_NOTHING = b"0" * 64  # what the first line links to
_LOG = LOG.encode()
_LINE_END = b'\\n"}'


class Signed(NamedTuple):
    """A checkpoint that was met: what is signed, by whom it must be, and the signature."""

    checkpoint: Checkpoint
    key: bytes
    signature: bytes

    def note(self) -> str:
        """Return it as a note with one signature line."""
        name = self.checkpoint.origin
        return signed_note(self.checkpoint.text(), name, base64(key_id(name, self.key) + self.signature))

    def holds(self) -> bool:
        """Tell whether the signature is the key's."""
        return verifies(self.key, self.signature, self.checkpoint.text().encode())


class Trail:
    """The state of a log behind the last line that was fed."""

    __slots__ = (
        "at",
        "count",
        "epoch",
        "head",
        "key",
        "origin",
        "own",
        "promise",
        "range",
        "signed",
        "start",
        "tenant",
    )

    def __init__(self, tenant: str, first_key: bytes) -> None:
        self.tenant = tenant
        self.origin = origin_of(tenant, first_key)
        self.range = CompactRange()
        self.head = _NOTHING
        """SHA-256 of the last line, in hex."""
        self.at = 0
        self.epoch = self.start = self.count = 0
        self.key = b""
        self.promise: Promise | None = Promise(first_key, -1)
        """Set between an epoch's final seal and the next opening; the start of the first epoch is its own to say."""
        self.signed: Signed | None = None
        self.own: tuple[Entry, ...] = ()
        """What the log said about itself in this epoch, in order."""

    @classmethod
    def resumed(cls, line: bytes, tenant: str, first_key: bytes) -> Self:
        """Return the state behind an opening line, taken at its word: what follows must bear a signature."""
        opening = read_opening(line)
        trail = cls(tenant, first_key)
        trail.range = CompactRange(opening.sequence, opening.range)
        trail.head = opening.previous.encode()
        trail.epoch, trail.at = opening.epoch - 1, opening.at
        trail.promise = Promise(opening.key, opening.at)
        trail.opening(line)
        return trail

    def copy(self) -> Self:
        """Return an independent copy."""
        other = self.__class__.__new__(self.__class__)
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        other.range = self.range.copy()
        return other

    def feed(self, line: bytes) -> Signed | None:
        """Take the next line, and return what is signed if it was a checkpoint. Raises AuditLogBroken."""
        if line.startswith(RECORD):
            self.record(line)
        elif line.startswith(CHECKPOINT):
            return self.checkpoint(line)
        elif line.startswith(OPENING):
            self.opening(line)
        else:
            raise self._broken("is of no known kind")
        return None

    def record(self, line: bytes) -> None:
        """Take a record: in its form, next in sequence, linked, within its epoch. Raises AuditLogBroken."""
        match = match_record(line)
        if match is None:
            raise self._broken("is not in its canonical form")
        q, at, epoch, previous, actor, known, _, tenant, *_, numbers, digests = match.groups()
        if self.promise is not None:
            raise self._broken("is a record outside any epoch")
        if int(q) != self.range.size:
            raise self._broken(f"has sequence number {int(q)}")
        if previous != self.head:
            raise self._broken("does not link to the line before it")
        time = int(at)
        if int(epoch) != self.epoch or self.count >= EPOCH_RECORDS:
            raise self._broken(f"does not belong to epoch {self.epoch}")
        if not self.at <= time <= self.start + EPOCH_MS:
            raise self._broken(f"has a time outside epoch {self.epoch}, or before the record before it")
        if tenant.decode() != self.tenant:
            raise self._broken("is another tenant's")
        if numbers:
            numbers_of(numbers.decode())
        if digests or _LOG in (actor, known):
            self.own = (*self.own, read_record(line))
        self.head = sha256(line).hexdigest().encode()
        self.range.append(line)
        self.count += 1
        self.at = time

    def checkpoint(self, line: bytes) -> Signed:
        """Take a checkpoint: it must state exactly what the lines before it give. Raises AuditLogBroken.

        Whether the signature holds is for the caller to see.
        """
        found = find_next(line)
        promise = None if found is None else Promise(unbase64(found[1].decode()), int(found[2]))
        if self.promise is not None:
            raise self._broken("is a checkpoint outside any epoch")
        if promise is not None and not self.at <= promise.start:
            raise self._broken("opens the next epoch before this one's last record")
        checkpoint = self.state(promise)
        front = CHECKPOINT + escaped(f"{checkpoint.text()}\n\N{EM DASH} {self.origin} ")
        if not line.startswith(front) or not line.endswith(_LINE_END):
            raise self._broken("states another size, root, chain, epoch or time than the lines before it give")
        name, signature = split_signature(line[len(front) : -len(_LINE_END)].decode("latin-1"))
        if name != key_id(self.origin, self.key):
            raise self._broken(f"is not signed with the key of epoch {self.epoch}")
        self.head = sha256(line).hexdigest().encode()
        self.signed = signed = Signed(checkpoint, self.key, signature)
        self.promise = promise
        return signed

    def opening(self, line: bytes) -> None:
        """Take the opening of the next epoch, as the final seal before it promised. Raises AuditLogBroken."""
        opening = read_opening(line)
        if self.promise is None or opening != self.due(opening.at):
            raise self._broken("is not the opening of the epoch that is due")
        self.head = sha256(line).hexdigest().encode()
        self.epoch, self.start, self.key = opening.epoch, opening.at, opening.key
        self.at = max(self.at, opening.at)
        self.count, self.promise, self.own = 0, None, ()

    def due(self, at: int) -> Opening:
        """Return the opening that must come next.

        `at` counts only for the first epoch; the others' seal has said it.
        """
        key, start = self.promise or Promise(self.key, self.start)
        nodes = tuple(self.range.hashes)
        begin = at if start < 0 else start
        return Opening(self.epoch + 1, begin, self.range.size, self.head.decode(), self.origin, key, nodes)

    def state(self, promise: Promise | None = None) -> Checkpoint:
        """Return what a checkpoint would state here."""
        size, root = self.range.size, self.range.root()
        return Checkpoint(self.origin, size, root, self.head.decode(), self.epoch, self.start, promise)

    def _broken(self, what: str) -> AuditLogBroken:
        message = f"audit log of {self.tenant}: the line behind record {self.range.size - 1} {what}"
        return AuditLogBroken(message, hint="compare with an export or a backup from before")
