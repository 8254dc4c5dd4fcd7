"""Days in UTC."""

from __future__ import annotations

import pytest

from sealproof.checks.days import day_of, has_expired

NOON = 1_800_014_400  # 2027-01-15 12:00 UTC


@pytest.mark.parametrize(
    ("expires", "expired"),
    [("2027-01-14", True), ("2027-01-15", False), ("2027-01-16", False), ("never", False), ("", False)],
)
def test_a_day_is_good_to_its_end(expires, expired):
    assert has_expired(expires, NOON) is expired


def test_a_day_ends_at_midnight_in_utc():
    assert not has_expired("2027-01-15", NOON + 43_199)
    assert has_expired("2027-01-15", NOON + 43_200)


def test_a_time_is_written_as_its_day():
    assert day_of(NOON) == "2027-01-15"
    assert day_of(0) == "1970-01-01"


def test_a_time_that_no_calendar_has_is_still_written():
    assert day_of(253_402_300_799) == "9999-12-31"
    assert day_of(2**53 - 1) == "unix second 9007199254740991"
