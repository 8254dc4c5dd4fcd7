"""Merge two edits of a `manifest.toml` table by table: what each side added, changed or removed counts.

A table is its heading with the comments above it, up to the next one. It is taken as it stands, byte for byte. Where
both sides changed one table in different ways, both stand in the result between the marks that git itself would set.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADING = re.compile(r"\s*\[([^\[\]]+)\]\s*(#.*)?").fullmatch
_OURS, _MIDDLE, _THEIRS = "<<<<<<< ours\n", "=======\n", ">>>>>>> theirs"


class Merged(NamedTuple):
    """The result of a merge."""

    data: bytes
    conflicts: tuple[str, ...]
    """Tables that both sides changed, marked in `data`; an empty name is what stands above the first table."""


def merge(base: bytes, ours: bytes, theirs: bytes) -> Merged | None:
    """Return the merge of two edits of `base`; None if a side or the result cannot be read and cut at its headings.

    Tables stand in the order of ours, those that only theirs has behind them.
    """
    try:
        old, mine, other = (_tables(text.decode()) for text in (base, ours, theirs))
    except ValueError:  # no UTF-8, no TOML, or tables that cannot stand alone
        return None
    pieces: list[str] = []
    conflicts: list[str] = []
    for name in dict.fromkeys((*mine, *other)):
        left, right, before = (side.get(name, "") for side in (mine, other, old))
        if right in (left, before):
            pieces.append(left)
        elif left == before:
            pieces.append(right)
        else:
            conflicts.append(name)
            pieces.append(f"{_OURS}{_ended(left)}{_MIDDLE}{_ended(right)}{_THEIRS}")
    text = "\n".join(_ended(piece) for piece in pieces if piece)
    if not conflicts and not _is_toml(text):  # one table under two spellings of its name
        return None
    return Merged(text.encode(), tuple(conflicts))


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _tables(text: str) -> dict[str, str]:
    """Return the tables of a manifest by their headings, without blank lines around them. Raises ValueError."""
    tomllib.loads(text)
    found: dict[str, str] = {}
    for name, block in _blocks(text):
        tomllib.loads(block)  # a heading inside a text of many lines cuts it into what is none
        if name in found:
            raise ValueError(name)
        found[name] = block.strip("\n")
    return found


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Cut at the headings. Comments and blank lines behind a table's last field belong to the next one."""
    name, kept = "", 0
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        heading = _HEADING(line.rstrip("\r\n"))
        if heading:
            yield name, "".join(lines[:kept])
            name, lines = heading[1].strip(), lines[kept:]
        lines.append(line)
        if line.strip() and not line.lstrip().startswith("#"):
            kept = len(lines)
    yield name, "".join(lines)


def _ended(text: str) -> str:
    return f"{text}\n" if text else ""
