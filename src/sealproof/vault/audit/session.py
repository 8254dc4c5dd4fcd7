"""What one process holds open of one log: directories, reserve, pen, digests and pseudonyms."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.errors import SealproofError
from sealproof.vault.audit.happenings import FULL
from sealproof.vault.audit.home import Home
from sealproof.vault.audit.names import NameDigests, prepare_name_key
from sealproof.vault.audit.pen import Limits, Pen
from sealproof.vault.audit.reserve import Reserve
from sealproof.vault.audit.subjects import Subjects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.envelope.cipher import Random


class Session:
    """Everything a writer needs. After an exception, close it and open another."""

    pen: Pen
    digests: NameDigests
    subjects: Subjects

    def __init__(self, root: str, tenant: str, random: Random, limits: Limits) -> None:
        """Open the directories. Raises StoreNotFound, KeyMissing, UnsafeFile, FileUnavailable."""
        self.home = Home(root, tenant)
        self._random = random
        self._limits = limits
        self._reserve = Reserve(self.home.store, random)
        self._opened = False

    def close(self) -> None:
        """Close what is open."""
        self._close_pen()
        self.home.close()

    @contextmanager
    def locked(self, now: int) -> Iterator[None]:
        """Hold the log alone, ready to be written. Raises what a `Pen` raises, and OSError while the disk is full."""
        with self.home.locked():
            self._reserve.ensure()
            self._open()
            self.pen.ready(now)
            yield

    def record_full(self, now: int, refused: int) -> None:
        """Record from the reserve that the disk is full, once for as long as it is."""
        with self.home.locked():
            try:
                self._open()
                self.pen.ready(now)
            except (OSError, SealproofError):  # what a killed writer left must be moved first, and there is no room
                self._close_pen()
                self._reserve.release()
                self._open()
                self.pen.ready(now)
            last = self.pen.trail.own[-1:]
            if not last or last[0].operation != FULL or last[0].sequence != self.pen.trail.range.size - 1:
                self._reserve.release()
                self.pen.note(FULL, now, outcome="error", numbers={"count": refused})

    def _close_pen(self) -> None:
        if self._opened:
            self.pen.close()
            self._opened = False

    def _open(self) -> None:
        if not self._opened:
            self.digests = prepare_name_key(self.home.keys, self._random)
            self.subjects = Subjects(self.home.subjects, self.digests, self._random)
            self.subjects.sweep()
            self.pen = Pen(self.home, self._random, self._limits)
            self._opened = True
