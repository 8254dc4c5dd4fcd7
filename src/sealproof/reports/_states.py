"""How pages speak of states, severities and evidence: one order, one set of words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealproof.findings import Evidence, Severity, Status
from sealproof.reports.coverage import EVALUATED, Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sealproof.findings import CheckResult
    from sealproof.reports.coverage import Coverage

WORST_FIRST: Final = (
    Status.FAIL,
    Status.ERROR,
    Status.NOT_EVALUATED,
    Status.WAIVED,
    Status.DECLARED,
    Status.PASS,
    Status.NOT_APPLICABLE,
)
"""The order in which a reader needs them."""

OPEN: Final = frozenset({Status.FAIL, Status.ERROR, Status.NOT_EVALUATED})
"""The states that someone must look at."""

STATE_WORDS: Final[Mapping[Status, str]] = {status: status.value.replace("_", " ") for status in Status}

STATE_MEANINGS: Final[Mapping[Status, str]] = {
    Status.FAIL: "evidence was collected and does not meet the condition",
    Status.ERROR: "the check itself broke; always fails the run",
    Status.NOT_EVALUATED: "the evidence was missing or unreadable; never counts as a pass",
    Status.WAIVED: "a valid waiver covers exactly this finding; the check still ran and its result is kept",
    Status.DECLARED: "a person's signed record was found; its truth was not tested",
    Status.PASS: "evidence was collected and meets the condition",
    Status.NOT_APPLICABLE: "ruled out, with a reason",
}

EVIDENCE_WORDS: Final[Mapping[Evidence, str]] = {
    Evidence.CONFIGURATION: "configuration",
    Evidence.ARTEFACT: "artefact",
    Evidence.TESTED: "tested",
    Evidence.DECLARED: "declared",
}

EVIDENCE_MEANINGS: Final[Mapping[Evidence, str]] = {
    Evidence.CONFIGURATION: "read from a file or from mode bits: what is set, not what happens",
    Evidence.ARTEFACT: "verified by cryptography or byte by byte, on the files themselves",
    Evidence.TESTED: "the behaviour was provoked on scratch copies and observed",
    Evidence.DECLARED: "a signed human record exists and is in date; its truth was not tested",
}

CLAIM_STATES: Final[Mapping[Claim, str]] = {
    Claim.SUPPORTS: "pass",
    Claim.CONTRADICTS: "fail",
    Claim.INCOMPLETE: "not_evaluated",
    Claim.NONE: "none",
}
"""Which symbol and colour a claim shares with which state."""

_CLAIMS_DRAWN: Final = (Claim.SUPPORTS, Claim.INCOMPLETE, Claim.NONE, Claim.CONTRADICTS)

BAR: Final = 1000
"""Width of a bar in its own units; whole numbers, so that each interpreter draws the same."""
_GAP: Final = 5
_SHORTEST: Final = 12


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of a bar."""

    tone: str
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How many items are in one state."""

    status: Status
    count: int


def tallies(results: Iterable[CheckResult]) -> tuple[Tally, ...]:
    """Return the states that occur, worst first."""
    states = [result.status for result in results]
    return tuple(Tally(status, states.count(status)) for status in WORST_FIRST if status in states)


def bar(parts: Sequence[tuple[str, int]]) -> tuple[Segment, ...]:
    """Return the stretches of a bar for tones and their counts; even the smallest is seen."""
    counted = [(tone, count) for tone, count in parts if count]
    total = sum(count for _, count in counted)
    room = BAR - _GAP * (len(counted) - 1) - _SHORTEST * len(counted)
    segments: list[Segment] = []
    start = seen = 0
    for tone, count in counted:
        before, seen = seen, seen + count
        width = _SHORTEST + room * seen // total - room * before // total
        segments.append(Segment(tone, start, width))
        start += width + _GAP
    return tuple(segments)


def claim_parts(item: Coverage) -> list[tuple[str, int]]:
    """Return the parts of a framework's bar: what is supported at the left, what is contradicted at the right."""
    return [(CLAIM_STATES[said], item.count(said)) for said in _CLAIMS_DRAWN]


def state_bar(results: Iterable[CheckResult]) -> tuple[Segment, ...]:
    """Return the bar of what could hold evidence: good at the left, what someone must look at at the right."""
    shown = [tally for tally in reversed(tallies(results)) if tally.status is not Status.NOT_APPLICABLE]
    return bar([(tally.status.value, tally.count) for tally in shown])


def share(results: Iterable[CheckResult]) -> tuple[int, int]:
    """Return how many results hold evidence, and how many could: what was not evaluated counts among these."""
    items = tuple(results)
    evaluated = sum(result.status in EVALUATED for result in items)
    return evaluated, sum(result.status is not Status.NOT_APPLICABLE for result in items)


def by_severity(results: Iterable[CheckResult]) -> tuple[tuple[Severity, int], ...]:
    """Return how many results fail or broke, by severity."""
    failing = [result.severity for result in results if result.status in {Status.FAIL, Status.ERROR}]
    return tuple((severity, failing.count(severity)) for severity in Severity)
