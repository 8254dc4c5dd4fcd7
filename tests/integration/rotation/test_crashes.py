"""kill -9 at every point of a rotation: before each journal line, behind it, and behind its side effect.

After each kill some credential that consumers are told to use works, and the next call reaches the end with exactly one
credential at the target. `make crash` tries every schedule of two kills; here a printed seed draws some of them.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
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
EVERY_PAIR = os.environ.get("SEALPROOF_CRASH") == "every"
SAMPLED = 4  # pairs of kills for each target and scenario in an ordinary run

RUNS = [("forward", kind) for kind in ("postgres", "redis", "key-set", "callable")]
RUNS += [("back", kind) for kind in ("postgres", "redis", "key-set", "callable")]
RUNS += [("gradual", "callable")]


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


@pytest.mark.parametrize(("scenario", "kind"), RUNS)
def test_a_kill_at_any_point_is_survived(at, crasher, scenario, kind):
    bench = at(kind)
    points = _points(crasher, bench, scenario)
    assert len(points) > 20
    for number, point in enumerate(points):
        passed = crasher.run(bench, scenario, number)
        assert passed[-1] == point
        what = f"{kind}, {scenario}, killed at {point}"
        _check_in_between(bench, what)
        _check_end(bench, scenario, what)


@pytest.mark.parametrize(("scenario", "kind"), RUNS)
def test_two_kills_are_survived(at, crasher, scenario, kind):
    bench = at(kind)
    drawing = random.Random(f"{SEED}/{scenario}/{kind}")
    print(f"SEALPROOF_CRASH_SEED={SEED}")  # noqa: T201 - what repeats a failure
    points = len(_points(crasher, bench, scenario))
    firsts = range(points) if EVERY_PAIR else sorted(drawing.sample(range(points), SAMPLED))
    for first in firsts:
        second = 0 if EVERY_PAIR else drawing.randrange(points - first + 2)
        while True:
            killed = crasher.run(bench, scenario, first)
            what = f"{kind}, {scenario}, killed at {killed[-1]} (number {first}) and number {second} after that"
            _check_in_between(bench, what)
            again = crasher.run(bench, scenario, second)
            _check_in_between(bench, what)
            _check_end(bench, scenario, what)
            if not EVERY_PAIR or len(again) <= second:
                break
            second += 1


def _points(crasher: Crasher, bench: Any, scenario: str) -> list[str]:
    """The points of a rotation in a store that has had one: the first also makes the journal's key."""
    crasher.run(bench, scenario, None)
    return crasher.run(bench, scenario, None)


def _check_in_between(bench: Any, what: str) -> None:
    """What consumers are told to use works, whoever they are."""
    target = bench.plan.target
    values = bench.values()
    assert target.is_effective(values[bench.name]), what
    opened = bench.custodian.open(TENANT, ENVIRONMENT).values()
    told = json.loads(opened[ENTRY])[bench.name]["stage"] if ENTRY in opened else ""
    if told == "shared":
        assert target.is_effective(values[f"{bench.name}.pending"]), what


def _check_end(bench: Any, scenario: str, what: str) -> None:
    """Go on to the end: one value in the file, the same one at the target, nothing else."""
    before = bench.current().reveal()
    underway = bench.engine().underway(bench.name)
    result = SCENARIOS[scenario].run(bench)
    assert result.state is SCENARIOS[scenario].end, what
    assert not underway or underway[0].id == result.rotation, what
    assert list(bench.values()) == [bench.name], what
    assert bench.valid() == 1, what
    assert bench.plan.target.is_effective(bench.current()), what
    if result.state is State.ROLLED_BACK:
        assert bench.current().reveal() == before, what
    assert ENTRY not in bench.custodian.open(TENANT, ENVIRONMENT).values(), what
    assert Journal(bench.root).unfinished(KIND) == [], what
