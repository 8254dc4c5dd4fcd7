"""The kinds of records, the fields of each, and one record as data.

A record is a person's word, signed with that person's key: that a log was reviewed, that a change was approved.
The signature proves who said it and that it was not altered; whether it is true, no program can tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from sealproof.envelope.grammar import is_tenant
from sealproof.errors import CallerError, InvalidName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Value = str | int | tuple[str, ...]
    Fields = Mapping[str, Value]

POLICY_KEY: Final = "policy"
"""Who signs the records that say which people there are: the store's policy key, under this name."""

PERSON, LEAVER, EXPOSURE = "person", "leaver", "exposure"
AUDIT_REVIEW, ACCESS_REVIEW, APPROVAL, ERASURE = "audit-review", "access-review", "approval", "erasure"

DUTIES: Final = ("approver", "reviewer")
"""What a person may sign: approvals and waivers, or reviews. Leavers, exposures and erasures anybody may."""

NEEDS_DUTY: Final[Mapping[str, str]] = {
    APPROVAL: "approver",
    AUDIT_REVIEW: "reviewer",
    ACCESS_REVIEW: "reviewer",
}

INTEGER_MAX: Final = 2**53 - 1
TEXT_MAX: Final = 2000  # characters
LIST_MAX: Final = 4096
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:/+-]{0,127}", re.ASCII).fullmatch
_HEX64 = re.compile(r"[0-9a-f]{64}").fullmatch
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


def _text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) == len(value) <= TEXT_MAX and value.isprintable()


def _name(value: object) -> bool:
    return isinstance(value, str) and bool(_NAME(value)) and value != POLICY_KEY


def _tenant(value: object) -> bool:
    return isinstance(value, str) and is_tenant(value)


def _digest(value: object) -> bool:
    return isinstance(value, str) and bool(_HEX64(value))


def _day(value: object) -> bool:
    if not isinstance(value, str) or not _DAY(value):
        return False
    try:
        return bool(date.fromisoformat(value))
    except ValueError:
        return False


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INTEGER_MAX


def _texts(value: object) -> bool:
    return isinstance(value, tuple) and len(value) <= LIST_MAX and all(_text(item) for item in value)


def _duties(value: object) -> bool:
    return isinstance(value, tuple) and len(set(value)) == len(value) and set(value) <= set(DUTIES)


KINDS: Final[Mapping[str, Mapping[str, Callable[[object], bool]]]] = {
    PERSON: {"name": _name, "key": _digest, "duties": _duties},
    LEAVER: {"name": _name, "day": _day},
    EXPOSURE: {"resource": _text, "note": _text},
    AUDIT_REVIEW: {"tenant": _tenant, "first": _count, "last": _count, "head": _digest, "outcome": _text},
    ACCESS_REVIEW: {"policy": _digest, "generation": _count, "rules": _texts, "outcome": _text},
    APPROVAL: {"subject": _text, "digest": _digest, "author": _name, "reference": _text},
    ERASURE: {"tenant": _tenant, "reference": _text},
}
"""Every kind with its fields, all required. A key is an Ed25519 public key in hex, a digest SHA-256 in hex."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: what was said, by whom, at which time by the signer's own clock."""

    kind: str
    by: str
    at: int
    """Unix seconds."""
    fields: Fields
    path: str = ""
    """Below the store's root, once it lies there."""

    def text(self, name: str) -> str:
        """Return a field that is text."""
        return str(self.fields[name])

    def count(self, name: str) -> int:
        """Return a field that is an integer."""
        return int(self.fields[name])  # type: ignore[arg-type]  # its kind says that it is one

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a field that is a list of texts."""
        value = self.fields[name]
        return value if isinstance(value, tuple) else ()


def check_record(record: Record) -> Record:
    """Return `record` if it is one that may be signed. Raises CallerError, InvalidName."""
    known = KINDS.get(record.kind)
    if known is None:
        message = f"{record.kind!r:.40} is no kind of record"
        raise CallerError(message, hint=f"one of: {', '.join(KINDS)}")
    if record.by != POLICY_KEY and not _name(record.by):
        message = f"{record.by!r:.80} is no name of a person"
        raise InvalidName(message, hint="use 1 to 128 of A-Z a-z 0-9 _ . @ : / + -")
    wrong = sorted(record.fields.keys() ^ known.keys()) or [
        name for name, fits in known.items() if not fits(record.fields[name])
    ]
    if wrong or not _count(record.at):
        message = f"a record of kind {record.kind} has no such {', '.join(wrong) or 'time'}"
        raise CallerError(message, hint=f"fields: {', '.join(known)}", names=tuple(wrong))
    return record
