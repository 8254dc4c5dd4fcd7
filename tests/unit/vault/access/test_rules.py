"""Rules: their hours, what they ask for, what they match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.vault.access import Subject, Window
from sealproof.vault.access.rules import matches
from sealproof.vault.audit.interface import Established

MONDAY = 1_795_392_000  # 2026-11-23 00:00 UTC
HOUR = 3600
DAY = 24 * HOUR
WORK = Window((1, 2, 3, 4, 5), 8 * 60, 18 * 60)
NIGHT = Window((5,), 22 * 60, 6 * 60)  # Friday night
CLAIMED, USER, TOKEN = (Subject("alice", kind) for kind in (Established.CLAIMED, Established.UID, Established.OIDC))


@pytest.mark.parametrize(
    ("window", "day", "hour", "holds"),
    [
        (WORK, 0, 8, True),
        (WORK, 0, 7.99, False),
        (WORK, 4, 17.99, True),
        (WORK, 4, 18, False),
        (WORK, 5, 12, False),
        (NIGHT, 4, 21.99, False),
        (NIGHT, 4, 22, True),
        (NIGHT, 5, 5.99, True),
        (NIGHT, 5, 6, False),
        (NIGHT, 5, 23, False),
        (NIGHT, 4, 3, False),
    ],
)
def test_a_window_holds_in_its_hours(window, day, hour, holds):
    assert window.holds(MONDAY + day * DAY + int(hour * HOUR)) is holds


def test_a_window_over_midnight_into_monday_begins_on_sunday():
    window = Window((7,), 23 * 60, 60)
    assert window.holds(MONDAY + 1800)
    assert not window.holds(MONDAY + 7200)


@pytest.mark.parametrize(
    ("parts", "subject", "approved", "counts"),
    [
        ({}, CLAIMED, False, True),
        ({"established": "uid"}, CLAIMED, False, False),
        ({"established": "uid"}, USER, False, True),
        ({"established": "uid"}, TOKEN, False, True),
        ({"established": "oidc"}, USER, False, False),
        ({"approval": True}, USER, False, False),
        ({"approval": True}, USER, True, True),
        ({"begins": MONDAY + 1}, USER, False, False),
        ({"begins": MONDAY}, USER, False, True),
        ({"ends": MONDAY}, USER, False, False),
        ({"ends": MONDAY + 1}, USER, False, True),
        ({"window": WORK}, USER, False, False),
        ({"allows": False}, USER, False, True),
        ({"allows": False, "established": "oidc"}, USER, False, True),
        ({"allows": False, "established": "oidc"}, TOKEN, False, False),
        ({"allows": False, "approval": True}, USER, False, True),
        ({"allows": False, "approval": True}, USER, True, False),
        ({"allows": False, "approval": True, "established": "oidc"}, USER, True, True),
        ({"allows": False, "ends": MONDAY}, USER, False, False),
    ],
)
def test_a_rule_counts_where_its_conditions_say(make_rule, parts, subject, approved, counts):
    rule = make_rule(**parts)
    assert rule.counts(subject, MONDAY, approved=approved) is counts
    assert bool(rule.unmet(subject, MONDAY, approved=approved)) is not counts


@given(st.text("AB_", max_size=4), st.booleans(), st.text("AB_", max_size=4), st.text("AB_", max_size=9))
def test_a_pattern_matches_as_a_shell_would(begin, star, end, name):
    from fnmatch import fnmatchcase  # noqa: PLC0415 - the oracle

    pattern = f"{begin}{'*' if star else ''}{end}"
    assert matches(pattern, name) is fnmatchcase(name, pattern)
