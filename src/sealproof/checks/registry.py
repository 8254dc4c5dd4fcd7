"""Which function runs which check. The catalogue says what a check is; this says who looks.

Modules are found by listing the suite packages, in order, so nothing depends on who imported what first.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sealproof.checks.context import Context
    from sealproof.findings import Finding

    CheckFunction = Callable[[Context], Iterator[Finding]]

SUITES = ("security", "compliance", "rotation", "penetration", "load")
_MARK = "__sealproof_check__"


def check(check_id: str) -> Callable[[CheckFunction], CheckFunction]:
    """Mark a generator of findings as the one that runs `check_id`."""

    def mark(function: CheckFunction) -> CheckFunction:
        setattr(function, _MARK, check_id)
        return function

    return mark


@cache
def registered() -> Mapping[str, CheckFunction]:
    """Return every implemented check by id. Raises ValueError if two functions claim one id."""
    found: dict[str, CheckFunction] = {}
    for suite in SUITES:
        package = import_module(f"sealproof.checks.{suite}")
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            for value in vars(import_module(module.name)).values():
                check_id = getattr(value, _MARK, None)
                if check_id is None:
                    continue
                if found.setdefault(check_id, value) is not value:
                    message = f"two functions run {check_id}"
                    raise ValueError(message)
    return found
