"""The end of a log as this process knows it: newest segment, state behind its last line, key of its epoch.

Used under the log's lock. After an exception it is useless: drop it, and open another, which reads
back from the disk what really stands there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import AuditLogBroken, KeyMissing
from sealproof.vault.audit import torn
from sealproof.vault.audit.mark import Mark
from sealproof.vault.audit.segments import Segment, first_of, segment_name, segment_names
from sealproof.vault.audit.shred import sweep
from sealproof.vault.audit.start import cut_of, finish_pruning, read_start
from sealproof.vault.audit.tail import follow, resume
from sealproof.vault.audit.trail import Signed, Trail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealproof.signing import SigningKey
    from sealproof.vault.audit.epochkeys import EpochKeys
    from sealproof.vault.audit.home import Home


class Tip:
    """What the next batch is appended to."""

    def __init__(self, home: Home, keys: EpochKeys) -> None:
        """Read the last epoch. Raises AuditLogBroken, KeyMissing, UnsafeFile, FileUnavailable, OSError."""
        self._home = home
        self._keys = keys
        self._key: SigningKey | None = None
        self._segment: Segment | None = None
        self._mark = Mark(home.keys)
        try:
            sweep(home.log)
            keys.sweep()
            finish_pruning(home.log)
            names = segment_names(home.log)
            self._first_key = self._find_first_key(begun=bool(names))
            self.trail = Trail(home.tenant, self._first_key)
            if names:
                self._open(names[-1])
            self.key()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close what is open."""
        self._mark.close()
        if self._segment is not None:
            self._segment.close()

    @property
    def segment_size(self) -> int:
        """How long the newest segment is; 0 if there is none."""
        return 0 if self._segment is None else self._segment.size

    def catch_up(self) -> bool:
        """Take in what other processes appended, and tell whether a killed one left something that was set aside."""
        found = False
        while (segment := self._segment) is not None:
            segment, size = self._grown(segment)
            if size > segment.size:
                found = self._read_on(segment, size) or found
            name = segment_name(self.trail.range.size)
            if self.trail.promise is None or name == segment.name or name not in segment_names(self._home.log):
                break
            segment.close()
            self._segment = Segment(self._home.log, name)
        self.key()
        return found

    def append(self, trail: Trail, lines: Sequence[bytes]) -> None:
        """Make `lines` durable, and `trail` the state. Raises OSError."""
        data = b"\n".join((*lines, b""))
        if self._segment is None:
            self.turn(trail, lines)
            return
        self._segment.append(data)
        self._moved(trail)

    def turn(self, trail: Trail, lines: Sequence[bytes]) -> None:
        """Begin a new segment with `lines`, in one step. Raises FileUnavailable, OSError."""
        data = b"\n".join((*lines, b""))
        name = segment_name(trail.range.size)
        self._home.log.replace(name, data)
        if self._segment is not None:
            self._segment.close()
        self._segment = Segment(self._home.log, name)
        self._segment.size = len(data)
        self._pin()
        self._moved(trail)

    def is_begun(self) -> bool:
        """Tell whether the newest segment holds a record, so that another one could follow it."""
        return self._segment is not None and first_of(self._segment.name) < self.trail.range.size

    def key(self) -> SigningKey:
        """Return the key of the epoch that is open, or due. Those of the epochs before it are destroyed.

        Raises AuditLogBroken if the log is older than its keys, KeyMissing if the keys are older than the log.
        """
        trail = self.trail
        epoch, public = trail.epoch, trail.key
        if trail.promise is not None:
            epoch, public = trail.epoch + 1, trail.promise.key
        if self._key is None or self._key.public != public:
            key = self._keys.load(epoch)
            if key is None or key.public != public:
                raise self._no_key(epoch)
            self._keys.destroy_below(epoch)
            self._key = key
        return self._key

    def _open(self, name: str) -> Segment:
        if self._segment is not None:
            self._segment.close()
        segment = self._segment = Segment(self._home.log, name)
        self.trail, segment.size = resume(segment, self._home.tenant, self._first_key, self._authentic)
        self._pin()
        size, seen = self.trail.range.size, self._mark.read()
        if size < seen:
            message = f"audit log of {self._home.tenant} has {size} records, and had {seen}"
            raise AuditLogBroken(message, hint="its tail was cut, or an older copy was put back")
        return segment

    def _grown(self, segment: Segment) -> tuple[Segment, int]:
        """Return the newest segment and its size: another one, if what we had open was pruned by another process."""
        try:
            return segment, segment.grown()
        except AuditLogBroken:
            if cut_of(read_start(self._home.log)) <= first_of(segment.name):
                raise
        newest = self._open(segment_names(self._home.log)[-1])
        return newest, newest.grown()

    def _pin(self) -> None:
        if self._home.pinned() is None:
            self._home.pin(self._first_key)

    def _read_on(self, segment: Segment, size: int) -> bool:
        tail = follow(self.trail, segment.read(segment.size, size), self._authentic)
        if tail is not None:
            self.trail = tail.trail
            segment.size += tail.accepted
        if segment.size == size:
            return False
        torn.set_aside(self._home.log, segment, size)
        return True

    def _authentic(self, signed: Signed) -> bool:
        """Tell whether a checkpoint is ours. Signing again costs a third of verifying: Ed25519 is deterministic."""
        message = signed.checkpoint.text().encode()
        key = self._key
        if key is None or key.public != signed.key:
            key = self._keys.load(signed.checkpoint.epoch)
        if key is None or key.public != signed.key:
            return signed.holds()
        return key.sign(message) == signed.signature

    def _find_first_key(self, *, begun: bool) -> bytes:
        pinned = self._home.pinned()
        if pinned is None:
            if begun and self._keys.newest() != 1:
                message = f"{self._home.signing.path} has no audit-{self._home.tenant}.pub"
                raise KeyMissing(message, hint="restore it from where it was published")
            return self._keys.prepare(1).public
        if not begun:
            message = f"the audit log of {self._home.tenant} is gone: {self._home.path} holds no segment"
            raise AuditLogBroken(message, hint="restore it; if it is lost for good, see docs/audit.md")
        return pinned

    def _no_key(self, epoch: int) -> AuditLogBroken | KeyMissing:
        name = f"audit log of {self._home.tenant}"
        if self._keys.newest() > epoch:
            message = f"{name} ends in epoch {epoch}, and its keys are at {self._keys.newest()}"
            return AuditLogBroken(message, hint="its tail was cut, or an older copy was put back")
        message = f"{name} ends in epoch {epoch}, and {self._home.keys.path} does not hold the key of it"
        return KeyMissing(message, hint="work where the log is written; see docs/audit.md")

    def _moved(self, trail: Trail) -> None:
        self.trail = trail
        self._mark.write(trail.range.size)
