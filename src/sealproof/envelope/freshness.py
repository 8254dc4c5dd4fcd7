"""Anchors outside the file: a file cannot prove that it is the newest (`docs/format.md`, Freshness)."""

from __future__ import annotations

from time import gmtime, strftime
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import counter, fields_of, lines_of
from sealproof.errors import MalformedFile, StaleFile
from sealproof.signing import sha256

if TYPE_CHECKING:
    from sealproof.envelope.parse import Envelope

CLOCK_SKEW = 300  # seconds that a reader's clock may be behind a file's `saved`
_MARK = ("format", "tenant", "environment", "generation", "sha256")
_MARK_FORMAT = "sealproof-mark/1"
_HEX = frozenset("0123456789abcdef")
_HEX_DIGITS = 64  # of a SHA-256


class Mark:
    """A host's high-water mark: the newest generation it has seen, and that file's SHA-256 in hex."""

    __slots__ = ("digest", "environment", "generation", "tenant")

    def __init__(self, tenant: str, environment: str, generation: int, digest: str) -> None:
        self.tenant = tenant
        self.environment = environment
        self.generation = generation
        self.digest = digest

    @classmethod
    def of(cls, envelope: Envelope) -> Mark:
        """Return the mark that `envelope` would leave."""
        return cls(envelope.tenant, envelope.environment, envelope.generation, sha256(envelope.data).hex())

    @classmethod
    def parse(cls, text: bytes, *, tenant: str, environment: str) -> Mark:
        """Read a mark of this scope. Raises MalformedFile: an unreadable anchor never counts as none."""
        lines = lines_of(text)
        if len(lines) == 1:
            form, name, place, generation, digest = fields_of(lines[0], _MARK, frozenset(("generation",)))
            hexadecimal = len(digest) == _HEX_DIGITS and _HEX.issuperset(digest)
            if hexadecimal and (form, name, place) == (_MARK_FORMAT, tenant, environment):
                return cls(name, place, counter(generation), digest)
        message = f"high-water mark of {tenant}/{environment} is malformed"
        raise MalformedFile(message, hint="restore SEALPROOF_STATE from the host's backup")

    def to_bytes(self) -> bytes:
        """Return the mark as one line."""
        return (
            f'{{"format":"{_MARK_FORMAT}","tenant":"{self.tenant}","environment":"{self.environment}",'
            f'"generation":{self.generation},"sha256":"{self.digest}"}}\n'
        ).encode()


class Freshness:
    """The anchors in force for one opening. `now` is unix seconds and is passed in."""

    __slots__ = ("mark", "minimum", "now")

    def __init__(self, *, now: int, minimum: int = 0, mark: Mark | None = None) -> None:
        self.now = now
        self.minimum = minimum
        self.mark = mark

    def check(self, envelope: Envelope) -> None:
        """Refuse a file that an anchor shows to be old. Raises StaleFile."""
        self.check_generation(envelope)
        scope = f"{envelope.tenant}/{envelope.environment}"
        if envelope.expires:
            if self.now > envelope.expires:
                message = f"{scope} expired at {_moment(envelope.expires)}, the clock reads {_moment(self.now)}"
                raise StaleFile(message, hint=f"sealproof seal {envelope.tenant} --expires DAYS, and deploy it")
            if self.now < envelope.saved - CLOCK_SKEW:
                message = f"{scope} was saved {envelope.saved - self.now} seconds ahead of this host's clock"
                raise StaleFile(message, hint="set the clock: timedatectl status")

    def check_generation(self, envelope: Envelope) -> None:
        """Refuse a file of which a newer one was seen, whatever its expiry says. Raises StaleFile."""
        scope = f"{envelope.tenant}/{envelope.environment}"
        if envelope.generation < self.minimum:
            message = f"{scope} is generation {envelope.generation}, the pinned minimum is {self.minimum}"
            raise StaleFile(message, hint="deploy the newest file, or lower SEALPROOF_MIN_GENERATION on purpose")
        if self.mark is not None:
            self._check_mark(envelope, self.mark, scope)

    def protection(self, envelope: Envelope) -> str:
        """Say in words which anchor guards `envelope` against rollback."""
        if self.minimum:
            return f"protected: generation at least {self.minimum}"
        if self.mark is not None:
            return f"protected: high-water mark {self.mark.generation}"
        if envelope.expires:
            return f"protected until expiry at {_moment(envelope.expires)}"
        return "not protected"

    @staticmethod
    def _check_mark(envelope: Envelope, mark: Mark, scope: str) -> None:
        hint = "deploy the newest file; to undo a change, set the old value again"
        if envelope.generation < mark.generation:
            message = f"{scope} is generation {envelope.generation}, this host has seen {mark.generation}"
            raise StaleFile(message, hint=hint)
        if envelope.generation == mark.generation and sha256(envelope.data).hex() != mark.digest:
            message = f"{scope} is another generation {mark.generation} than the one this host has seen"
            raise StaleFile(message, hint=hint)


def _moment(seconds: int) -> str:
    """Return unix seconds as a person reads them; 2^53-1 of them is the year 285,428,751."""
    return strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(seconds))


def parse_minimum(text: str) -> int:
    """Return a pinned minimum generation from 1, in its canonical form. Raises ValueError."""
    try:
        return counter(text)
    except MalformedFile as exc:
        raise ValueError(exc.message) from None
