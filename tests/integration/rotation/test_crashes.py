"""kill -9 at every point of a rotation: before each journal line, behind it, and behind its side effect.

After each kill some credential that consumers are told to use works, and the next call reaches the end with exactly one
credential at the target. `make crash` tries every schedule of two kills; here a printed seed draws some of them, and
some of the points for those ways that are like another.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sealproof.rotation.engine import KIND
from sealproof.rotation.rollout import ENTRY
from sealproof.rotation.states import State
from sealproof.vault.journal import Journal

from .bench import ENVIRONMENT, TENANT
from .scenarios import SCENARIOS

SEED = os.environ.get("SEALPROOF_CRASH_SEED") or str(random.SystemRandom().randrange(10**9))
EVERY = os.environ.get("SEALPROOF_CRASH") == "every"
SAMPLED = 2  # points, and pairs of them, for each target and scenario in an ordinary run
SLICES = 8 if EVERY else 1  # of the first kills, so that every core has something to do
RENEW = 8  # schedules in one store: every process reads the journal from its beginning

OVERLAPPING = ("postgres", "redis", "key-set", "callable", "webhook", "manual-two")
WHOLE = [(scenario, kind) for scenario in ("forward", "back") for kind in OVERLAPPING]
WHOLE += [("immediate", "postgres-one"), ("immediate", "manual"), ("mistyped", "manual")]
RUNS = WHOLE + [("gradual", kind) for kind in OVERLAPPING]
RUNS += [("canary", kind) for kind in OVERLAPPING]
RUNS += [("given-up", kind) for kind in OVERLAPPING if kind != "manual-two"]
RUNS += [("refused", kind) for kind in ("postgres", "redis", "callable", "webhook")]
RUNS += [("refused-immediate", "postgres-one")]


class Crasher:
    """Runs rotations in processes that kill themselves."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, bench: Any, scenario: str, crash_at: int | None) -> list[str]:
        """Rotate until the point of that number; return the points that were passed."""
        job = {"bench": bench.spec, "scenario": scenario, "crash_at": crash_at}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        reached = crash_at is not None and len(answer["points"]) == crash_at + 1
        assert answer["ended"] == (-9 if reached else 0), answer
        return answer["points"]


@pytest.fixture(scope="module")
def crasher() -> Iterator[Crasher]:
    program = Path(__file__).with_name("crash_server.py")
    process = subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        yield Crasher(process)
        process.stdin.close()


@pytest.fixture
def renewed(new_store: Callable[[], str]) -> Callable[[Any], Iterator[Any]]:
    """Yield a bench for ever, in a fresh store every now and then."""

    def benches(bench: Any) -> Iterator[Any]:
        for number in itertools.count():
            bench = bench if number % RENEW else bench.moved(new_store())
            yield bench

    return benches


@pytest.mark.parametrize(("scenario", "kind"), RUNS)
def test_a_kill_at_any_point_is_survived(at, crasher, renewed, scenario, kind):
    benches = renewed(at(kind))
    points = crasher.run(next(benches), scenario, None)
    assert len(points) > 15
    numbers = range(len(points))
    if (scenario, kind) not in WHOLE and not EVERY:
        numbers = sorted(_drawing(scenario, kind).sample(numbers, SAMPLED))
    for number, bench in zip(numbers, benches, strict=False):
        before = bench.current()
        passed = crasher.run(bench, scenario, number)
        assert passed[-1] == points[number]
        what = f"{kind}, {scenario}, killed at {points[number]}"
        _check_in_between(bench, what)
        _check_end(bench, scenario, before, what)


