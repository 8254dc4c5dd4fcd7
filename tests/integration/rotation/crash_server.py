"""Forks a process for each rotation that is to be killed: a real one, without starting an interpreter each time.

Reads one JSON line a job from standard input: the bench, the scenario, and the number of the point at which the process
kills itself (none: it only counts). Answers each with one line: how the process ended, and which points it passed.
"""

from __future__ import annotations

import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from rotation import bench as benches
from rotation import scenarios


def work(job: dict[str, object], passed: int) -> None:
    """Rotate, and tell the pipe of every named point before dying at one of them."""
    crash_at, count = job["crash_at"], 0

    def reached(point: str) -> None:
        nonlocal count
        os.write(passed, f"{point}\n".encode())
        if count == crash_at:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    scenario = scenarios.SCENARIOS[str(job["scenario"])]
    scenario.run(benches.from_spec(job["bench"]), reached=reached)


def serve() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        benches.from_spec(job["bench"]).values()  # the keys are stretched here, once, and not in every child
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            work(job, writing)
            os._exit(0)
        os.close(writing)
        with open(reading, encoding="ascii") as pipe:
            points = pipe.read().split()
        _, status = os.waitpid(child, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(status), "points": points}), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    serve()
