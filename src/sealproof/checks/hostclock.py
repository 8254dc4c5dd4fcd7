"""What the kernel says of its clock: whether something keeps it in step, and how far it may be off.

Linux only: `adjtimex(2)`, which asks and changes nothing. Elsewhere nothing is known, and nothing is claimed.
"""

from __future__ import annotations

import ctypes
import sys
from typing import NamedTuple

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_STA_UNSYNC = 0x40
_STA_NANO = 0x2000


class HostClock(NamedTuple):
    """The state of the host's clock."""

    synchronised: bool
    error_ms: int
    """The kernel's own estimate of how far it is off, in milliseconds."""


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),  # more than the rest of the structure takes, on any machine
    )


def host_clock() -> HostClock | None:
    """Return the state of the host's clock, or None where the system does not say."""
    if not sys.platform.startswith("linux"):
        return None
    answer = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(answer))
    except (OSError, AttributeError):  # a C library without it
        return None
    if state < 0:
        return None
    offset_us = abs(answer.offset) // (1000 if answer.status & _STA_NANO else 1)
    synchronised = state != _TIME_ERROR and not answer.status & _STA_UNSYNC
    return HostClock(synchronised, max(answer.esterror, offset_us) // 1000)
