"""Decide what a `.dockerignore` keeps out of a build context, by its documented rules.

Patterns are relative to the context, a leading or trailing slash aside; `*` and `?` stop at a slash, `**` does
not; a pattern that matches a directory covers what is in it; the last pattern that matches decides, and one
that begins with `!` lets in again. Lines that begin with `#` are comments.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Rule(NamedTuple):
    """One pattern, and the line it stands on."""

    line: int
    pattern: str
    lets_in: bool
    expression: re.Pattern[str]


def parse_rules(text: bytes) -> list[Rule]:
    """Return the patterns of an ignore file in their order."""
    return list(_rules(text.decode("utf-8-sig", "surrogateescape")))


def decide(rules: list[Rule], path: str) -> tuple[bool, Rule | None]:
    """Tell whether `path` is kept out, and the rule that decided, where there was one."""
    parts = path.split("/")
    wholes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    last = None
    for rule in rules:
        if any(rule.expression.fullmatch(whole) for whole in wholes):
            last = rule
    return last is not None and not last.lets_in, last


def _rules(text: str) -> Iterator[Rule]:
    for number, line in enumerate(text.splitlines(), 1):
        pattern = line.strip()
        if not pattern or line.startswith("#"):
            continue
        lets_in = pattern.startswith("!")
        pattern = pattern.removeprefix("!").strip()
        if pattern:
            clean = posixpath.normpath(pattern).lstrip("/")
            yield Rule(number, pattern, lets_in, re.compile(_expression(clean), re.DOTALL))


def _expression(pattern: str) -> str:
    """Return the regular expression that a cleaned pattern stands for."""
    made: list[str] = []
    at = 0
    while at < len(pattern):
        char, rest = pattern[at], pattern[at:]
        step = 1
        if rest.startswith("**"):
            step = 3 if rest.startswith("**/") else 2
            made.append(".*" if len(rest) == step else "(?:.*/)?")
        elif char == "*":
            made.append("[^/]*")
        elif char == "?":
            made.append("[^/]")
        elif char == "[" and "]" in rest[2:]:
            step = rest.index("]", 2) + 1
            made.append(_class(rest[1 : step - 1]))
        elif char == "\\" and len(rest) > 1:
            step = 2
            made.append(re.escape(rest[1]))
        else:
            made.append(re.escape(char))
        at += step
    return "".join(made)


def _class(inside: str) -> str:
    negated = inside.startswith("^")
    members = inside.removeprefix("^").replace("\\", "\\\\").replace("[", "\\[")
    return f"[^/{members}]" if negated else f"[{members}]"
