"""What git ignores, by which rule, and whether that rule travels with the repository."""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.scan import git

if TYPE_CHECKING:
    from collections.abc import Iterable

_CLONE = "info/exclude"  # below the repository's own directory; no other clone has it
_FIELDS = 4


class State(Enum):
    """How git treats a path that nobody has added yet."""

    IGNORED = "ignored"
    LET_IN = "let in again"
    CLONE_ONLY = "ignored in this clone only"
    VISIBLE = "no rule"


class Answer(NamedTuple):
    """What git says of one path, and the rule that decided."""

    path: str
    state: State
    file: str
    """The ignore file, relative to the work tree; empty where no rule matched."""
    pattern: str


def ask_ignored(top: str, paths: Iterable[str]) -> list[Answer]:
    """Return git's answer for each path below the work tree `top`, tracked or not. Raises ToolFailed.

    The user's own ignore file is left out: the next person does not have it.
    """
    words = ("-c", f"core.excludesFile={os.devnull}", "check-ignore", "-z", "-v", "-n", "--no-index", "--stdin")
    stdin = b"".join(os.fsencode(path) + b"\0" for path in paths)
    fields = [os.fsdecode(field) for field in git.ask(top, *words, stdin=stdin, good=(0, 1)).split(b"\0")[:-1]]
    rows = zip(*(fields[start::_FIELDS] for start in range(_FIELDS)), strict=True)
    return [Answer(path, _state(file, pattern), file, pattern) for file, _, pattern, path in rows]


def _state(file: str, pattern: str) -> State:
    if not pattern:
        return State.VISIBLE
    if pattern.startswith("!"):
        return State.LET_IN
    return State.CLONE_ONLY if file.endswith(_CLONE) else State.IGNORED
