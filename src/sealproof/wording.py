"""Words around numbers, for every sentence that people read."""

from __future__ import annotations


def counted(count: int, noun: str, several: str = "") -> str:
    """Return a number with its noun; `several` is the plural where that is not the noun with an s."""
    return f"{count} {noun if count == 1 else several or f'{noun}s'}"
