"""Which public keys may have signed a report, and in which days: what whoever verifies pins beforehand.

A pin is a public key in PEM, or several one after the other, or a file of several with validity periods:

    format = "sealproof-report-keys/1"

    [[key]]
    public = "MCowBQYDK2VwAyEA…"     # the line between BEGIN and END of the PEM
    from = "2026-01-01"              # first day, in UTC, on which it may have signed; optional
    until = "2026-12-31"             # last such day; optional

A signature proves who, not when: the day is the one that the signer's clock had. So a key whose
private half is lost must leave the file, or get an `until` before the loss, and a run that claims to be
older is believed only as a link of a chain that was verified before.
"""

from __future__ import annotations

import binascii
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from sealproof.errors import ConfigurationError, EvidenceRejected, MalformedFile
from sealproof.signing import fingerprint, public_from_pem, public_to_pem, verify_dsse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORMAT: Final = "sealproof-report-keys/1"

_FIELDS: Final = frozenset({"public", "from", "until", "note"})
_HINT: Final = "sealproof report pin KEY.pub --from DAY --until DAY"
_BEGIN: Final = b"-----BEGIN"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """A public report key that somebody trusts, and the days, in UTC, on which it may have signed."""

    public: bytes
    """Raw, 32 bytes."""
    first: date | None = None
    """None: from ever."""
    last: date | None = None
    """None: for ever."""

    def covers(self, milliseconds: int) -> bool:
        """Tell whether the key may have signed at this time, in Unix milliseconds."""
        day = datetime.fromtimestamp(milliseconds // 1000, UTC).date()
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def __str__(self) -> str:
        days = f" ({self.first or 'ever'} to {self.last or 'ever'})" if self.first or self.last else ""
        return f"{fingerprint(self.public)}{days}"


def pinned_keys(keys: Iterable[bytes | PinnedKey]) -> tuple[PinnedKey, ...]:
    """Return every key as a pin; a raw public key is one without limits."""
    return tuple(key if isinstance(key, PinnedKey) else PinnedKey(key) for key in keys)


def signers(envelope: bytes, pinned: Iterable[PinnedKey]) -> tuple[PinnedKey, ...]:
    """Return those of the pinned keys that signed a DSSE envelope, in or out of their days."""
    return tuple(key for key in pinned if _signed(envelope, key.public))


def _signed(envelope: bytes, public: bytes) -> bool:
    try:
        verify_dsse(envelope, [public])
    except EvidenceRejected:
        return False
    return True


def read_pins(text: bytes, *, name: str) -> tuple[PinnedKey, ...]:
    """Return the keys of a PEM, of several behind each other, or of a file of report keys; `name` stands in the error.

    Raises MalformedFile if it is none of them, ConfigurationError naming the field that is wrong.
    """
    if text.lstrip().startswith(_BEGIN):
        blocks = text.lstrip().split(_BEGIN)[1:]
        return tuple([PinnedKey(public_from_pem(_BEGIN + block, name=name)) for block in blocks])
    try:
        document = tomllib.loads(text.decode())
    except (ValueError, tomllib.TOMLDecodeError) as exc:
        message = f"{name} is neither a public key in PEM nor a file of report keys"
        raise MalformedFile(message, hint=_HINT, names=(name,)) from exc
    entries = document.get("key")
    if document.get("format") != FORMAT or set(document) - {"format", "key"} or not isinstance(entries, list):
        message = f"{name} is no file of report keys: format = {FORMAT!r} and [[key]] must stand there, nothing else"
        raise ConfigurationError(message, hint=_HINT, names=(name,))
    return tuple(_pin(entry, f"{name}, key {number}") for number, entry in enumerate(entries, 1))


def write_pins(keys: Sequence[PinnedKey]) -> str:
    """Return the file of report keys that `read_pins` reads."""
    lines = [f'format = "{FORMAT}"']
    for key in keys:
        body = public_to_pem(key.public).split(b"\n")[1].decode()
        lines += ["", "[[key]]", f'public = "{body}"']
        lines += [f'{name} = "{day}"' for name, day in (("from", key.first), ("until", key.last)) if day]
    return "\n".join(lines) + "\n"


def day(text: str, *, name: str) -> date | None:
    """Return a day as YYYY-MM-DD, None for an empty text. Raises ConfigurationError."""
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass  # no such day: the error below says so
    message = f"{name} {text!r:.40} is no day"
    raise ConfigurationError(message, hint="write YYYY-MM-DD", names=(name,))


def _pin(entry: object, name: str) -> PinnedKey:
    if not isinstance(entry, dict) or set(entry) - _FIELDS or not all(isinstance(text, str) for text in entry.values()):
        message = f"{name} must have public, and may have from, until and note, each a text"
        raise ConfigurationError(message, hint=_HINT, names=(name,))
    body = entry.get("public", "")
    try:
        body.encode("ascii")
        pem = b"-----BEGIN PUBLIC KEY-----\n%b\n-----END PUBLIC KEY-----\n" % body.encode()
        public = public_from_pem(pem, name=name)
    except (UnicodeEncodeError, MalformedFile, binascii.Error) as exc:
        message = f"{name}: public is no Ed25519 public key"
        raise ConfigurationError(message, hint="copy the line between BEGIN and END of its PEM", names=(name,)) from exc
    first, last = day(entry.get("from", ""), name=f"{name}: from"), day(entry.get("until", ""), name=f"{name}: until")
    if first and last and last < first:
        message = f"{name} ends on {last}, before it begins on {first}"
        raise ConfigurationError(message, hint=_HINT, names=(name,))
    return PinnedKey(public, first, last)
