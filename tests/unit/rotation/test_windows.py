"""Maintenance windows, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import ConfigurationError
from sealproof.rotation.windows import any_open, parse


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("window", "moment", "is_open"),
    [
        ("sat,sun 01:00-05:00", "2026-11-28T01:00", True),  # a Saturday
        ("sat,sun 01:00-05:00", "2026-11-28T00:59", False),
        ("sat,sun 01:00-05:00", "2026-11-28T05:00", False),
        ("sat,sun 01:00-05:00", "2026-11-27T03:00", False),
        ("sun 23:30-00:30", "2026-11-30T00:29", True),  # opened on Sunday, over the week's end
        ("sun 23:30-00:30", "2026-11-30T00:30", False),
        ("daily 23:30-00:30", "2026-11-25T00:10", True),
        ("daily 00:00-00:00", "2026-11-25T13:37", True),
    ],
)
def test_the_table(window, moment, is_open):
    assert parse(window).is_open(at(moment)) is is_open


def test_without_windows_every_time_is_good():
    assert any_open([], 0)
    assert not any_open([parse("mon 01:00-02:00")], at("2026-11-25T01:30"))


@pytest.mark.parametrize(
    "text", ["", "sat", "sat 1:00-2:00", "sat 01:00", "xyz 01:00-02:00", "sat 24:00-25:00", "sat 01:60-02:00"]
)
def test_what_is_no_window_is_refused(text):
    with pytest.raises(ConfigurationError):
        parse(text)


@given(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1439), st.integers(0, 10_079))
def test_a_window_is_open_for_exactly_its_length_each_week(day, start, length, minute):
    end = (start + length) % 1440
    name = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day]
    window = parse(f"{name} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}")
    monday = at("2026-11-23T00:00")
    opened = sum(window.is_open(monday + 60 * (minute + offset)) for offset in (0,))
    assert opened == ((minute - day * 1440 - start) % 10_080 < length)
