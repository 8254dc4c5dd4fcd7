"""Say and answer: stderr is the conversation, stdout the answer; colour and boxes only on a terminal with rich."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sealproof import wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealproof.errors import SealproofError


def say(text: str) -> None:
    """Print one line of conversation."""
    print(visible(text), file=sys.stderr)


def answer(text: str) -> None:
    """Print one line of the answer."""
    print(text)


def answer_json(value: object) -> None:
    """Print the answer for programs."""
    print(as_json(value), end="")


def answer_bytes(data: bytes) -> None:
    """Print values as they are: whatever the locale, nothing is altered, and no encoder's error can quote one."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def as_json(value: object) -> str:
    """Return the answer for programs, in ASCII, so that every locale carries it."""
    import json  # noqa: PLC0415 - only where asked for

    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def error(problem: SealproofError) -> None:
    """Print an error and its one hint, a line each."""
    for label, text in (("error", problem.message), ("hint", problem.hint or "sealproof doctor")):
        say(f"sealproof: {label}: {text}")


def visible(text: str) -> str:
    """Return `text` with control characters and line breaks spelled out.

    A name can neither drive the terminal nor begin a line of its own, which a reader or a pipeline takes for ours.
    """
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a head: boxed by rich on a terminal, plain columns elsewhere."""
    cells = [[visible(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() and _rich_table(head, cells):
        return
    widths = [max(len(row[column]) for row in [list(head), *cells]) for column in range(len(head))]
    for row in [list(head), *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def confirm(question: str) -> bool:
    """Ask on a terminal; elsewhere the answer is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


counted = wording.counted


def age(seconds: int) -> str:
    """Return a duration in its largest unit, for people."""
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {name}"
    return f"{max(seconds, 0)} s"


def _rich_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra
        from rich.table import Table  # noqa: PLC0415 - an extra
        from rich.text import Text  # noqa: PLC0415 - an extra
    except ImportError:
        return False
    drawn = Table(*head, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)
    return True
