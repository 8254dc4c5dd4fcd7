"""What the page draws, as whole numbers: the templates only place the shapes.

Each drawing repeats what stands beside it in words, so nothing is lost to who cannot see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealproof.findings import Severity, Status, Waiver
from sealproof.reports._states import BAR, Segment, bar, by_severity, claim_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealproof.findings import Age, CheckResult, RunResult, Scope, Verdict
    from sealproof.reports._checks import SuiteView
    from sealproof.reports.coverage import Coverage

AGES_SHOWN: Final = 8
"""Ages that are drawn, the nearest to their limits first; the others are counted."""
LIMIT_AT: Final = 700
"""Where on a bar of `BAR` units the limit stands: room is left for what is past it."""
SOON: Final = 80
"""Per cent of its limit from which a secret or key is said to come near it."""
WAIVER_SOON: Final = 14
"""Days left under which a waiver is said to end soon."""
TREND_HEIGHT: Final = 100

_FALLS: Final = (Status.FAIL, Status.ERROR)


@dataclass(frozen=True, slots=True)
class SeverityRow:
    """One suite's failing items by severity."""

    title: str
    id: str
    counts: tuple[tuple[Severity, int], ...]
    """Those that occur, the worst first."""
    bar: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class AgeRow:
    """One secret or key against its limit."""

    resource: str
    check: str
    age: Age
    width: int
    """Of a bar of `BAR` units; the limit is at `LIMIT_AT`."""
    tone: str


@dataclass(frozen=True, slots=True)
class Ages:
    """Secrets and keys whose age was looked at."""

    rows: tuple[AgeRow, ...]
    total: int
    over: int
    near: int


@dataclass(frozen=True, slots=True)
class TrendColumn:
    """One run of the chain: a column, from the bottom what is good to the top what is not."""

    number: int
    when: int
    gating: int
    evaluated: int
    total: int
    exit_code: int
    segments: tuple[Segment, ...]
    """`start` counts from the top, `width` is the height."""


def reach_bar(item: Coverage) -> tuple[Segment, ...]:
    """Return how much of a framework this run's evidence speaks to, on its whole length where that is known."""
    outside = max(0, (item.reach.total or 0) - item.reach.covered)
    return bar([*claim_parts(item), ("outside", outside)])


def severities(suites: Iterable[SuiteView], results: Sequence[CheckResult]) -> tuple[SeverityRow, ...]:
    """Return a row for each suite that ran, all on one scale."""
    by_suite = {suite.id: [item for item in results if item.check in _ids(suite)] for suite in suites}
    counted = {suite.id: [pair for pair in by_severity(by_suite[suite.id]) if pair[1]] for suite in suites}
    most = max((sum(count for _, count in pairs) for pairs in counted.values()), default=0)
    return tuple(
        SeverityRow(suite.title, suite.id, tuple(counted[suite.id]), _scaled(counted[suite.id], most))
        for suite in suites
    )


def ages(run: RunResult) -> Ages:
    """Return the ages that findings carry, the nearest to their limits first."""
    found = [
        (finding.resource, result.check, finding.age)
        for result in run.results
        for finding in result.findings
        if finding.age is not None
    ]
    found.sort(key=lambda entry: (-_share(entry[2]), entry[0], entry[1]))
    return Ages(
        rows=tuple(_age(*entry) for entry in found[:AGES_SHOWN]),
        total=len(found),
        over=sum(age.days > age.limit for _, _, age in found),
        near=sum(age.days <= age.limit and _share(age) >= SOON for _, _, age in found),
    )


def trend(run: RunResult, verdict: Verdict) -> tuple[TrendColumn, ...]:
    """Return the runs of the chain that this one carries, and itself; none where it is the first."""
    if not run.history:
        return ()
    past = [(entry.number, entry.ended, entry.verdict) for entry in run.history]
    return tuple(_column(number, ended, said) for number, ended, said in (*past, (run.number, run.ended, verdict)))


def ending_waivers(run: RunResult) -> tuple[Waiver, ...]:
    """Return the waivers that apply and end soon, and those that have expired, the soonest first."""
    ending = [waiver for waiver in run.waivers if waiver.days_left < WAIVER_SOON]
    return tuple(sorted(ending, key=lambda waiver: (waiver.days_left, waiver.id)))


def waiver_of(run: RunResult, check: str, scope: Scope, waived_by: str) -> Waiver | None:
    """Return the waiver that covers a finding."""
    same = (item for item in run.waivers if (item.id, item.check, item.scope) == (waived_by, check, scope))
    return next(same, None)


def _ids(suite: SuiteView) -> frozenset[str]:
    return frozenset(suite.ids)


def _scaled(pairs: Sequence[tuple[Severity, int]], most: int) -> tuple[Segment, ...]:
    rest = most - sum(count for _, count in pairs)
    drawn = bar([*((severity.value, count) for severity, count in pairs), ("rest", rest)])
    return tuple(segment for segment in drawn if segment.tone != "rest")


def _share(age: Age) -> int:
    return age.days * 100 // max(age.limit, 1)


def _age(resource: str, check: str, age: Age) -> AgeRow:
    tone = "fail" if age.days > age.limit else "not_evaluated" if _share(age) >= SOON else "pass"
    width = min(BAR, max(4, age.days * LIMIT_AT // max(age.limit, 1)))
    return AgeRow(resource, check, age, width, tone)


def _column(number: int, when: int, said: Verdict) -> TrendColumn:
    counts = dict(said.counts)
    bad = sum(counts[status.value] for status in _FALLS)
    parts = (
        ("fail", bad),
        ("not_evaluated", counts["not_evaluated"]),
        ("waived", counts["waived"]),
        ("pass", counts["pass"]),
    )
    total = sum(count for _, count in parts)
    segments: list[Segment] = []
    seen = 0
    for tone, count in parts:
        if count:
            start = TREND_HEIGHT * seen // total
            seen += count
            # Even one failure of thousands is seen.
            height = max(3, TREND_HEIGHT * seen // total - start)
            segments.append(Segment(tone, min(start, TREND_HEIGHT - 3), height))
    return TrendColumn(
        number, when, said.gating, said.evaluated, said.total, int(said.exit_code), tuple(reversed(segments))
    )
