"""Malformed copies of a sealed file, each named for what is wrong with it.

Where the fault would otherwise hide behind the MAC, the copy is authenticated and signed anew, so
that the parser has to refuse it. Cut files, trailing data and other encodings are rows A2, A3 and A11.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from sealproof.checks.specimen import parts
from sealproof.envelope.grammar import ENTRIES_MAX, FILE_MAX, LINE_MAX, READERS_MAX, VALUE_MAX, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealproof.checks.specimen import Specimen

    Mutant = tuple[str, bytes]

_NUMBERS = (
    *("", "-1", "+1", "01", "00", "1e3", "1.0", "0x1", "1_000", " 1", "1 ", '"1"', "true", "null", "NaN", "[1]", "{}"),
    *(str(2**53), str(2**63), str(2**64 - 1), "9" * 300, "9" * 100_000, "\u0661", "\u00b2"),
)
_FROM_ONE = frozenset(("epoch", "version", "generation"))
_INTEGER = re.compile(r'"(epoch|version|updated|generation|seals|saved|expires)":([0-9]+)')
_BINARY = re.compile(r'"(wrapped|reader|sealed|writer)":"([^"]+)"')
_NESTED = 100_000  # levels
_INSERTED_MAX = 64  # bytes


def named(specimen: Specimen) -> Iterator[Mutant]:
    """Yield every copy whose fault is written down here."""
    yield from _integers(specimen)
    yield from _binaries(specimen)
    yield from _spellings(specimen)
    yield from _line_edits(specimen.data)
    yield from _sizes(specimen)


def drawn(data: bytes, seed: int, count: int) -> Iterator[Mutant]:
    """Yield `count` copies changed at random; the same ones for the same seed and length."""
    source = random.Random(seed)  # noqa: S311 - repeatable is what it has to be
    for number in range(count):
        copy = data
        while copy == data:
            copy = source.choice(_RANDOM)(data, source)
        yield f"mutation {number} of seed {seed}", copy


def _integers(specimen: Specimen) -> Iterator[Mutant]:
    for match, make in _fields(specimen, _INTEGER):
        numbers = (*_NUMBERS, "0") if match[1] in _FROM_ONE else _NUMBERS
        for number in numbers:
            yield f"{match[1]} {number[:24]!a}", make(number)


def _binaries(specimen: Specimen) -> Iterator[Mutant]:
    for match, make in _fields(specimen, _BINARY):
        text = match[2]
        for what, spelled in (
            ("empty", ""),
            ("a character short", text[:-1]),
            ("a character over", f"{text}A"),
            ("three characters over", f"{text}AAA"),
            ("padded", f"{text}="),
            ("with a blank", f"{text[:8]} {text[8:]}"),
            ("with a foreign character", f"{text[:8]}*{text[9:]}"),
            ("in the other alphabet", f"{text[:8]}+/{text[10:]}"),
            ("in hexadecimal", text.encode().hex().upper()),
            ("not ASCII", f"{text[:8]}\u00e9{text[9:]}"),
        ):
            yield f"{match[1]} {what}", make(spelled)


def _fields(specimen: Specimen, pattern: re.Pattern[str]) -> Iterator[tuple[re.Match[str], Callable[[str], bytes]]]:
    """Yield each field that matches, with what makes a copy in which its value reads otherwise."""
    lines, trailer = parts(specimen.data)
    for place, line in enumerate((*lines, trailer)):
        for match in pattern.finditer(line):

            def make(text: str, place: int = place, line: str = line, match: re.Match[str] = match) -> bytes:
                changed = [*lines, trailer]
                changed[place] = line[: match.start(2)] + text + line[match.end(2) :]
                return specimen.forge(changed[:-1], trailer=changed[-1])

            yield match, make


def _spellings(specimen: Specimen) -> Iterator[Mutant]:
    """Say the same in another JSON text, for each line."""
    lines, trailer = parts(specimen.data)
    for place, line in enumerate(lines):
        first, _, rest = line[1:-1].partition(",")
        for what, text in (
            ("spaced", line.replace(":", ": ", 1)),
            ("reordered", f"{{{rest},{first}}}"),
            ("with a field twice", f"{{{first},{first},{rest}}}"),
            ("with a field more", f'{line[:-1]},"x":1}}'),
            ("with a field less", f"{{{rest}}}"),
            ("escaped", line.replace('"t"', '"\\u0074"')),
            ("in single quotes", line.replace('"', "'")),
            ("with a comma behind", f"{line[:-1]},}}"),
            ("as an array", f"[{line}]"),
            ("nested", "[" * _NESTED + line),
            ("of quotes alone", '"' * LINE_MAX),
            ("behind a comment", f"# \n{line}"),
        ):
            yield f"line {place} {what}", specimen.forge([*lines[:place], text, *lines[place + 1 :]])
    yield "trailer with a field more", specimen.forge(lines, trailer=trailer.replace('"seals"', '"x":1,"seals"'))


def _line_edits(data: bytes) -> Iterator[Mutant]:
    lines = data.splitlines(keepends=True)
    for place, line in enumerate(lines):
        before, after = lines[:place], lines[place + 1 :]
        yield f"line {place} dropped", b"".join(before + after)
        yield f"line {place} twice", b"".join([*before, line, line, *after])
        if after:
            yield f"lines {place} and {place + 1} exchanged", b"".join([*before, after[0], line, *after[1:]])
            yield f"line {place} at the end", b"".join([*before, *after, line])


def _sizes(specimen: Specimen) -> Iterator[Mutant]:
    lines, _ = parts(specimen.data)
    entry = lines[-1]
    name = '"name":"'
    many = [entry.replace(name, f"{name}Z{number:06}_") for number in range(ENTRIES_MAX + 1)]
    readers = [f'{{"t":"r","reader":"{encode(bytes([number] * 32))}"' for number in range(READERS_MAX + 1)]
    large = encode(bytes(28 + (VALUE_MAX // 32 + 2) * 32))
    yield "entries over the limit", specimen.forge([*lines, *many])
    yield "readers over the limit", specimen.forge([*lines[:2], *(f'{text},"wrapped":""}}' for text in readers)])
    yield (
        "value over the limit",
        specimen.forge([*lines[:-1], re.sub('"sealed":"[^"]+"', f'"sealed":"{large}"', entry)]),
    )
    yield "line over the limit", specimen.forge([*lines, "x" * (LINE_MAX + 1)])
    yield "file over the limit", b"\n".join([specimen.data, b"x" * FILE_MAX])
    yield "nothing but line feeds", b"\n" * FILE_MAX
    yield "nothing but quotes", b'"' * (FILE_MAX - 1) + b"\n"
    yield "nothing but short lines", b"{}\n" * (FILE_MAX // 3)


def _flip(data: bytes, source: random.Random) -> bytes:
    place = source.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << source.randrange(8)]) + data[place + 1 :]


def _insert(data: bytes, source: random.Random) -> bytes:
    place = source.randrange(len(data))
    return data[:place] + source.randbytes(source.randint(1, _INSERTED_MAX)) + data[place:]


def _delete(data: bytes, source: random.Random) -> bytes:
    start, end = _span(data, source)
    return data[:start] + data[end:]


def _repeat(data: bytes, source: random.Random) -> bytes:
    start, end = _span(data, source)
    return data[:end] + data[start:end] + data[end:]


def _move(data: bytes, source: random.Random) -> bytes:
    start, end = _span(data, source)
    rest = data[:start] + data[end:]
    place = source.randint(0, len(rest))
    return rest[:place] + data[start:end] + rest[place:]


def _overwrite(data: bytes, source: random.Random) -> bytes:
    start, end = _span(data, source)
    place = source.randrange(len(data))
    return (data[:place] + data[start:end] + data[place + end - start :])[: len(data)]


def _span(data: bytes, source: random.Random) -> tuple[int, int]:
    start = source.randrange(len(data))
    return start, min(len(data), start + source.randint(1, _INSERTED_MAX))


_RANDOM = (_flip, _insert, _delete, _repeat, _move, _overwrite)
