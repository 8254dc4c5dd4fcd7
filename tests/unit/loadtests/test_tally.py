"""What counts: mismatches always, everything else in the steady phase only."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.loadtests.expected import Verdict
from sealproof.loadtests.tally import Tally, percentile

MS = 1_000_000  # nanoseconds


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


def run(clock: Clock, *, stopped: bool = True) -> dict[str, object]:
    """A steady phase from 100 to 200 ms, with one request of each kind in each phase."""
    tally = Tally(clock)
    for phase in range(3):
        clock.ns = phase * 100 * MS
        if phase == 1:
            tally.begin(6)
        if phase == 2 and stopped:
            tally.end()
        for number, verdict in enumerate(Verdict):
            tally.note(f"{verdict.value}-{phase}", verdict, begun=clock.ns, answered=clock.ns + (number + 1) * MS)
    clock.ns = 300 * MS
    report = json.loads(tally.to_json())
    assert isinstance(report, dict)
    return report


def test_the_steady_phase_alone_is_measured(clock: Clock) -> None:
    report = run(clock)
    assert (report["users"], report["steady_us"]) == (6, 100_000)
    assert (report["samples"], report["errors"]) == (4, 1)
    assert report["tenants"] == {"foreign-1": 1, "missing-1": 1, "own-1": 1}


def test_mismatches_count_over_the_whole_run(clock: Clock) -> None:
    report = run(clock)
    assert (report["requests"], report["foreign"], report["missing"]) == (12, 3, 3)


def test_a_request_that_began_in_time_counts_however_late_its_answer(clock: Clock) -> None:
    tally = Tally(clock)
    tally.begin(1)
    clock.ns = 50 * MS
    tally.end()
    tally.note("a", Verdict.OWN, begun=49 * MS, answered=950 * MS)
    assert json.loads(tally.to_json())["max_us"] == 901_000


def test_errors_do_not_flatter_the_percentiles(clock: Clock) -> None:
    tally = Tally(clock)
    tally.begin(1)
    for _ in range(100):
        tally.note("a", Verdict.ERROR, begun=0, answered=1)
    tally.note("a", Verdict.OWN, begun=0, answered=400 * MS)
    assert json.loads(tally.to_json())["p95_us"] == 400_000


def test_a_run_that_was_never_steady_or_never_stopped_says_so(clock: Clock) -> None:
    assert run(clock, stopped=False)["steady_us"] == 200_000
    report = json.loads(Tally(clock).to_json())
    assert {report[name] for name in ("users", "steady_us", "samples", "p95_us")} == {0}


def test_percentiles_are_by_nearest_rank() -> None:
    assert [percentile(list(range(1, 101)), percent) for percent in (50, 95, 100)] == [50, 95, 100]
    assert percentile([7], 50) == percentile([7], 95) == 7
    assert percentile([], 95) == 0


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=300), st.integers(1, 100))
def test_a_percentile_covers_its_share_and_no_smaller_value_does(values: list[int], percent: int) -> None:
    found = percentile(sorted(values), percent)
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)
