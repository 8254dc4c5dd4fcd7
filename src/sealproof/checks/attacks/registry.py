"""Which function is which row's attack."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from sealproof.checks.attacks.table import BY_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealproof.checks.attacks.bench import Bench

    Attack = Callable[[Bench], None]

_MARK = "__sealproof_attack__"
_MODULES = (
    "integrity",
    "encodings",
    "separation",
    "names",
    "freshness",
    "crashes",
    "sealing",
    "derivation",
    "primitives",
    "permissions",
    "filesystem",
    "writers",
    "parsers",
    "leakage",
    "errors_and_reports",
    "build_files",
)


def attack(row: str) -> Callable[[Attack], Attack]:
    """Mark a function as the attack of `row`. Its docstring says what is tried."""

    def mark(function: Attack) -> Attack:
        setattr(function, _MARK, row)
        return function

    return mark


def tried(row: str) -> str:
    """Return what the attack of `row` tries, in one line."""
    return " ".join((attacks()[row].__doc__ or "").split())


@cache
def attacks() -> Mapping[str, Attack]:
    """Return every attack by its row. Raises ValueError where a row has none, or two."""
    found: dict[str, Attack] = {}
    for name in _MODULES:
        for value in vars(import_module(f"sealproof.checks.attacks.{name}")).values():
            row = getattr(value, _MARK, None)
            if row is not None and found.setdefault(row, value) is not value:
                message = f"two functions are the attack of {row}"
                raise ValueError(message)
    if found.keys() != BY_ID.keys():
        message = f"rows and attacks differ in {', '.join(sorted(found.keys() ^ BY_ID.keys()))}"
        raise ValueError(message)
    return found
