"""Who the people of a store are: names, keys and duties, from the records that the policy key signed.

A person's key counts from the day of its record until the next record of the same name, or to the end of the day on
which the person left. Nobody else's word makes a person: a proposed change cannot bring its own approver along.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from sealproof.vault.records.interface import LEAVER, NEEDS_DUTY, PERSON, POLICY_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealproof.vault.records.interface import Record


class Person(NamedTuple):
    """One person at one time."""

    name: str
    key: bytes
    """Raw Ed25519 public key."""
    duties: tuple[str, ...]
    since: int
    """Unix seconds."""


class People:
    """Everybody that was ever named, and who has left. `policy_keys` are the raw public keys that vouch for them."""

    def __init__(
        self, policy_keys: Iterable[bytes], people: Iterable[Record] = (), leavers: Iterable[Record] = ()
    ) -> None:
        self.policy_keys = tuple(policy_keys)
        self._people: dict[str, list[Person]] = {}
        self._left: dict[str, date] = {}
        for record in sorted(people, key=lambda record: record.at):
            person = Person(record.text("name"), bytes.fromhex(record.text("key")), record.texts("duties"), record.at)
            self._people.setdefault(person.name, []).append(person)
        for record in leavers:
            self.leave(record)

    def __repr__(self) -> str:
        return f"People({len(self._people)})"

    @property
    def names(self) -> tuple[str, ...]:
        """Return everybody that was ever named, sorted."""
        return tuple(sorted(self._people))

    def leave(self, record: Record) -> None:
        """Take note of a leaver; the earliest day counts."""
        name, day = record.text("name"), date.fromisoformat(record.text("day"))
        self._left[name] = min(day, self._left.get(name, day))

    def left(self, name: str, at: int) -> date | None:
        """Return the day on which `name` left, if that day is over at `at` (unix seconds) and nobody took them back."""
        day = self._left.get(name)
        if day is None or day >= _day(at):
            return None
        back = [person for person in self._people.get(name, ()) if _day(person.since) > day and person.since <= at]
        return None if back else day

    def person(self, name: str, at: int) -> Person | None:
        """Return who bore `name` at a time; None for nobody, and for whoever had left."""
        if self.left(name, at):
            return None
        known = [person for person in self._people.get(name, ()) if person.since <= at]
        return known[-1] if known else None

    def keys_for(self, record: Record) -> tuple[bytes, ...]:
        """Return the keys that may have signed a record: its signer's, at its time, with the duty that it needs."""
        if record.by == POLICY_KEY:
            return self.policy_keys if record.kind in (PERSON, LEAVER) else ()
        person = self.person(record.by, record.at)
        duty = NEEDS_DUTY.get(record.kind, "")
        if record.kind == PERSON or person is None or (duty and duty not in person.duties):
            return ()
        return (person.key,)

    def double(self) -> dict[bytes, list[str]]:
        """Return keys that two names bear: one person under two names approves for themselves."""
        bearers: dict[bytes, set[str]] = {}
        for name, people in self._people.items():
            for person in people:
                bearers.setdefault(person.key, set()).add(name)
        return {key: sorted(names) for key, names in bearers.items() if len(names) > 1}


def _day(at: int) -> date:
    return datetime.fromtimestamp(at, UTC).date()
