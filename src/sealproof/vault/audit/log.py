"""The audit log on files: the `AuditSink` of a store. Threads, tasks and processes may share one log."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import check_tenant
from sealproof.errors import AuditUnavailable, CallerError, FileUnavailable, InvalidRecord, SealproofError
from sealproof.vault.audit.copy import Copy
from sealproof.vault.audit.happenings import COPY_FAILED, ERASED, HELD, RELEASED
from sealproof.vault.audit.interface import NUMBERS, AuditRecord, Receipt, check_batch
from sealproof.vault.audit.lines import body
from sealproof.vault.audit.pen import Limits
from sealproof.vault.audit.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from sealproof.envelope.cipher import Random
    from sealproof.vault.audit.pen import Written

_BACK_MS = 1000  # a clock that went back by less is ordinary
_CALLERS = NUMBERS - {"back", "first", "until"}


class AuditLog:
    """One tenant's log in the store at `root`, begun on first use.

    `clock` gives unix seconds; `random` gives bytes; `copy_to` is `AUDIT_LOG_PATH`, or nothing.
    """

    def __init__(
        self,
        root: str,
        tenant: str,
        *,
        copy_to: str = "",
        clock: Callable[[], float] = time.time,
        random: Random = os.urandom,
        limits: Limits | None = None,
    ) -> None:
        self.root = root
        self.tenant = check_tenant(tenant)
        self._copy = Copy(copy_to) if copy_to else None
        self._copy_fails = False
        self._clock = clock
        self._random = random
        self._limits = limits or Limits()
        self._mutex = Lock()
        self._session: Session | None = None
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"AuditLog({self.root!r}, {self.tenant!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open. The log may be used again: it is then opened anew."""
        with self._mutex:
            self._drop()

    def append(self, records: Sequence[AuditRecord]) -> Receipt:
        """Return when `records` are durable, in their order, as one batch. See `AuditSink`."""
        check_batch(records)
        with self.writing(refused=len(records)) as (session, now):
            session.subjects.begin()
            back = max(session.pen.trail.at - now, 0)
            bodies = [self._body(session, record, back if back > _BACK_MS else 0) for record in records]
            written = session.pen.write(bodies, now)
            self._copied(session, written, now)
        return Receipt(written.first, len(records), written.at, written.epoch)

    def seal(self) -> None:
        """End the epoch now: destroy its key, so that nobody can change what it holds."""
        with self.writing() as (session, now):
            session.pen.seal(now)

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint as a signed note: what an anchor keeps, and a witness cosigns."""
        with self.writing() as (session, _):
            return session.pen.newest_note()

    def erase(self, subject: str) -> bool:
        """Destroy what ties `subject` to its pseudonym, and record that; tell whether there was anything to destroy.

        The chain stays as it is. Should the record fail, the erasure stands all the same.
        """
        with self.writing(refused=1) as (session, now):
            pseudonym = session.subjects.erase(subject)
            if pseudonym:
                session.pen.note(ERASED, now, digests={"actor": sha256(pseudonym.encode()).hexdigest()})
        return bool(pseudonym)

    def hold(self, reference: str) -> None:
        """Put the log on legal hold: nothing of it is pruned until `release`. The record of it says why.

        `reference` names the case: [A-Za-z0-9._-]{1,64}. Raises InvalidRecord.
        """
        self._note_case(HELD, reference)

    def release(self, reference: str) -> None:
        """Lift the legal hold. Raises InvalidRecord."""
        self._note_case(RELEASED, reference)

    @contextmanager
    def writing(self, *, refused: int = 0) -> Iterator[tuple[Session, int]]:
        """Hold the log alone, taken up where the last writer stopped, with the time in unix milliseconds.

        `refused` is how many records are lost to the caller if the disk is full.
        Raises AuditUnavailable for whatever the operating system refuses.
        """
        self._after_fork()
        with self._mutex:
            try:
                if self._session is None:
                    self._session = Session(self.root, self.tenant, self._random, self._limits)
                now = int(self._clock() * 1000)
                with self._session.locked(now):
                    yield self._session, now
            except CallerError:
                raise  # nothing was written
            except (OSError, FileUnavailable) as exc:
                self._drop()
                raise self._unavailable(exc, refused) from exc
            except BaseException:
                self._drop()
                raise

    def _note_case(self, operation: str, reference: str) -> None:
        if not reference:
            message = "a legal hold needs the reference of its case"
            raise InvalidRecord(message, hint="for example CASE-2026-17")
        with self.writing(refused=1) as (session, now):
            session.pen.note(operation, now, request=reference)

    def _body(self, session: Session, record: AuditRecord, back: int) -> str:
        numbers = record.numbers
        if not _CALLERS.issuperset(numbers):
            message = "a record has a number that none may have"
            raise InvalidRecord(message, hint=f"numbers: {', '.join(sorted(_CALLERS))}")
        return body(
            session.subjects.pseudonym(record.subject),
            record.established.value,
            record.operation,
            f"{self.tenant}/{record.environment}" if record.environment else self.tenant,
            session.digests.of(record.name),
            record.version,
            record.outcome.value,
            record.request,
            {**numbers, "back": back} if back else numbers,
        )

    def _copied(self, session: Session, written: Written, now: int) -> None:
        if self._copy is None:
            return
        try:
            self._copy.append(written.lines)
        except OSError:
            if not self._copy_fails:
                session.pen.note(COPY_FAILED, now, outcome="error")
            self._copy_fails = True
        else:
            self._copy_fails = False

    def _unavailable(self, exc: OSError | FileUnavailable, refused: int) -> AuditUnavailable:
        cause = exc.__cause__ if isinstance(exc, FileUnavailable) else exc
        if isinstance(cause, OSError) and cause.errno in (ENOSPC, EDQUOT):
            self._record_full(refused)
            message = f"the disk is full: nothing can be recorded in the audit log of {self.tenant}"
            return AuditUnavailable(message, hint=f"df -h {self.root}")
        reason = exc.message if isinstance(exc, FileUnavailable) else (exc.strerror or "error").lower()
        message = f"nothing can be recorded in the audit log of {self.tenant}: {reason}"
        return AuditUnavailable(message, hint=f"ls -la {self.root}/audit/{self.tenant}")

    def _record_full(self, refused: int) -> None:
        try:
            session = Session(self.root, self.tenant, self._random, self._limits)
        except (OSError, SealproofError):
            return  # not even the directories open: the caller is told all the same
        try:
            session.record_full(int(self._clock() * 1000), refused)
        except (OSError, SealproofError):
            return  # the reserve was not enough
        finally:
            session.close()

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _after_fork(self) -> None:
        """Share neither lock nor descriptors with the parent: a lock of theirs would be ours too."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._mutex = Lock()
            self._drop()
