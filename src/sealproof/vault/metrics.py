"""What a manager counts about itself: an observer like any other, the one that is always there."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from sealproof.vault.access.interface import Operation
from sealproof.vault.audit.interface import Outcome

if TYPE_CHECKING:
    from sealproof.vault.observer import Decided, Finished, RotationStep, Written

RECENT = 1024  # latencies kept of each operation
_QUANTILES = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}
VIOLATIONS = frozenset(
    (
        "denied",
        "locked-out",
        "AuditLogBroken",
        "CannotOpen",
        "MalformedFile",
        "PolicyRejected",
        "StaleFile",
        "UnsafeFile",
    )
)
"""What points to somebody who should not be there: refusals, and files that are not what was written."""

Metrics = dict[str, object]


class SecurityMetrics:
    """Counts of one manager since it was made. It holds no names and no values."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._violations: Counter[str] = Counter()
        self._recent: dict[str, deque[float]] = {}

    def decided(self, event: Decided) -> None:
        """Count a refusal."""
        if not event.allowed:
            self._counts["refused"] += 1
            self._violations["locked-out" if event.locked else "denied"] += 1

    def finished(self, event: Finished) -> None:
        """Count the end of a call, with the time that it took."""
        if event.outcome is Outcome.ALLOW and event.operation in _READS:
            self._counts["reads"] += 1
        if event.error in VIOLATIONS:
            self._violations[event.error] += 1
        recent = self._recent.get(event.operation)
        if recent is None:
            recent = self._recent[event.operation] = deque(maxlen=RECENT)
        recent.append(event.seconds)

    def written(self, event: Written) -> None:
        """Count a write."""
        self._counts[f"written.{event.operation}"] += 1

    def rotated(self, event: RotationStep) -> None:  # noqa: ARG002 - the protocol's shape
        """Count a rotation's step."""
        self._counts["rotation"] += 1

    def ciphered(self, values: int) -> None:
        """Count values that were sealed or opened."""
        self._counts["ciphered"] += values

    def snapshot(self) -> Metrics:
        """Return all of it as plain data. Latencies are of the last 1024 calls of each operation, in milliseconds."""
        return {
            "secret_access_count": self._counts["reads"],
            "failed_access_attempts": self._counts["refused"],
            "encryption_operations": self._counts["ciphered"],
            "rotation_events": self._counts["rotation"],
            "secrets_written": self._counts["written.write"],
            "secrets_deleted": self._counts["written.delete"],
            "violations": self._violations.total(),
            "violations_by_kind": dict(self._violations),
            "latencies": {operation: _latencies(recent) for operation, recent in self._recent.items()},
        }


_READS = frozenset((Operation.READ.value, Operation.BREAK_GLASS.value))


def _latencies(recent: deque[float]) -> dict[str, float]:
    ordered = sorted(recent)
    last = len(ordered) - 1
    figures = {name: round(ordered[round(share * last)] * 1000, 3) for name, share in _QUANTILES.items()}
    return {"count": len(ordered), **figures, "max_ms": round(ordered[-1] * 1000, 3)}
