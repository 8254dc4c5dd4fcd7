"""A secret value in its own type: nothing shows it but `reveal()`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

_MASK = "<secret>"


class Secret:
    """Holds one value. `repr`, `str`, `format` and attribute walks give a mask; pickling is refused."""

    __slots__ = ("reveal",)

    reveal: Callable[[], str]
    """Return the value: the only door, and easy to grep for."""

    def __init__(self, value: str) -> None:
        self.reveal = lambda: value

    def __repr__(self) -> str:
        return _MASK

    def __str__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return _MASK

    def __eq__(self, other: object) -> bool:
        """Secrets are compared by whoever reveals them, in constant time, or not at all."""
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        message = "a secret is neither copied nor pickled"
        raise TypeError(message)
