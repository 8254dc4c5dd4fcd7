"""The contract of an audit trail: a batch of records is durable, or the call raises and nothing may be served.

A record says who did what to which secret, and how it ended. It never holds a value, nor anything
made from a value: a keyed digest of a guessable value is a dictionary attack waiting.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sealproof.errors import InvalidRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BATCH_MAX = 1024  # records in one durable batch

NUMBERS = frozenset(
    {"attempts", "back", "bytes", "count", "first", "generation", "key_epoch", "limit", "micros", "until", "wait_s"}
)
"""The only numbers a record may carry. None of them may say anything about a value: `bytes` is for files.

`back`, `first` and `until` are the log's own: milliseconds the clock was behind, and a pruned range.
"""

_NO_NUMBERS: Mapping[str, int] = {}


class Established(Enum):
    """How the subject was established, weakest first. A claim is only a claim, and stands as one."""

    CLAIMED = "claimed"
    UID = "uid"  # the operating-system user of this process
    PEERCRED = "peercred"  # the kernel named the peer of a Unix socket
    OIDC = "oidc"  # a token was verified


class Outcome(Enum):
    """How the operation ended."""

    ALLOW = "allow"
    DENY = "deny"
    ERROR = "error"


class AuditRecord(NamedTuple):
    """One event, as the caller tells it. The log adds sequence, time, epoch and the link to the line before."""

    subject: str
    """Whom it was for; only a pseudonym of it is written."""
    established: Established
    operation: str
    """[a-z][a-z0-9.-]{0,31}, such as `read` or `key.admin`."""
    outcome: Outcome
    environment: str = ""
    """Empty where the operation concerns the tenant as a whole."""
    name: str = ""
    """The secret's name; only its keyed digest is written. Empty where there is none."""
    version: int = 0
    request: str = ""
    """Ties the records of one request together: [A-Za-z0-9._-]{0,64}, drawn at random by the caller."""
    numbers: Mapping[str, int] = _NO_NUMBERS
    """By the names in `NUMBERS`."""


class Receipt(NamedTuple):
    """Where a caller's records stand, now that they are durable."""

    first: int
    """Sequence number of the first of them; the others follow it."""
    records: int
    at: int
    """Their time, in unix milliseconds."""
    epoch: int


class AuditSink(Protocol):
    """Keeps audit records. Serve nothing that was not recorded: whatever `append` raises is a refusal."""

    def append(self, records: Sequence[AuditRecord]) -> Receipt:
        """Return when `records` are durable, in their order, as one batch.

        Raises InvalidRecord if one is outside the grammar or there are none or more than `BATCH_MAX`,
        AuditUnavailable if they could not be made durable, AuditLogBroken if the log is no longer what was written.
        """
        ...


def check_batch(records: Sequence[AuditRecord]) -> None:
    """Refuse what is no batch: no record at all, or more than `BATCH_MAX`. Raises InvalidRecord."""
    if not 0 < len(records) <= BATCH_MAX:
        message = f"{len(records)} records are no batch"
        raise InvalidRecord(message, hint=f"append 1 to {BATCH_MAX} records at once")
