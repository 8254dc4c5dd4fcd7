"""The observer alone: what it remembers, and for how long."""

from __future__ import annotations

import pytest

from sealproof.monitoring import canaries as observing
from sealproof.monitoring.alert import Whereabouts
from sealproof.monitoring.canaries import QUIET_S, CanaryAlarm
from sealproof.vault.access.interface import Subject
from sealproof.vault.audit.interface import Established
from sealproof.vault.observer import Decided

from .conftest import CANARY, ENVIRONMENT, TENANT

HERE = Whereabouts("host", 42, "python", "root", "")
EVENT = Decided(
    1_790_000_000.0, "r1", "mallory", Established.CLAIMED, TENANT, ENVIRONMENT, CANARY, "read",
    allowed=True, reason="a rule", rule="p-1", locked=False,
)  # fmt: skip


@pytest.fixture
def heard(root):
    """The alerts, and the observer that raises them."""
    alerts = []
    alarm = CanaryAlarm(root, TENANT, alerts.append, caller=Subject.this_user, whereabouts=lambda: HERE)
    return alerts, alarm


def test_the_alarm_says_where_it_was(heard):
    alerts, alarm = heard
    alarm.decided(EVENT)
    assert alerts[0][-6:-1] == HERE
    assert alerts[0].request == "r1"


@pytest.mark.parametrize(("later", "count"), [(QUIET_S - 1, 1), (QUIET_S, 2), (-1, 2)])
def test_the_same_again_is_quiet_for_a_minute_and_a_clock_that_went_back_ends_it(heard, later, count):
    alerts, alarm = heard
    alarm.decided(EVENT)
    alarm.decided(EVENT._replace(at=EVENT.at + later))
    assert len(alerts) == count


@pytest.mark.parametrize("other", [{"subject": "trent"}, {"operation": "break-glass"}])
def test_somebody_else_or_another_way_is_news(heard, other):
    alerts, alarm = heard
    alarm.decided(EVENT)
    alarm.decided(EVENT._replace(**other))
    assert len(alerts) == 2


def test_names_that_are_made_up_without_end_fill_no_memory(heard):
    alerts, alarm = heard
    for number in range(3 * observing._REMEMBERED_MAX):
        alarm.decided(EVENT._replace(subject=f"nobody-{number}"))
    assert len(alerts) == 3 * observing._REMEMBERED_MAX
    assert len(alarm._last) <= observing._REMEMBERED_MAX
