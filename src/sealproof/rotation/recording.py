"""What consumers record of their use in the tenant's audit log: in batches, and never once an operation."""

from __future__ import annotations

import weakref
from threading import Lock
from typing import TYPE_CHECKING, ClassVar

from sealproof.rotation.audited import ACKNOWLEDGED, REFUSED, USED
from sealproof.vault.audit.group import GroupCommit
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealproof.rotation.words import Use
    from sealproof.vault.audit.interface import AuditSink, Receipt

EVERY_S = 10.0
"""Seconds between two records of log-ins that worked, once the first is on record: their number is for the reader."""


class SharedLog:
    """One tenant's log in this process: its consumers share the lock, the open files and the flush of the disk."""

    _open: ClassVar[weakref.WeakValueDictionary[tuple[str, str], SharedLog]] = weakref.WeakValueDictionary()
    _opening: ClassVar[Lock] = Lock()

    def __init__(self, root: str, tenant: str) -> None:
        log = AuditLog(root, tenant)
        self._group = GroupCommit(log)
        weakref.finalize(self, log.close).atexit = False  # nobody is in `append` then; at the end the system closes it

    @classmethod
    def of(cls, root: str, tenant: str) -> SharedLog:
        """Return the one that is open, or open it. It closes with the last consumer that holds it."""
        with cls._opening:
            found = cls._open.get((root, tenant))
            if found is None:
                found = cls._open[root, tenant] = cls(root, tenant)
            return found

    def append(self, records: Sequence[AuditRecord]) -> Receipt:
        """Return when `records` are durable. See `AuditSink`; KeyMissing where this process may not write the log."""
        return self._group.append(records)


class Recorder:
    """Writes one consumer's records: what is new since the last ones that became durable."""

    def __init__(self, sink: AuditSink, consumer: str, environment: str) -> None:
        self._sink = sink
        self._consumer = consumer
        self._environment = environment
        self._generation = 0
        self._written: dict[tuple[str, str], Use] = {}
        self._last = 0.0

    def record(self, generation: int, uses: Iterable[Use], *, now: float, all_of_it: bool = False) -> None:
        """Record what is due now, as one batch; `all_of_it` does not wait for `EVERY_S`.

        `now` is in unix seconds. Raises what the sink raises: the same is then due again.
        """
        counted = list(uses)
        late = all_of_it or now - self._last >= EVERY_S
        told = {(use.name, use.rotation): use for use in counted if self._is_due(use, late=late)}
        records = [one for use in told.values() for one in self._of(use)]
        if generation != self._generation:
            records.insert(0, self._record(ACKNOWLEDGED, Outcome.ALLOW, numbers={"generation": generation}))
        if not records:
            return
        self._sink.append(records)
        self._generation = generation
        self._written = {key: use for key, use in self._written.items() if key in self._keys(counted)} | told
        self._last = now if told else self._last

    def _is_due(self, use: Use, *, late: bool) -> bool:
        before = self._before(use)
        return use.failed > before.failed or (use.ok > before.ok and (late or not before.ok))

    def _of(self, use: Use) -> list[AuditRecord]:
        before, found = self._before(use), []
        if use.ok > before.ok:
            found.append(self._counted(USED, Outcome.ALLOW, use, use.ok - before.ok))
        if use.failed > before.failed:
            found.append(self._counted(REFUSED, Outcome.ERROR, use, use.failed - before.failed))
        return found

    def _before(self, use: Use) -> Use:
        return self._written.get((use.name, use.rotation), use._replace(ok=0, failed=0))

    def _counted(self, operation: str, outcome: Outcome, use: Use, count: int) -> AuditRecord:
        return self._record(operation, outcome, name=use.name, request=use.rotation, numbers={"count": count})

    def _record(
        self, operation: str, outcome: Outcome, *, name: str = "", request: str = "", numbers: dict[str, int]
    ) -> AuditRecord:
        return AuditRecord(
            self._consumer, Established.CLAIMED, operation, outcome, environment=self._environment, name=name,
            request=request, numbers=numbers,
        )  # fmt: skip

    @staticmethod
    def _keys(uses: Iterable[Use]) -> set[tuple[str, str]]:
        return {(use.name, use.rotation) for use in uses}
