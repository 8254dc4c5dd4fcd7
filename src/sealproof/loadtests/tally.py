"""Counts of one load run, and the percentiles of its steady phase.

Locust's own report rounds response times, and knows nothing of canaries. Mismatches count over the
whole run; everything else over the requests that began in the steady phase: after the last user was
there, before the first was stopped.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from sealproof.loadtests.expected import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT: Final = "sealproof-load/1"
_NS_PER_US: Final = 1000


class Tally:
    """What was counted so far. `clock` gives nanoseconds that never run backwards."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.now = clock
        self._begun: int | None = None
        self._ended: int | None = None
        self._users = 0
        self._requests = 0
        self._mismatches: Counter[Verdict] = Counter()
        self._errors = 0
        self._answered: Counter[str] = Counter()
        self._times: list[int] = []

    def begin(self, users: int) -> None:
        """Begin the steady phase: all `users` are there."""
        self._begun, self._users = self.now(), users

    def end(self) -> None:
        """End the steady phase: users are about to be stopped."""
        self._ended = self.now()

    def note(self, tenant: str, verdict: Verdict, *, begun: int, answered: int) -> None:
        """Count one request that began at `begun` and was answered, or given up, at `answered`."""
        self._requests += 1
        self._mismatches[verdict] += verdict in (Verdict.FOREIGN, Verdict.MISSING)
        if self._begun is None or begun < self._begun or (self._ended is not None and begun >= self._ended):
            return
        if verdict is Verdict.ERROR:
            self._errors += 1
            return
        self._answered[tenant] += 1
        self._times.append((answered - begun) // _NS_PER_US)

    def to_json(self) -> str:
        """Return the report. All numbers are whole; times are in microseconds."""
        times = sorted(self._times)
        steady = 0 if self._begun is None else (self._ended or self.now()) - self._begun
        report = {
            "format": FORMAT,
            "users": self._users,
            "steady_us": steady // _NS_PER_US,
            "requests": self._requests,
            "samples": len(times) + self._errors,
            "errors": self._errors,
            "foreign": self._mismatches[Verdict.FOREIGN],
            "missing": self._mismatches[Verdict.MISSING],
            "p50_us": percentile(times, 50),
            "p95_us": percentile(times, 95),
            "max_us": percentile(times, 100),
            "tenants": dict(sorted(self._answered.items())),
        }
        return json.dumps(report)


def percentile(ordered: list[int], percent: int) -> int:
    """Return the smallest of the sorted values that `percent` of them do not exceed; 0 where there is none."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else 0
