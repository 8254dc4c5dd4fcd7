"""Copies of a sealed file with one bit flipped, by the region the bit stands in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import NONCE_BYTES, TAG_BYTES, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEALED = re.compile(rb'"sealed":"([^"]+)"')
_WRAPPED = {
    "key line": re.compile(rb'\{"t":"k","wrapped":"([^"]+)"'),
    "reader line": re.compile(rb'\{"t":"r","reader":"[^"]+","wrapped":"([^"]+)"'),
}
_COUNTERS = re.compile(rb'"(?:generation|seals|saved|expires)":([0-9]+)')
_TRAILER = re.compile(rb'"(writer|mac|signature)":"([^"]+)"')
_TEXT_BITS = (1, 2)  # of a character; both leave ASCII in ASCII
_BYTE_BIT = 0x10


def flipped(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each region's name with a copy of the well-formed `data` that has one bit flipped in it."""
    head = data.index(b"\n") + 1
    trailer = data.rindex(b"\n", 0, -1) + 1
    yield from _text("header", data, 0, head - 1)
    for region, pattern in _WRAPPED.items():
        for match in _some(pattern, data, head, trailer):
            yield from _decoded(region, data, match.span(1))
    for match in _some(_SEALED, data, head, trailer):
        size = len(decode(match[1].decode()))
        yield from _decoded("nonce", data, match.span(1), 0, NONCE_BYTES)
        yield from _decoded("body", data, match.span(1), NONCE_BYTES, size - TAG_BYTES)
        yield from _decoded("tag", data, match.span(1), size - TAG_BYTES, size)
    for match in _COUNTERS.finditer(data, trailer):
        yield from _text("trailer counters", data, *match.span(1))
    for match in _TRAILER.finditer(data, trailer):
        yield from _decoded(match[1].decode(), data, match.span(2))


def _text(region: str, data: bytes, start: int, end: int) -> Iterator[tuple[str, bytes]]:
    for place in _places(start, end):
        for bit in _TEXT_BITS:
            yield region, data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]


def _decoded(
    region: str, data: bytes, span: tuple[int, int], low: int = 0, high: int | None = None
) -> Iterator[tuple[str, bytes]]:
    """Flip bits of what a base64url field spells, and spell it again: a well-formed file, with other bytes."""
    start, end = span
    raw = decode(data[start:end].decode())
    for place in _places(low, len(raw) if high is None else high):
        changed = raw[:place] + bytes([raw[place] ^ _BYTE_BIT]) + raw[place + 1 :]
        yield region, data[:start] + encode(changed).encode() + data[end:]


def _some(pattern: re.Pattern[bytes], data: bytes, start: int, end: int) -> list[re.Match[bytes]]:
    """Return the first, the middle and the last match: a file may have thousands of lines."""
    found = list(pattern.finditer(data, start, end))
    return [found[place] for place in _places(0, len(found))] if found else []


def _places(start: int, end: int) -> list[int]:
    return sorted({start, (start + end) // 2, end - 1})
