"""Record in the audit log what a command is asked to do before it does it, and how it ended."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.inventory import this_user
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PLATFORM = "platform"
"""The log of what concerns the store as a whole: its master, its signing keys, its backups."""


@contextmanager
def recorded(root: str, operation: str, *, tenant: str = PLATFORM, environment: str = "") -> Iterator[dict[str, int]]:
    """Record the intent, run the block, record the outcome with the numbers that the block puts in.

    Raises AuditUnavailable before anything is done if the intent cannot be made durable.
    """
    request = os.urandom(8).hex()
    with AuditLog(root, tenant, copy_to=settings_of(root).audit_log_path) as log:

        def record(stage: str, outcome: Outcome, numbers: dict[str, int]) -> None:
            one = AuditRecord(
                this_user(),
                Established.UID,
                f"{operation}{stage}",
                outcome,
                environment,
                request=request,
                numbers=numbers,
            )
            log.append([one])

        record(".begin", Outcome.ALLOW, {})
        numbers: dict[str, int] = {}
        try:
            yield numbers
        except BaseException:
            record("", Outcome.ERROR, {})
            raise
        record("", Outcome.ALLOW, numbers)
