"""Which error ends in which exit code: the one table, as `findings.ExitCode` names them."""

from __future__ import annotations

# Plain numbers of findings.ExitCode: importing the enumeration would cost `sealproof run` 20 ms of start-up.
from sealproof.errors import (
    AccessDenied,
    CallerError,
    DataError,
    DependencyError,
    EvidenceRejected,
    MergeConflict,
    UnsafeFile,
)

OK, REFUSED, INTERRUPTED, INTERNAL, USAGE, EVIDENCE = 0, 1, 2, 3, 4, 7

_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (MergeConflict, REFUSED),
    (EvidenceRejected, EVIDENCE),
    (UnsafeFile, USAGE),
    (DataError, REFUSED),
    (CallerError, USAGE),
    (AccessDenied, USAGE),
    (DependencyError, INTERNAL),
    (KeyboardInterrupt, INTERRUPTED),
)


def exit_code_of(error: BaseException) -> int:
    """Return the code of the first kind in the table that `error` is."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL)
