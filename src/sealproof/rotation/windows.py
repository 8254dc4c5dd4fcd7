"""Maintenance windows: when a rotation may begin. Pure, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 1440  # minutes
_WEEK = 7 * _DAY


class Window(NamedTuple):
    """Some days of the week, from a minute of the day to another; it may pass midnight."""

    days: frozenset[int]
    """0 is Monday, as in `datetime.weekday`. The day is the one on which the window opens."""
    start: int
    end: int

    def is_open(self, now: float) -> bool:
        """Tell whether the window is open at `now` (unix seconds)."""
        moment = datetime.fromtimestamp(now, UTC)
        minute = moment.weekday() * _DAY + moment.hour * 60 + moment.minute
        length = (self.end - self.start) % _DAY or _DAY
        return any((minute - day * _DAY - self.start) % _WEEK < length for day in self.days)


def parse(text: str) -> Window:
    """Return the window that `text` names: `sat,sun 01:00-05:00` or `daily 23:30-00:30`, in UTC.

    Raises ConfigurationError.
    """
    try:
        named, _, hours = text.strip().lower().partition(" ")
        first, _, last = hours.strip().partition("-")
        days = range(7) if named == "daily" else [_DAYS.index(day) for day in named.split(",")]
        return Window(frozenset(days), _minute(first), _minute(last))
    except ValueError:
        message = f"{text!r:.60} is no maintenance window"
        raise ConfigurationError(message, hint='"sat,sun 01:00-05:00" or "daily 23:30-00:30", in UTC') from None


def any_open(windows: Iterable[Window], now: float) -> bool:
    """Tell whether a rotation may begin at `now`: in one of the windows, or at any time where there are none."""
    listed = list(windows)
    return not listed or any(window.is_open(now) for window in listed)


def _minute(text: str) -> int:
    hours, _, minutes = text.partition(":")
    if len(hours) != 2 or len(minutes) != 2 or not 0 <= int(hours) < 24 or not 0 <= int(minutes) < 60:  # noqa: PLR2004
        raise ValueError
    return int(hours) * 60 + int(minutes)
