"""The grammar of `docs/format.md` once more, as one regular expression a line: the oracle of the mutation tests.

It shares no code with `sealproof.envelope.parse`, and does not know the limits (no mutation here reaches them).
"""

from __future__ import annotations

import re

_LAST_2 = "[AEIMQUYcgkosw048]"  # the last of 4n+3 characters: two unused bits
_LAST_4 = "[AQgw]"  # the last of 4n+2 characters: four unused bits
_C = "[A-Za-z0-9_-]"
_INT = "(0|[1-9][0-9]{0,15})"
_32 = f"{_C}{{42}}{_LAST_2}"
_60 = f"{_C}{{80}}"
_64 = f"{_C}{{85}}{_LAST_4}"
_80 = f"{_C}{{106}}{_LAST_2}"
_SEALED = f"((?:{_C}{{4}})+(?:{_C}{{2}}{_LAST_2}|{_C}{_LAST_4})?)"
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,127}(?:\.pending|\.previous)?"

_HEADER = re.compile(
    r'\{"t":"h","format":"sealproof-env/1","tenant":"[a-z0-9][a-z0-9_-]{0,62}","environment":"[a-z0-9][a-z0-9-]{0,31}",'
    rf'"epoch":{_INT}\}}'
)
_KEY = re.compile(rf'\{{"t":"k","wrapped":"{_60}"\}}')
_READER = re.compile(rf'\{{"t":"r","reader":"({_32})","wrapped":"{_80}"\}}')
_ENTRY = re.compile(rf'\{{"t":"e","name":"({_NAME})","version":{_INT},"updated":{_INT},"sealed":"{_SEALED}"\}}')
_TRAILER = re.compile(
    rf'\{{"t":"z","generation":{_INT},"seals":{_INT},"saved":{_INT},"expires":{_INT},'
    rf'"writer":"{_32}","mac":"{_32}","signature":"{_64}"\}}'
)
_LARGEST = 2**53 - 1


def verdict(data: bytes) -> str:
    """What step 1 must say: the name of its error, or an empty text for a well-formed file."""
    if data[-1:] != b"\n" or any(byte > 127 for byte in data):
        return "MalformedFile"
    lines = data.decode("ascii")[:-1].split("\n")
    family = '{"t":"h","format":"sealproof-env/'
    if lines[0].startswith(family) and not lines[0].startswith(family + '1",'):
        return "UnsupportedFormat"
    return "" if _well_formed(lines) else "MalformedFile"


def _well_formed(lines: list[str]) -> bool:
    if len(lines) < 3:
        return False
    header, key, *middle, trailer = lines
    readers = [match for match in map(_READER.fullmatch, middle) if match]
    entries = [match for match in map(_ENTRY.fullmatch, middle[len(readers) :]) if match]
    ends = [_HEADER.fullmatch(header), _TRAILER.fullmatch(trailer)]
    if not all(ends) or not _KEY.fullmatch(key) or len(readers) + len(entries) != len(middle):
        return False
    positive = [ends[0][1], ends[1][1], *(match[2] for match in entries)]  # epoch, generation, versions
    others = [*ends[1].groups()[1:], *(match[3] for match in entries)]
    return (
        all(1 <= int(text) <= _LARGEST for text in positive)
        and all(int(text) <= _LARGEST for text in others)
        and all(_padded(match[4]) for match in entries)
        and _ascending([match[1] for match in readers])
        and _ascending([match[1] for match in entries])
    )


def _padded(sealed: str) -> bool:
    size = len(sealed) * 3 // 4
    return size >= 60 and (size - 28) % 32 == 0


def _ascending(texts: list[str]) -> bool:
    return texts == sorted(set(texts), key=str.encode)
