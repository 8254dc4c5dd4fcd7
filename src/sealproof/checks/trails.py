"""Audit logs as checks read them: record by record, never all of one in memory. To verify them is SEC-017's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.holdings import may_name
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.vault.audit.extent import closed_lines
from sealproof.vault.audit.home import known_logs, reading
from sealproof.vault.audit.lines import CHECKPOINT, OPENING, RECORD, find_next, note_of, read_record
from sealproof.vault.audit.notes import read_note
from sealproof.vault.audit.verify import present_extent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.audit.lines import Entry


class Line(NamedTuple):
    """A record, and its bytes as they stand in the log."""

    entry: Entry
    raw: bytes


def records(root: str, tenant: str) -> Iterator[Line]:
    """Yield every record of a tenant's log, oldest first. Raises NoEvidence where there is none or it does not read."""
    for line in _lines(root, tenant):
        if line.startswith(RECORD):
            yield Line(read_record(line), line)


def checkpoints(root: str, tenant: str) -> Iterator[tuple[int, str]]:
    """Yield the size and the root, in hex, of every checkpoint of a tenant's log. Raises NoEvidence."""
    for line in _lines(root, tenant):
        if line.startswith(CHECKPOINT):
            note = read_note(note_of(line).encode(), name=f"audit/{tenant}")
            yield note.size, note.root.hex()


def epochs(root: str, tenant: str) -> tuple[int, int]:
    """Return how many epochs of a log were opened, and how many sealed. Raises NoEvidence."""
    opened = sealed = 0
    for line in _lines(root, tenant):
        opened += line.startswith(OPENING)
        sealed += line.startswith(CHECKPOINT) and find_next(line) is not None
    return opened, sealed


def logs(ctx: Context) -> list[str]:
    """Return the tenants that this run may name and that have a log, `platform` among them. Raises NoEvidence.

    A log that the store's `keys/` know of counts where it is gone, too: reading it then raises.
    """
    try:
        return [name for name in known_logs(ctx.target.root) if may_name(ctx.target, name)]
    except SealproofError as exc:
        raise NoEvidence(f"the audit logs cannot be read: {exc.message}", hint=exc.hint) from exc


def _lines(root: str, tenant: str) -> Iterator[bytes]:
    try:
        with reading(root, tenant) as directory:
            for name, size in present_extent(directory).segments:
                for portion in closed_lines(directory, name, size):
                    yield from portion.lines
    except SealproofError as exc:
        raise NoEvidence(f"the audit log of {tenant} cannot be read: {exc.message}", hint=exc.hint) from exc
