"""The three kinds of lines of a log, each with one accepted spelling.

    record      {"q":…          what happened; a leaf of the tree
    opening     {"epoch":…      an epoch begins: its key, and the tree so far
    checkpoint  {"note":"…      a signed note, closing every durable batch; with `next` in it, an epoch's final seal

A record must match a pattern that allows no escapes, no spaces and no second way to write a number;
an opening and a checkpoint are rebuilt from what the reader knows already, and compared.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import AuditLogBroken
from sealproof.vault.audit.interface import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LINE_MAX = 16 * 1024  # bytes, without the LF
RECORD, OPENING, CHECKPOINT = b'{"q":', b'{"epoch":', b'{"note":"'
LOG = "log"
"""Actor, and how it was established, of what the log says about itself."""

_INTEGER = b"(0|[1-9][0-9]{0,14})"  # below 2^53, which every JSON reader keeps exact
_HEX32, _HEX64 = b"([0-9a-f]{32})", b"([0-9a-f]{64})"
match_record = re.compile(
    rb'\{"q":' + _INTEGER + rb',"at":' + _INTEGER + rb',"ep":' + _INTEGER + rb',"p":"' + _HEX64 +
    rb'","a":"([0-9a-f]{32}|log)","ak":"(claimed|uid|peercred|oidc|log)","op":"([a-z][a-z0-9.-]{0,31})'
    rb'","s":"([a-z0-9][a-z0-9_-]{0,62})(/[a-z0-9][a-z0-9-]{0,31})?","x":"' + _HEX32 + rb'?","v":' + _INTEGER +
    rb',"r":"(allow|deny|error)","rid":"([A-Za-z0-9._-]{0,64})'
    rb'","n":\{([a-z0-9_:,"]*)\}(?:,"d":\{([a-z0-9:,"]+)\})?\}'
).fullmatch  # fmt: skip
match_opening = re.compile(
    rb'\{"epoch":' + _INTEGER + rb',"at":' + _INTEGER + rb',"q":' + _INTEGER + rb',"p":"' + _HEX64 +
    rb'","origin":"([a-z0-9/_-]+)","key":"' + _HEX64 + rb'","range":\[((?:"[0-9a-f]{64}",)*(?:"[0-9a-f]{64}")?)\]\}'
).fullmatch  # fmt: skip
find_next = re.compile(rb"\\nnext ([A-Za-z0-9+/]{43}=) " + _INTEGER + rb"\\n\\n\\u2014 ").search
_NUMBER = re.compile(r'"([a-z_]+)":(0|[1-9][0-9]{0,14})').fullmatch
_DIGEST = re.compile(r'"([a-z]+[0-9]*)":"([0-9a-f]{64})"').fullmatch


class Entry(NamedTuple):
    """A record as it stands in the log."""

    sequence: int
    at: int
    epoch: int
    actor: str
    established: str
    operation: str
    scope: str
    secret: str
    version: int
    outcome: str
    request: str
    numbers: dict[str, int]
    digests: dict[str, str]


class Opening(NamedTuple):
    """The line that an epoch begins with."""

    epoch: int
    at: int
    sequence: int
    previous: str
    origin: str
    key: bytes
    range: tuple[bytes, ...]


def body(  # noqa: PLR0917 - the order of the fields in the line
    actor: str,
    established: str,
    operation: str,
    scope: str,
    secret: str,
    version: int,
    outcome: str,
    request: str,
    numbers: Mapping[str, int],
    digests: Mapping[str, str] | None = None,
) -> str:
    """Return the part of a record's line that does not depend on where it will stand. Not yet checked."""
    counted = ",".join([f'"{name}":{numbers[name]}' for name in sorted(numbers)]) if numbers else ""
    text = (
        f'"a":"{actor}","ak":"{established}","op":"{operation}","s":"{scope}","x":"{secret}",'
        f'"v":{version},"r":"{outcome}","rid":"{request}","n":{{{counted}}}'
    )
    if digests is None:
        return text
    hashed = ",".join([f'"{name}":"{digests[name]}"' for name in sorted(digests)])
    return f'{text},"d":{{{hashed}}}'


def read_record(line: bytes) -> Entry:
    """Return a record's fields. Raises AuditLogBroken."""
    match = match_record(line)
    if match is None:
        message = "a record is not in its canonical form"
        raise AuditLogBroken(message)
    q, at, ep, _, actor, known, op, tenant, environment, secret, v, outcome, request, numbers, digests = (
        (group or b"").decode() for group in match.groups()
    )
    counted, hashed = numbers_of(numbers), digests_of(digests)
    if (actor == LOG) != (known == LOG) or (hashed and actor != LOG):
        message = "a record has fields that only the log's own have"
        raise AuditLogBroken(message)
    scope = tenant + environment
    return Entry(int(q), int(at), int(ep), actor, known, op, scope, secret, int(v), outcome, request, counted, hashed)


def numbers_of(text: str) -> dict[str, int]:
    """Return the numbers of a record from between their braces. Raises AuditLogBroken."""
    numbers = {name: int(value) for name, value in _pairs(text, _NUMBER)}
    if not NUMBERS.issuperset(numbers):
        message = "a record has a number that none may have"
        raise AuditLogBroken(message)
    return numbers


def digests_of(text: str) -> dict[str, str]:
    """Return the digests of one of the log's own records from between their braces. Raises AuditLogBroken."""
    return dict(_pairs(text, _DIGEST))


def read_opening(line: bytes) -> Opening:
    """Return an opening's fields. Raises AuditLogBroken."""
    match = match_opening(line)
    if match is None:
        message = "the opening of an epoch is not in its canonical form"
        raise AuditLogBroken(message)
    epoch, at, q, p, origin, key, nodes = (group.decode() for group in match.groups())
    hashes = tuple(bytes.fromhex(node.strip('"')) for node in nodes.split(",") if node)
    opening = Opening(int(epoch), int(at), int(q), p, origin, bytes.fromhex(key), hashes)
    if opening_line(opening) != line:
        message = "the opening of an epoch is not in its canonical form"
        raise AuditLogBroken(message)
    return opening


def opening_line(opening: Opening) -> bytes:
    """Return the line of an opening."""
    nodes = ",".join(f'"{node.hex()}"' for node in opening.range)
    return (
        f'{{"epoch":{opening.epoch},"at":{opening.at},"q":{opening.sequence},"p":"{opening.previous}",'
        f'"origin":"{opening.origin}","key":"{opening.key.hex()}","range":[{nodes}]}}'
    ).encode()


def escaped(text: str) -> bytes:
    """Return a note's text as it stands inside a JSON string. Notes hold no other character that needs it."""
    return text.replace("\n", "\\n").replace("\N{EM DASH}", "\\u2014").encode()


def checkpoint_line(note: str) -> bytes:
    """Return the line of a checkpoint."""
    return CHECKPOINT + escaped(note) + b'"}'


def note_of(line: bytes) -> str:
    """Return the note in a checkpoint's line, as plain text."""
    return line[len(CHECKPOINT) : -2].decode().replace("\\n", "\n").replace("\\u2014", "\N{EM DASH}")


def _pairs(text: str, match: Callable[[str], re.Match[str] | None]) -> list[tuple[str, str]]:
    if not text:
        return []
    matches = [match(part) for part in text.split(",")]
    pairs = [(found[1], found[2]) for found in matches if found]
    if len(pairs) != len(matches) or any(before >= after for before, after in pairwise([name for name, _ in pairs])):
        message = "a record's names are not each there once, in their order"
        raise AuditLogBroken(message)
    return pairs
