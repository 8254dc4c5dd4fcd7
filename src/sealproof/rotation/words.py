"""What consumers say of themselves: a word, how it is written and proved, and whether its writer is still there."""

from __future__ import annotations

import json
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature

from sealproof.envelope import cipher
from sealproof.envelope.grammar import decode, encode
from sealproof.errors import DataError
from sealproof.rotation.presence import NOBODY, Process, is_gone, is_silent


class Use(NamedTuple):
    """How one credential served one consumer."""

    name: str
    rotation: str
    """The rotation that made the credential new."""
    ok: int
    """Log-ins that worked."""
    failed: int
    """Log-ins that the target refused."""


class Acknowledgement(NamedTuple):
    """A consumer's word: it works with this generation of the file."""

    consumer: str
    generation: int
    at: float
    """When it read that generation, in unix seconds."""
    uses: tuple[Use, ...]
    process: Process = NOBODY
    """Who wrote it."""
    beat: float = 0.0
    """When it was written, in unix seconds."""
    every_s: float = 0.0
    """Seconds within which its writer promises to write again; 0 for no promise."""


class Departed(NamedTuple):
    """A consumer that is no longer there."""

    consumer: str
    generation: int
    """What it had read last, by its own word."""
    why: str
    is_final: bool
    """Whether its process is over; else it was silent for too long, and may be back."""

    def __str__(self) -> str:
        return f"{self.consumer} ({self.why})"


class RollCall(NamedTuple):
    """Who is registered."""

    words: list[Acknowledgement]
    """Of those whose word can be verified; what the departed said stays said."""
    unheard: list[str]
    """Whose word cannot be: written under an earlier data key, or not theirs. Nothing is known of them."""
    departed: list[Departed]

    def lagging(self, generation: int) -> list[str]:
        """Return who has not said that it has read `generation`, and is there."""
        late = [word.consumer for word in self.words if word.generation < generation]
        return sorted({*late, *self.unheard}.difference(one.consumer for one in self.departed))

    def concerned(self, generation: int) -> list[str]:
        """Return who is there, and who left only after it had read `generation`: perhaps because of it."""
        before = {one.consumer for one in self.departed if one.generation < generation}
        return sorted({*(word.consumer for word in self.words), *self.unheard} - before)


def written(word: Acknowledgement, key: bytes) -> bytes:
    """Return a word's text: a line of JSON, and its MAC under `key`."""
    fields = {"uses": [use._asdict() for use in word.uses], "process": word.process._asdict()}
    body = json.dumps(word._asdict() | fields, sort_keys=True).encode()
    return body + b"\n" + encode(cipher.mac(key, body)).encode() + b"\n"


def proved(consumer: str, text: bytes, key: bytes) -> Acknowledgement | None:
    """Return what `consumer` says; None where somebody else wrote it, be it an earlier word under another name."""
    body, _, tag = text.rstrip(b"\n").partition(b"\n")
    try:
        cipher.verify_mac(key, body, decode(tag.decode("ascii", "replace")))
    except (InvalidSignature, DataError, ValueError):
        return None
    word = claimed(text)
    return word if word is not None and word.consumer == consumer else None


def claimed(text: bytes) -> Acknowledgement | None:
    """Return what a word says, whoever wrote it; None where it says nothing."""
    try:
        fields = json.loads(text.partition(b"\n")[0])
        uses = tuple(Use(**use) for use in fields.pop("uses"))
        process = Process(**fields.pop("process"))
        return _checked(Acknowledgement(uses=uses, process=process, **fields))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _checked(word: Acknowledgement) -> Acknowledgement:
    """Raise TypeError where a word's numbers are none."""
    whole = (word.generation, word.process.pid, word.process.started)
    if not all(isinstance(number, int) for number in whole):
        raise TypeError
    if not all(isinstance(number, int | float) for number in (word.at, word.beat, word.every_s)):
        raise TypeError
    return word


def departure(consumer: str, word: Acknowledgement | None, here: Process, now: float) -> Departed | None:
    """Return why `consumer` is no longer there, by what its word says; None where it may be. Seen from `here`."""
    if word is None:
        return None
    if is_gone(word.process, here=here):
        why = f"its process {word.process.pid} on this host is over"
        return Departed(consumer, word.generation, why, is_final=True)
    if is_silent(word.beat, word.every_s, now=now):
        why = f"silent for {now - word.beat:.0f} s, and had promised a word every {word.every_s:g} s"
        return Departed(consumer, word.generation, why, is_final=False)
    return None
