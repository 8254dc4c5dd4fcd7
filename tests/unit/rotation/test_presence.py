"""A process that is over is told from one that is not; what cannot be known counts as there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sealproof.envelope.freshness import CLOCK_SKEW
from sealproof.rotation.presence import MISSED, NOBODY, is_gone, is_silent, this_process

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/ns/pid"), reason="needs Linux' /proc")
HERE = this_process()


def test_this_process_is_there():
    assert not is_gone(this_process(), here=HERE)
    assert this_process() == HERE
    assert HERE.pid == os.getpid()


def test_a_child_is_there_until_it_is_over_and_collected():
    ask = "from sealproof.rotation.presence import this_process; print(*this_process()); input()"
    with subprocess.Popen(
        [sys.executable, "-c", ask], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        boot, namespace, pid, started = child.stdout.readline().split()
        told = HERE._replace(boot=boot, namespace=namespace, pid=int(pid), started=int(started))
        assert (told.boot, told.namespace, told.pid) == (HERE.boot, HERE.namespace, child.pid)
        assert not is_gone(told, here=HERE)
        child.kill()
        child.wait()
        assert is_gone(told, here=HERE)


def test_another_process_under_the_same_number_is_not_that_one():
    assert is_gone(HERE._replace(started=HERE.started - 1), here=HERE)


@pytest.mark.parametrize("elsewhere", [{"boot": "another"}, {"namespace": "pid:[1]"}, {"pid": 0}, {"pid": -1}])
def test_a_process_of_another_kernel_or_namespace_is_not_judged_here(elsewhere):
    assert not is_gone(HERE._replace(pid=2**22 + 1, started=1)._replace(**elsewhere), here=HERE)


def test_a_number_that_no_process_can_have_is_over_or_unknown_and_never_an_error():
    assert not is_gone(HERE._replace(pid=2**70), here=HERE)
    assert is_gone(HERE._replace(pid=2**22 + 1), here=HERE)


def test_another_user_s_process_is_there():
    assert not is_gone(HERE._replace(pid=1, started=_started(1)), here=HERE)


def test_nobody_is_never_gone():
    assert not is_gone(NOBODY, here=HERE)
    assert not is_gone(HERE._replace(started=1), here=NOBODY)


@pytest.mark.parametrize(
    ("silence", "every_s", "expected"),
    [
        (0, 30, False),
        (MISSED * 30, 30, False),
        (MISSED * 30 + CLOCK_SKEW, 30, False),
        (MISSED * 30 + CLOCK_SKEW + 1, 30, True),
        (10**9, 0, False),  # no promise
        (-CLOCK_SKEW, 30, False),  # a clock that is ahead
    ],
)
def test_a_promise_is_broken_after_ten_intervals_and_a_clock_s_error(silence, every_s, expected):
    assert is_silent(1e9, every_s, now=1e9 + silence) is expected


def _started(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[19])
