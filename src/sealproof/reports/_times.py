"""Times as a report writes them: UTC, to the millisecond, in one spelling."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999: four digits hold no later year."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPELLING = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


def stamp(milliseconds: int) -> str:
    """Return Unix milliseconds as `2026-11-23T22:10:05.123Z`.

    Raises ValueError for a time before 1970 or after 9999.
    """
    if not 0 <= milliseconds <= LATEST:
        message = f"{milliseconds} ms is outside the years 1970 to 9999"
        raise ValueError(message)
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def unstamp(text: str) -> int:
    """Return the Unix milliseconds that `stamp` wrote as `text`.

    Raises ValueError for any other spelling, and for a day or an hour that does not exist.
    """
    if not _SPELLING.fullmatch(text):
        message = "not a UTC time with milliseconds"
        raise ValueError(message)
    milliseconds = (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
    if milliseconds < 0:
        message = "before 1970"
        raise ValueError(message)
    return milliseconds


def readable(milliseconds: int) -> str:
    """Return Unix milliseconds as people read them, to the second: `2026-11-23 22:10:05 UTC`."""
    text = stamp(milliseconds)
    return f"{text[:10]} {text[11:19]} UTC"
