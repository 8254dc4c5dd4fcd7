"""The spellings under which a value stands in files: as it is, and as common tools would have written it."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import is_text

if TYPE_CHECKING:
    from collections.abc import Iterator

RAW, BASE64, HEX, PERCENT, JSON = "as it stands", "in base64", "in hex", "percent-encoded", "JSON-escaped"
VALUE_MIN = 8  # bytes; a shorter value would be found in every other file
NEEDLE_MAX = 4096  # bytes: where a longer value's beginning stands, the value does
_TO_URL = bytes.maketrans(b"+/", b"-_")
_ESCAPE = re.compile(rb"%[0-9A-F]{2}")


def spellings(value: bytes) -> dict[bytes, str]:
    """Return every spelling of `value` with what to call it; equal spellings once, under the plainest name.

    Base64 depends on what stands before the value: three alignments, each cut to the characters that
    depend on the value alone. Line-wrapped base64, mixed-case hex and values split over lines are not among them.
    """
    found: dict[bytes, str] = {}
    for name, needle in _all(value[:NEEDLE_MAX]):
        found.setdefault(needle[:NEEDLE_MAX], name)
    return found


def _all(value: bytes) -> Iterator[tuple[str, bytes]]:
    yield RAW, value
    yield RAW, value.replace(b"\n", b"\r\n")
    for shift in range(3):
        core = _base64_core(value, shift)
        yield BASE64, core
        yield BASE64, core.translate(_TO_URL)
    yield HEX, value.hex().encode()
    yield HEX, value.hex().upper().encode()
    for quoted in (urllib.parse.quote(value, safe=""), urllib.parse.quote(value), urllib.parse.quote_plus(value)):
        yield PERCENT, quoted.encode()
        yield PERCENT, _ESCAPE.sub(lambda found: found[0].lower(), quoted.encode())
    if is_text(value):
        yield from _of_text(value.decode())


def _of_text(text: str) -> Iterator[tuple[str, bytes]]:
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield JSON, escaped.encode()
        yield JSON, escaped.replace("/", "\\/").encode()
    if not text.isascii() and all(ord(char) < 256 for char in text):  # noqa: PLR2004 - Latin-1 ends there
        yield RAW, text.encode("latin-1")


def _base64_core(value: bytes, shift: int) -> bytes:
    first, last = -(-8 * shift // 6), 8 * (shift + len(value)) // 6  # 6 bits a character
    return base64.b64encode(b"\0" * shift + value)[first:last]
