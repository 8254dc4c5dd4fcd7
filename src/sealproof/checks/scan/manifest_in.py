"""Decide what a `MANIFEST.in` puts into a source distribution, by setuptools' documented commands, in their order.

Only its own effect: what the build adds by itself (package modules, declared package data) is not looked at.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRECTORY_FIRST = frozenset(("recursive-include", "recursive-exclude"))
_WHOLE_DIRECTORIES = frozenset(("graft", "prune"))
_INCLUDING = frozenset(("include", "recursive-include", "global-include", "graft"))
_KNOWN = _INCLUDING | {"exclude", "recursive-exclude", "global-exclude", "prune"}


class Command(NamedTuple):
    """One command: whether it puts in or takes out, and what it matches."""

    line: int
    text: str
    includes: bool
    expressions: tuple[re.Pattern[str], ...]


def parse_commands(text: bytes) -> list[Command]:
    """Return the commands in their order; lines that setuptools does not know are left out."""
    return list(_commands(text.decode("utf-8-sig", "surrogateescape")))


def shipped_by(commands: list[Command], path: str) -> Command | None:
    """Return the command that puts `path` into the distribution, or None if none does or a later one takes it out."""
    last = None
    for command in commands:
        if any(expression.fullmatch(path) for expression in command.expressions):
            last = command
    return last if last is not None and last.includes else None


def _commands(text: str) -> Iterator[Command]:
    number, joined = 0, ""
    for current, line in enumerate(text.splitlines(), 1):
        number = number if joined else current
        joined += line
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        action, *words = joined.split("#")[0].split() or [""]
        if action in _KNOWN and words:
            patterns = _patterns(action, words)
            expressions = tuple(re.compile(_expression(pattern), re.DOTALL) for pattern in patterns)
            yield Command(number, " ".join((action, *words)), action in _INCLUDING, expressions)
        joined = ""


def _patterns(action: str, words: list[str]) -> list[str]:
    if action in _WHOLE_DIRECTORIES:
        return [_below(word, "**") for word in words]
    if action in _DIRECTORY_FIRST:
        return [_below(words[0], f"**/{word}") for word in words[1:]]
    return [f"**/{word}" for word in words] if action.startswith("global-") else words


def _below(directory: str, pattern: str) -> str:
    clean = posixpath.normpath(directory)
    return pattern if clean == "." else f"{clean}/{pattern}"


def _expression(pattern: str) -> str:
    made = []
    for piece in re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", pattern):
        match piece:
            case "**/":
                made.append("(?:.*/)?")
            case "**":
                made.append(".*")
            case "*":
                made.append("[^/]*")
            case "?":
                made.append("[^/]")
            case _ if piece.startswith("["):
                made.append(piece.replace("\\", "\\\\").replace("[!", "[^", 1))
            case _:
                made.append(re.escape(piece))
    return "".join(made)
