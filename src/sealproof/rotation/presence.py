"""Whether a process is still there: asked of the kernel where it ran here, else told by the word that it promised.

A consumer that was killed leaves its word behind, and a rotation would wait for it in vain. It counts as departed

- where it ran under this very kernel and in this process namespace, and no process of that number and start time is
  there any more: that one will never say anything again;
- elsewhere, where it declared an interval in which it speaks anew, and has been silent for `MISSED` of them and a
  clock's error. A consumer that is only slow to write is then no longer waited for, as after `patience_s`.

Everything else is taken to be alive: what cannot be known here, and a consumer that promised nothing.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from sealproof.envelope.freshness import CLOCK_SKEW

MISSED = 10
"""Intervals in a row that a consumer may miss."""
_BOOT = "/proc/sys/kernel/random/boot_id"
_NAMESPACE = "/proc/self/ns/pid"
_STARTED = 19  # field 22 of proc(5)'s stat, counted from behind the program's name


class Process(NamedTuple):
    """One process, told from every other that had or will have its number."""

    boot: str
    """The boot of the kernel that it runs under."""
    namespace: str
    """The process namespace in which its number means something."""
    pid: int
    started: int
    """In clock ticks since that boot."""


NOBODY = Process("", "", 0, 0)
"""What stands for a process where the system does not tell one from the next."""


def this_process() -> Process:
    """Return this process; `NOBODY` where the system offers no such thing as `/proc`."""
    try:
        with open(_BOOT, encoding="ascii") as file:
            boot = file.read().strip()
        return Process(boot, os.readlink(_NAMESPACE), os.getpid(), _started(os.getpid()))
    except (OSError, ValueError):
        return NOBODY


def is_gone(process: Process, *, here: Process) -> bool:
    """Tell whether `process` ran where `here` runs, and is over. What cannot be known is not gone."""
    if process.pid < 1 or not here.boot or (process.boot, process.namespace) != (here.boot, here.namespace):
        return False
    try:
        os.kill(process.pid, 0)  # asks, and sends nothing
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False  # it is there, and another user's
    try:
        return _started(process.pid) != process.started
    except (OSError, ValueError):
        return False  # it may be hidden from us (proc(5), hidepid)


def is_silent(beat: float, every_s: float, *, now: float) -> bool:
    """Tell whether who last spoke at `beat` and promised to do so every `every_s` seconds has broken the promise.

    A reader whose clock is behind by more than `CLOCK_SKEW` cannot open what was just saved, so no consumer that works
    is further behind than that.
    """
    return every_s > 0 and now - beat > MISSED * every_s + CLOCK_SKEW


def _started(pid: int) -> int:
    """Return when a process began, in clock ticks since boot. Raises OSError, ValueError."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    if len(fields) <= _STARTED:
        message = f"/proc/{pid}/stat has too few fields"
        raise ValueError(message)
    return int(fields[_STARTED])
