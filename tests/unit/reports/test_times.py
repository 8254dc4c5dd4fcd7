from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.reports._times import LATEST, readable, stamp, unstamp


@given(st.integers(0, LATEST))
def test_a_time_survives_the_round_trip(milliseconds: int) -> None:
    assert unstamp(stamp(milliseconds)) == milliseconds


def test_a_time_is_utc_with_milliseconds() -> None:
    assert stamp(1_795_472_405_123) == "2026-11-23T22:20:05.123Z"
    assert readable(1_795_472_405_123) == "2026-11-23 22:20:05 UTC"


@pytest.mark.parametrize("milliseconds", [-1, LATEST + 1])
def test_a_time_without_a_spelling_is_refused(milliseconds: int) -> None:
    with pytest.raises(ValueError, match="outside the years"):
        stamp(milliseconds)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T22:20:05Z",
        "2026-11-23T22:20:05.123+00:00",
        "2026-11-23 22:20:05.123Z",
        "2026-11-23T22:20:05.123z",
        "2026-11-23T22:20:05.123456Z",
        "2026-02-30T00:00:00.000Z",
        "2026-11-23T24:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "\uff12\uff10\uff12\uff16-11-23T22:20:05.123Z",
        "2026-11-23T22:20:05.123Z\n",
    ],
)
def test_another_spelling_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unstamp(text)
