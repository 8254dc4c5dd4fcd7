"""Signed records as checks read them: the believed ones, and a finding for each that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.fixes import command
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed
from sealproof.vault.records.shelf import Shelf

if TYPE_CHECKING:
    from sealproof.checks.context import Context
    from sealproof.vault.records.interface import Record
    from sealproof.vault.records.people import People


class Believed(NamedTuple):
    """Records of one kind, oldest first."""

    records: tuple[Record, ...]
    doubts: tuple[Finding, ...]
    """A failing finding for each file of that kind, or about people, that is not to be believed."""
    people: People


def believed(ctx: Context, kind: str) -> Believed:
    """Return the believed records of a kind. Raises NoEvidence where nobody vouches for the store's people."""
    shelf = Shelf(ctx.target.root)
    try:
        found = shelf.records(kind)
        people = shelf.people()
    except SealproofError as exc:
        raise NoEvidence(f"records cannot be verified: {exc.message}", hint=exc.hint) from exc
    doubts = tuple(
        failed(
            refused.path,
            refused.reason,
            expected="a record signed by whom it names",
            fix=command(ctx, "record", "list"),
        )
        for refused in shelf.refused
    )
    return Believed(found, doubts, people)