@pytest.mark.parametrize(("scenario", "kind"), [run for run in WHOLE if run[0] in ("forward", "immediate")])
def test_after_a_kill_it_can_be_given_up_instead(at, crasher, renewed, scenario, kind):
    """Nothing is left over, but for what a person has made and not pasted: of that the person is told."""
    benches = renewed(at(kind))
    numbers = range(len(crasher.run(next(benches), scenario, None)))
    if not EVERY:
        numbers = sorted(_drawing(scenario, kind).sample(numbers, SAMPLED))
    for number, bench in zip(numbers, benches, strict=False):
        before = bench.current()
        killed = crasher.run(bench, scenario, number)[-1]
        what = f"{kind}, {scenario}, killed at {killed}, then given up"
        result = bench.engine().abandon(bench.name, bench.plan) if bench.engine().underway(bench.name) else None
        assert Journal(bench.root).unfinished(KIND) == [], what
        if bench.person and not bench.plan.target.is_effective(bench.current()):
            assert any("with --paste" in note for note in result.notes), what
            SCENARIOS[scenario].run(bench)
        elif bench.person and bench.valid() > 1:
            assert any("end" in note for note in result.notes), what
            bench.person.end_all_but(bench.current())
            SCENARIOS[scenario].run(bench)
        elif result is not None and result.state is State.ROLLED_BACK:
            assert bench.current().reveal() == before.reveal(), what
        assert list(bench.values()) == [bench.name], what
        assert bench.valid() == 1, what
        assert bench.plan.target.is_effective(bench.current()), what


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize(("scenario", "kind"), RUNS)
def test_two_kills_are_survived(at, crasher, renewed, record_property, scenario, kind, part):
    benches = renewed(at(kind))
    points = len(crasher.run(next(benches), scenario, None))
    tried = 0
    schedules = _every_pair(points, part) if EVERY else _some_pairs(points, _drawing(scenario, kind))
    first, second = next(schedules)
    for bench in benches:
        tried += 1
        before = bench.current()
        killed = crasher.run(bench, scenario, first)
        what = f"{kind}, {scenario}, killed at {killed[-1]} (number {first}) and number {second} after that"
        _check_in_between(bench, what)
        again = crasher.run(bench, scenario, second)
        _check_in_between(bench, what)
        _check_end(bench, scenario, before, what)
        try:
            first, second = schedules.send(len(again) <= second)
        except StopIteration:
            break
    record_property("schedules", tried)


def _every_pair(points: int, part: int) -> Iterator[tuple[int, int]]:
    """Yield each first kill of a part with each second one, until told that the second came too late to happen."""
    for first in range(part, points, SLICES):
        for second in itertools.count():
            if (yield first, second):
                break


def _some_pairs(points: int, drawing: random.Random) -> Iterator[tuple[int, int]]:
    for first in sorted(drawing.sample(range(points), SAMPLED)):
        yield first, drawing.randrange(points - first + 2)


def _drawing(scenario: str, kind: str) -> random.Random:
    print(f"SEALPROOF_CRASH_SEED={SEED}")  # noqa: T201 - what repeats a failure
    return random.Random(f"{SEED}/{scenario}/{kind}")


def _check_in_between(bench: Any, what: str) -> None:
    """What consumers are told to use works, whoever they are."""
    target = bench.plan.target
    values = bench.values()
    if target.capabilities().overlap == 1:
        _check_without_overlap(bench, what)
        return
    assert target.is_effective(values[bench.name]), what
    opened = bench.custodian.open(TENANT, ENVIRONMENT).values()
    told = json.loads(opened[ENTRY])[bench.name]["stage"] if ENTRY in opened else ""
    if told == "shared":
        assert target.is_effective(values[f"{bench.name}.pending"]), what


def _check_without_overlap(bench: Any, what: str) -> None:
    """Some value in the file works: or it is in the hands of the person who has made it and has yet to paste it."""
    underway = bench.engine().underway(bench.name)
    pasted = underway and underway[0].has(State.SET.value)
    assert any(map(bench.plan.target.is_effective, bench.values().values())) or (bench.person and not pasted), what


def _check_end(bench: Any, scenario: str, before: Any, what: str) -> None:
    """Go on to the end: one value in the file, the same one at the target, nothing else."""
    underway = bench.engine().underway(bench.name)
    result = SCENARIOS[scenario].run(bench)
    assert result.state is SCENARIOS[scenario].end, what
    assert not underway or underway[0].id == result.rotation, what
    assert list(bench.values()) == [bench.name], what
    assert bench.valid() == 1, what
    assert bench.plan.target.is_effective(bench.current()), what
    assert (bench.current().reveal() == before.reveal()) == (result.state is State.ROLLED_BACK), what
    assert ENTRY not in bench.custodian.open(TENANT, ENVIRONMENT).values(), what
    assert Journal(bench.root).unfinished(KIND) == [], what
