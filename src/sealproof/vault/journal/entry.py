"""One line of the journal: strict canonical JSON, linked to the line before, signed. Bytes in, bytes out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.grammar import INTEGER_MAX, decode_exactly, encode, frame
from sealproof.errors import InvalidRecord, JournalBroken, MalformedFile
from sealproof.signing import PUBLIC_BYTES, SIGNATURE_BYTES, canonical, sha256, verifies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.signing import SigningKey

    Fact = str | int | bool | list[str] | list[int]

BEGIN, DONE, ABANDONED, NOTE = "begin", "done", "abandoned", "note"

LINE_MAX = 16 * 1024  # bytes, without the LF
FACTS_MAX = 32
LIST_MAX = 256  # items of one fact
TEXT_MAX = 1024  # characters of one fact
FIRST = "0" * 64  # what the first line is linked to

_WORD = re.compile(r"[a-z][a-z0-9.-]{0,47}").fullmatch
_SCOPE = re.compile(r"[A-Za-z0-9_./*-]{0,255}").fullmatch
_ID = re.compile(r"[0-9a-f]{32}").fullmatch
_HASH = re.compile(r"[0-9a-f]{64}").fullmatch
_FACT = re.compile(r"[a-z][a-z0-9_]{0,31}").fullmatch
_FIELDS = {"at", "by", "event", "facts", "kind", "op", "prev", "scope", "seq", "signature"}
_SIGNATURE = b',"signature":"'  # sorts last of all fields, so it ends the line


class Entry(NamedTuple):
    """One line as it was read: in its only spelling, not yet proved."""

    seq: int
    """From 1, without gaps."""
    at: int
    """Unix seconds, as claimed by who wrote it."""
    operation: str
    """32 hex digits: ties the lines of one operation together."""
    kind: str
    """Which operation, such as `epoch.rotate`."""
    scope: str
    """What it works on, such as `acme/production`."""
    event: str
    """`begin`, a step's name, `done`, `abandoned`, or `note` for a single line."""
    facts: Mapping[str, Fact]
    previous: str
    """SHA-256 of the line before, in hex."""
    by: bytes
    """Ed25519 public key of who signed."""
    signature: bytes
    line: bytes
    """The line itself, without its LF."""

    @property
    def hash(self) -> str:
        """Return what the next line must be linked to."""
        return sha256(self.line).hex()

    def is_signed(self) -> bool:
        """Tell whether `by` signed the line. Whether `by` may is the caller's to know."""
        return verifies(self.by, self.signature, _covered(self.line[: self.line.rindex(_SIGNATURE)]))


def make(
    key: SigningKey,
    *,
    seq: int,
    at: int,
    operation: str,
    kind: str,
    scope: str,
    event: str,
    facts: Mapping[str, Fact],
    previous: str,
) -> Entry:
    """Return a new signed line. Raises InvalidRecord if a field is outside its grammar; nothing is quoted."""
    fields = {
        "at": at,
        "by": encode(key.public),
        "event": event,
        "facts": dict(facts),
        "kind": kind,
        "op": operation,
        "prev": previous,
        "scope": scope,
        "seq": seq,
    }
    problem = _problem(fields)
    body = b"" if problem else canonical(fields)[:-1]
    line = body + _SIGNATURE + encode(key.sign(_covered(body))).encode() + b'"}'
    if problem or len(line) > LINE_MAX:
        message = f"a journal line cannot hold this: {problem or f'over {LINE_MAX} bytes'}"
        raise InvalidRecord(message, hint="facts are short names, numbers and lists of them, never values")
    return parse(line, name="a new line")


def parse(line: bytes, *, name: str) -> Entry:
    """Read one line in its only spelling; `name` stands in the error. Raises JournalBroken."""
    try:
        fields = json.loads(line) if len(line) <= LINE_MAX else None
        if not isinstance(fields, dict) or fields.keys() != _FIELDS or canonical(fields) != line or _problem(fields):
            raise _malformed(name)
        by = decode_exactly(fields["by"], PUBLIC_BYTES)
        signature = decode_exactly(fields["signature"], SIGNATURE_BYTES)
    except (ValueError, TypeError, AttributeError, RecursionError, MalformedFile):
        raise _malformed(name) from None
    return Entry(
        fields["seq"],
        fields["at"],
        fields["op"],
        fields["kind"],
        fields["scope"],
        fields["event"],
        fields["facts"],
        fields["prev"],
        by,
        signature,
        line,
    )


def _covered(body: bytes) -> bytes:
    return frame(b"sealproof/1/journal", sha256(body))


def _problem(fields: Mapping[str, object]) -> str:
    """Say which field is outside its grammar, or return an empty text."""
    for name, matches in (("kind", _WORD), ("event", _WORD), ("scope", _SCOPE), ("op", _ID), ("prev", _HASH)):
        text = fields[name]
        if not isinstance(text, str) or not matches(text):
            return name
    for name in ("seq", "at"):
        if not _is_integer(fields[name]):
            return name
    facts = fields["facts"]
    if not isinstance(facts, dict) or len(facts) > FACTS_MAX:
        return "facts"
    return next((name if _FACT(name) else "a fact's name" for name in facts if not _is_fact(name, facts[name])), "")


def _is_fact(name: str, fact: object) -> bool:
    if not _FACT(name):
        return False
    if isinstance(fact, list):
        return len(fact) <= LIST_MAX and all(_is_text(item) or _is_integer(item) for item in fact)
    return isinstance(fact, bool) or _is_text(fact) or _is_integer(fact)


def _is_text(fact: object) -> bool:
    return isinstance(fact, str) and len(fact) <= TEXT_MAX and (fact.isprintable() or not fact)


def _is_integer(fact: object) -> bool:
    return isinstance(fact, int) and not isinstance(fact, bool) and 0 <= fact <= INTEGER_MAX


def _malformed(name: str) -> JournalBroken:
    message = f"{name} is no line of a rotation journal"
    return JournalBroken(message, hint="restore keys/ from its backup, and find out who changed the journal")
