"""Strict reading of canonical JSON: a cursor that knows where it stands, so that a refusal names the field."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

from sealproof.errors import EvidenceRejected
from sealproof.reports._times import unstamp
from sealproof.signing import canonical

if TYPE_CHECKING:
    from enum import Enum

    _Member = TypeVar("_Member", bound=Enum)

FETCH_AGAIN = "fetch the report again from where it was made"
LARGEST = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8785, 3.2.2.3)."""

HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document and the path that leads to it."""

    value: object
    name: str | int = ""
    """A field's name, or an entry's place in its list."""
    parent: Node | None = None

    @property
    def path(self) -> str:
        """Return the way from the root, as an error names it; made only then, for a fleet has millions of values."""
        if self.parent is None:
            return str(self.name)
        above = self.parent.path
        if isinstance(self.name, int):
            return f"{above}[{self.name}]"
        shown = self.name if self.name.isidentifier() and self.name.isascii() else json.dumps(self.name)
        return f"{above}.{shown}" if above else shown

    def refuse(self, reason: str) -> NoReturn:
        """Raise EvidenceRejected naming this field."""
        message = f"{self.path} {reason}"
        raise EvidenceRejected(message, hint=FETCH_AGAIN, names=(self.path,))

    def fields(self, *names: str) -> dict[str, Node]:
        """Return an object's fields; it must have exactly `names`."""
        if not isinstance(self.value, dict):
            self.refuse("is no object")
        for name in names:
            if name not in self.value:
                Node(None, name, self).refuse("is missing")
        for name in self.value:
            if name not in names:
                Node(None, name, self).refuse("is unknown")
        return {name: Node(self.value[name], name, self) for name in names}

    def table(self) -> dict[str, Node]:
        """Return an object's fields, whatever they are called."""
        if not isinstance(self.value, dict):
            self.refuse("is no object")
        return {name: Node(value, name, self) for name, value in self.value.items()}

    def items(self) -> tuple[Node, ...]:
        """Return the entries of a list."""
        if not isinstance(self.value, list):
            self.refuse("is no list")
        return tuple(Node(value, index, self) for index, value in enumerate(self.value))

    def text(self, pattern: re.Pattern[str] | None = None, *, empty: bool = True) -> str:
        """Return a text that matches `pattern` whole; an empty one passes where `empty` allows it."""
        if not isinstance(self.value, str):
            self.refuse("is no text")
        if not self.value:
            return "" if empty else self.refuse("is empty")
        if pattern and not pattern.fullmatch(self.value):
            self.refuse("has another form than it must have")
        return self.value

    def integer(self, lowest: int = 0, highest: int = LARGEST) -> int:
        """Return an integer within its bounds."""
        if type(self.value) is not int:  # NOTE: a bool is an int to isinstance
            self.refuse("is no integer")
        if not lowest <= self.value <= highest:
            self.refuse(f"is not between {lowest} and {highest}")
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            self.refuse("is neither true nor false")
        return self.value

    def member(self, kind: type[_Member]) -> _Member:
        """Return the member of `kind` that has this value."""
        same = (member for member in kind if member.value == self.value and type(member.value) is type(self.value))
        found = next(same, None)
        if found is None:  # NOTE: an exit code of 0 is found, and false
            self.refuse(f"is none of {', '.join(str(member.value) for member in kind)}")
        return found

    def instant(self) -> int:
        """Return a time in Unix milliseconds."""
        try:
            return unstamp(self.text(empty=False))
        except ValueError as exc:
            self.refuse(f"is no time: {exc}")


def parse(data: bytes, document: str) -> Node:
    """Return the root of `data`, which must be canonical JSON; `document` stands in the error.

    One document has one spelling: doubled keys, spaces, floats and a byte order mark are refused.

    Raises EvidenceRejected.
    """
    try:
        value = json.loads(data.decode("utf-8"))
        same = canonical(value) == data
    except (ValueError, TypeError, RecursionError) as exc:
        message = f"{document} is no JSON of the kind that sealproof writes"
        raise EvidenceRejected(message, hint=FETCH_AGAIN, names=(document,)) from exc
    if not same:
        message = f"{document} is JSON, but not in canonical form: it was rewritten after it was made"
        raise EvidenceRejected(message, hint=FETCH_AGAIN, names=(document,))
    return Node(value)
