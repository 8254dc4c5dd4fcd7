"""Days in UTC: when a manifest's last day is over, and how a time is written in a finding."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sealproof.vault.manifest import NEVER

_YEAR_10000 = 253_402_300_800  # unix seconds; a file may claim any integer, a date may not be later


def has_expired(expires: str, now: int) -> bool:
    """Tell whether the day `expires` of a manifest is over at `now` (unix seconds). No day, or never: it is not."""
    if expires in ("", NEVER):
        return False
    return datetime.fromtimestamp(now, UTC).date() > date.fromisoformat(expires)


def day_of(seconds: int) -> str:
    """Return the day of a time in unix seconds, as 2027-01-31."""
    if seconds >= _YEAR_10000:
        return f"unix second {seconds}"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
