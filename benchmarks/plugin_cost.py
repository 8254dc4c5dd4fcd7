"""What the unused pytest plugin costs every run: `pytest --co -q` on an empty project, with and without it.

The two are started in pairs, in changing order, so that a change of the machine's speed touches both
alike; difference and ratio are taken pair by pair. Needs sealproof installed with its entry point.
Prints medians; asserts nothing.

    python benchmarks/plugin_cost.py [--rounds 40]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import entry_points
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from typing import NamedTuple

COMMAND = (sys.executable, "-m", "pytest", "--co", "-q")
RUNS = {"with": COMMAND, "without": (*COMMAND, "-p", "no:sealproof")}
TARGET = 5.0  # milliseconds
NOTHING_COLLECTED = 5


def main() -> None:
    """Measure pairs in an empty directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    if not any(entry.name == "sealproof" for entry in entry_points(group="pytest11")):
        sys.exit("sealproof's pytest plugin is not installed here; try: pip install -e .")
    spent: dict[str, list[Cost]] = {name: [] for name in RUNS}
    with tempfile.TemporaryDirectory() as directory:
        for name in RUNS:  # bytecode is written once, as in any installed program
            _cost(name, directory)
        for number in range(rounds):
            for name in sorted(RUNS, reverse=bool(number % 2)):
                spent[name].append(_cost(name, directory))
    print(f"pytest --co -q on an empty project, {rounds} interleaved pairs, median ms of the whole process")
    _print("wall", [cost.wall for cost in spent["with"]], [cost.wall for cost in spent["without"]])
    _print("CPU", [cost.cpu for cost in spent["with"]], [cost.cpu for cost in spent["without"]])


class Cost(NamedTuple):
    """What one process took, in milliseconds."""

    wall: float
    cpu: float
    """User and system together: steadier on a machine that others use."""


def _cost(name: str, directory: str) -> Cost:
    environment = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "PYTHONPATH") if key in os.environ}
    before, started = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(RUNS[name], cwd=directory, env=environment, capture_output=True, check=False)
    wall, after = time.perf_counter() - started, getrusage(RUSAGE_CHILDREN)
    if done.returncode != NOTHING_COLLECTED:
        sys.exit(f"pytest ended with {done.returncode}:\n{done.stdout.decode()}{done.stderr.decode()}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall * 1000, cpu * 1000)


def _print(clock: str, ours: list[float], bare: list[float]) -> None:
    pairs = list(zip(ours, bare, strict=True))
    print(f"  {clock:4}  with the plugin {median(ours):7.1f}   without {median(bare):7.1f}")
    print(
        f"        difference {median(one - other for one, other in pairs):+.2f}  (target at most {TARGET})"
        f"   ratio {median(one / other for one, other in pairs):.3f}"
    )


if __name__ == "__main__":
    main()
