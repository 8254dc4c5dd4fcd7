"""Show the key ledger: to people as a table, to programs as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.cli import console

if TYPE_CHECKING:
    from sealproof.vault.journal import Operation
    from sealproof.vault.keys.ledger import KeyRecord, Ledger


def show(ledger: Ledger, *, now: int) -> None:
    """Print every key, then what could not be read and what is unfinished."""
    rows = [_row(key, now) for key in ledger.keys]
    console.table(("key", "purpose", "state", "made", "retired", "destroyed", "seals"), rows)
    for problem in ledger.problems:
        console.say(f"{problem.ref}: {problem.reason} (hint: {problem.hint})")
    for one in ledger.unfinished:
        console.say(f"unfinished: {one.kind} of {one.scope}, at {one.last} for {console.age(now - one.at)}")


def as_data(ledger: Ledger) -> dict[str, object]:
    """Return the ledger for programs; times are unix seconds, or null where nobody knows."""
    return {
        "keys": [key._asdict() | {"purpose": key.purpose.value, "state": key.state.value} for key in ledger.keys],
        "problems": [problem._asdict() for problem in ledger.problems],
        "unfinished": [_operation(one) for one in ledger.unfinished],
    }


def _operation(one: Operation) -> dict[str, object]:
    return {"id": one.id, "kind": one.kind, "scope": one.scope, "begun": one.begun, "at": one.last}


def _row(key: KeyRecord, now: int) -> tuple[str, ...]:
    seals = f"{key.seals:,} of {key.seals_max:,}" if key.seals_max else ""
    ages = (_ago(when, now) for when in (key.created, key.retired, key.destroyed))
    return (key.ref, key.purpose.value, key.state.value, *ages, seals)


def _ago(when: int | None, now: int) -> str:
    return "" if when is None else f"{console.age(now - when)} ago"
