"""What a log says about itself: operations of records whose actor is the log, and which nobody else may write."""

from __future__ import annotations

COPY_FAILED = "audit.copy-failed"  # AUDIT_LOG_PATH could not be written
ERASED = "audit.erased"  # a pseudonym resolves no more
FULL = "audit.full"  # the disk was full, and `count` records were refused
HELD, RELEASED = "audit.held", "audit.released"  # legal hold, with its reference
PRUNED = "audit.pruned"  # the records from `first` to before `until` were dropped
RECOVERED = "audit.recovered"  # what a killed writer left was set aside

RESERVED = frozenset({COPY_FAILED, ERASED, FULL, HELD, RELEASED, PRUNED, RECOVERED})
