"""An operation under way, and what its lines so far say about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sealproof.vault.journal.entry import ABANDONED, DONE

if TYPE_CHECKING:
    from sealproof.vault.journal.entry import Entry, Fact
    from sealproof.vault.journal.journal import Journal

Reached = Callable[[str], None]


def nothing(point: str) -> None:
    """Do nothing at a named point: what production does there."""


class Operation:
    """What was begun and is neither done nor abandoned. Made by `Journal.begin` and `Journal.unfinished`."""

    __slots__ = ("_journal", "at", "begun", "events", "facts", "fence", "id", "kind", "scope")

    def __init__(self, journal: Journal, entry: Entry) -> None:
        self._journal = journal
        self.id = entry.operation
        self.kind = entry.kind
        self.scope = entry.scope
        self.begun = entry.at
        """Unix seconds, of the first line."""
        self.at = entry.at
        """Unix seconds, of the newest line."""
        self.events: tuple[str, ...] = ()
        """In their order, `begin` first; the side effect of the last one may or may not have happened."""
        self.facts: dict[str, Fact] = {}
        """Of all lines so far; a later line's win."""
        self.fence = 0
        """Sequence number of the newest line: a fencing token that only grows."""
        self.take(entry)

    def __repr__(self) -> str:
        return f"Operation({self.kind} {self.scope} at {self.events[-1]})"

    @property
    def last(self) -> str:
        """Return the newest event."""
        return self.events[-1]

    @property
    def is_over(self) -> bool:
        """Tell whether it is done or abandoned."""
        return self.last in (DONE, ABANDONED)

    def text(self, fact: str) -> str:
        """Return a fact that is text; empty where there is none."""
        return str(self.facts.get(fact, ""))

    def number(self, fact: str) -> int:
        """Return a fact that is a number; 0 where there is none."""
        found = self.facts.get(fact, 0)
        return found if isinstance(found, int) else 0

    def numbers(self, fact: str) -> list[int]:
        """Return a fact that is a list of numbers; none where there is none."""
        found = self.facts.get(fact, [])
        return [item for item in found if isinstance(item, int)] if isinstance(found, list) else []

    def texts(self, fact: str) -> list[str]:
        """Return a fact that is a list of texts; none where there is none."""
        found = self.facts.get(fact, [])
        return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []

    def has(self, event: str) -> bool:
        """Tell whether a line with `event` was written."""
        return event in self.events

    def step(self, event: str, **facts: Fact) -> None:
        """Write a durable line before a side effect.

        Raises OperationUnderWay if another process has taken this operation further, FileUnavailable.
        """
        self.take(self._journal.write(self, event, facts))

    def ensure(self, event: str, **facts: Fact) -> None:
        """Write the line unless it was written before: for a step whose side effect is safe to repeat."""
        if not self.has(event):
            self.step(event, **facts)

    def done(self, **facts: Fact) -> None:
        """Write the last line of what has succeeded."""
        self.step(DONE, **facts)

    def abandon(self, reason: str) -> None:
        """Write the last line of what is given up. The caller has put things back before."""
        self.step(ABANDONED, reason=reason)

    def reached(self, point: str) -> None:
        """Pass a named point between two side effects of one step: where tests crash."""
        self._journal.reached(f"{self.kind}:{point}")

    def take(self, entry: Entry) -> None:
        """Take in one more line. For the journal's own use."""
        self.events = (*self.events, entry.event)
        self.facts = {**self.facts, **entry.facts}
        self.fence = entry.seq
        self.at = entry.at

    def copy(self) -> Operation:
        """Return one that stays behind when another process writes on. For the journal's own use."""
        twin = object.__new__(Operation)
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin
