"""Vectors at and just over the limits: too large to commit, so built where they are used."""

from __future__ import annotations

from collections.abc import Iterator

from vector_maker.second import EXAMPLE, Recipient, SealedFile, Secret, b64, fixed, line, pad

FILE_MAX = 16 * 1024 * 1024
LINE_MAX = 128 * 1024
ENTRIES_MAX = 4096
READERS_MAX = 63
VALUE_MAX = 64 * 1024


def entries(count: int) -> SealedFile:
    """A file of so many small entries."""
    secrets = tuple(
        Secret(f"N{number:04}", 1, EXAMPLE.saved, b"v", number.to_bytes(12, "big")) for number in range(count)
    )
    return EXAMPLE.but(secrets=secrets, seals=count, recipients=())


def readers(count: int) -> SealedFile:
    """A file of so many readers."""
    return EXAMPLE.but(recipients=tuple(Recipient(fixed(f"r{number}"), fixed(f"e{number}")) for number in range(count)))


def value(size: int) -> SealedFile:
    """A file with one value of so many bytes."""
    return EXAMPLE.but(secrets=(Secret("LONG", 1, EXAMPLE.saved, b"v" * size, fixed("long", 12)),), recipients=())


def line_of(length: int) -> bytes:
    """A file with one line of so many bytes, LF not counted."""
    text = line(t="e", name="LONG", version=1, updated=1, sealed="")
    text = text[:-2] + "A" * (length - len(text)) + text[-2:]
    return EXAMPLE.close([*EXAMPLE.lines()[:2], text])


def negatives() -> Iterator[tuple[str, str, bytes]]:
    """Name, error and bytes."""
    yield "file_too_long", "LimitExceeded", b"x" * FILE_MAX + b"\n"
    yield "file_too_long_of_good_lines", "LimitExceeded", EXAMPLE.to_bytes() * (FILE_MAX // 1168 + 1)
    yield "line_too_long", "LimitExceeded", line_of(LINE_MAX + 1)
    yield "line_of_quotes", "LimitExceeded", b'"' * (LINE_MAX + 1) + b"\n"
    yield "lines_too_many", "LimitExceeded", b"\n" * (ENTRIES_MAX + READERS_MAX + 4)
    yield "lines_five_million", "LimitExceeded", b"ab\n" * (FILE_MAX // 3)
    yield "entries_4097", "LimitExceeded", entries(ENTRIES_MAX + 1).to_bytes()
    yield "readers_64", "LimitExceeded", readers(READERS_MAX + 1).to_bytes()
    yield "sealed_over_the_longest_value", "LimitExceeded", value(VALUE_MAX + 29).to_bytes()
    sealed = b64(bytes(28 + 65568 + 1))
    text = line(t="e", name="LONG", version=1, updated=1, sealed=sealed)
    yield "sealed_one_byte_over", "LimitExceeded", EXAMPLE.close([*EXAMPLE.lines()[:2], text])
    yield "value_one_byte_over_in_the_longest_padding", "CannotOpen", value(VALUE_MAX + 1).to_bytes()
    yield "quotes_up_to_the_line_limit", "MalformedFile", b'"' * LINE_MAX + b"\n"
    bare = len(line(t="e", name="LONG", version=1, updated=1, sealed=""))
    yield "line_within_its_limit_over_the_longest_value", "LimitExceeded", line_of(LINE_MAX - (LINE_MAX - bare) % 4)


def positives() -> Iterator[tuple[str, SealedFile]]:
    """Name and file, each at a limit."""
    yield "entries_4096", entries(ENTRIES_MAX)
    yield "readers_63", readers(READERS_MAX)
    yield "value_65536", value(VALUE_MAX)


assert len(pad(b"v" * VALUE_MAX)) == 65568
