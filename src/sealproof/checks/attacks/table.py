"""The attack table: 56 rows as data. What each does is the function of its id; why it matters is its threat's line.

`check` is the check of the penetration or security suite that a row gives evidence for: a check fails if
one of its rows is broken. `threat` is the number of the line in `docs/threat-model.md` that it attacks.
"""

from __future__ import annotations

from dataclasses import dataclass

SECONDS = 10
MEMORY_MIB = 512


@dataclass(frozen=True, slots=True)
class Row:
    """One attack."""

    id: str
    title: str
    check: str
    threat: int
    gating: bool = True
    seconds: int = SECONDS
    """Time limit."""
    memory_mib: int = MEMORY_MIB
    """Address space."""


ROWS = (
    Row("A1", "bit flip", "PEN-003", 2),
    Row("A2", "truncation", "PEN-003", 2),
    Row("A3", "trailing data", "PEN-003", 2),
    Row("A4", "drop, add, reorder, duplicate a record", "PEN-003", 2),
    Row("A5", "swap two values inside one tenant", "PEN-003", 2),
    Row("A6", "ambiguous joining of bound context", "PEN-001", 5),
    Row("A7", "metadata edit", "PEN-003", 2),
    Row("A8", "algorithm confusion and downgrade", "PEN-004", 12),
    Row("A9", "plain text spliced in", "PEN-003", 2),
    Row("A10", "undecryptable value passed through", "PEN-003", 2),
    Row("A11", "non-canonical encoding", "PEN-003", 12),
    Row("B1", "swap whole tenant files", "PEN-001", 5),
    Row("B2", "move one record between tenants", "PEN-001", 5),
    Row("B3", "wrong tenant's key", "PEN-001", 5),
    Row("B4", "path traversal in tenant ids and names", "PEN-002", 11),
    Row("B5", "tenant ids that collide", "PEN-002", 11),
    Row("B6", "leftovers between loads", "PEN-001", 5),
    Row("B7", "derived keys", "PEN-001", 5),
    Row("B8", "dangerous variable names", "PEN-008", 10),
    Row("B9", "interpolation and commands", "PEN-008", 10, gating=False),
    Row("C1", "roll back the whole store", "PEN-005", 4),
    Row("C2", "roll back one tenant or record", "PEN-005", 4),
    Row("C3", "freeze", "PEN-005", 4, gating=False),
    Row("C4", "absurd counters", "PEN-003", 12, gating=False),
    Row("C5", "revived key", "PEN-005", 4),
    Row("C6", "crash in the middle", "PEN-012", 18, seconds=60),
    Row("D1", "nonce reuse", "PEN-004", 2, seconds=60),
    Row("D2", "equal values look equal", "PEN-011", 1, gating=False),
    Row("D3", "length leak", "PEN-011", 1, gating=False),
    Row("D4", "weak derivation accepted", "PEN-004", 9),
    Row("D5", "expensive derivation", "PEN-004", 12),
    Row("D6", "weak master key", "PEN-004", 9),
    Row("D7", "predictable randomness", "PEN-004", 2, gating=False),
    Row("D8", "primitives against published vectors", "PEN-004", 2),
    Row("D9", "signatures", "PEN-004", 2, gating=False),
    Row("D10", "timing of comparisons, read in the source", "PEN-011", 13, gating=False),
    Row("E1", "permissive modes", "PEN-012", 19),
    Row("E2", "umask 0", "PEN-012", 19),
    Row("E3", "symbolic links", "PEN-012", 11),
    Row("E4", "link race", "PEN-012", 11, gating=False, seconds=30),
    Row("E5", "odd files", "PEN-012", 12, gating=False),
    Row("E6", "leavings", "PEN-012", 13, gating=False),
    Row("E7", "concurrent writers", "PEN-012", 18, gating=False, seconds=60),
    Row("E8", "full or failing disk", "PEN-012", 18, gating=False, seconds=30),
    Row("E9", "children", "SEC-019", 13),
    Row("F1", "code in data", "PEN-003", 12),
    Row("F2", "resource bombs", "PEN-003", 12, seconds=30),
    Row("F3", "archive import", "PEN-003", 12, gating=False),
    Row("F4", "round trip", "PEN-003", 10),
    Row("F5", "fuzz", "PEN-003", 12, gating=False, seconds=120),
    Row("G1", "logs", "SEC-019", 13),
    Row("G2", "object views", "SEC-019", 13),
    Row("G3", "exceptions and failing tests", "SEC-019", 13, seconds=30),
    Row("G4", "our own reports", "PEN-007", 13, seconds=30),
    Row("G5", "error oracle", "PEN-011", 13),
    Row("G6", "build and CI files", "SEC-012", 13, gating=False, seconds=30),
)
BY_ID = {row.id: row for row in ROWS}


def rows_of(check: str) -> tuple[Row, ...]:
    """Return the rows that give evidence for `check`."""
    return tuple(row for row in ROWS if row.check == check)
