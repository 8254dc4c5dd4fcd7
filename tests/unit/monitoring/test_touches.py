"""Which touches stand in a log, and which of them were told: from records alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealproof.errors import AuditLogBroken
from sealproof.monitoring.delivery import ALERT
from sealproof.monitoring.touches import touches
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.canaries import Canary

TENANT, NAME, START = "borealis", "BACKUP_TOKEN", 1_790_000_000
CANARY = Canary("development", NAME, START)
MALLORY, ALICE = "mallory", "alice"


class Written:
    """Writes records at chosen times into a log of the store, and asks what they say."""

    def __init__(self, root):
        self.root = root
        self.now = float(START)
        self._log = AuditLog(root, TENANT, clock=lambda: self.now)

    def at(
        self, seconds, operation, *, outcome=Outcome.ALLOW, who=MALLORY, name=NAME, request="r1", place="development"
    ):
        self.now = START + seconds
        self._log.append([AuditRecord(who, Established.CLAIMED, operation, outcome, place, name, request=request)])

    def found(self, *canaries):
        self._log.close()
        found = touches(self.root, TENANT, canaries or (CANARY,), within_s=60)
        return [(one.at // 1000 - START, one.actor, one.is_told) for one in found]


@pytest.fixture
def log(root):
    return Written(root)


def test_a_read_without_an_alert_told_nobody(log):
    log.at(5, "read")
    assert log.found() == [(5, MALLORY, False)]


def test_a_read_and_its_alert_are_one_touch_that_was_told(log):
    log.at(5, f"{ALERT}.intent")
    log.at(5, "read")
    log.at(7, ALERT)
    assert log.found() == [(5, MALLORY, True)]


@pytest.mark.parametrize("outcome", [Outcome.DENY, Outcome.ERROR])
def test_a_read_that_was_refused_or_failed_is_a_touch_all_the_same(log, outcome):
    log.at(5, "read", outcome=outcome)
    assert log.found() == [(5, MALLORY, False)]


def test_an_intent_alone_is_a_touch_that_told_nobody(log):
    log.at(5, f"{ALERT}.intent")
    assert log.found() == [(5, MALLORY, False)]


def test_an_alert_that_failed_told_nobody(log):
    log.at(5, "read")
    log.at(6, ALERT, outcome=Outcome.ERROR)
    assert log.found() == [(5, MALLORY, False)]


def test_an_alert_that_came_after_the_limit_is_too_late(log):
    log.at(5, "read")
    log.at(66, ALERT)
    assert log.found() == [(5, MALLORY, False)]


def test_further_reads_within_the_minute_of_an_alarm_are_told_with_it(log):
    log.at(5, "read")
    log.at(6, ALERT)
    log.at(50, "read", request="r2")
    log.at(70, "read", request="r3")
    assert log.found() == [(5, MALLORY, True), (50, MALLORY, True), (70, MALLORY, False)]


def test_an_alarm_about_one_does_not_cover_another(log):
    log.at(5, "read")
    log.at(6, ALERT)
    log.at(7, "read", who=ALICE, request="r2")
    assert log.found() == [(5, MALLORY, True), (7, ALICE, False)]


@pytest.mark.parametrize(
    "other",
    [{"name": "DB_PASSWORD"}, {"place": "production"}, {"name": ""}],
    ids=["another secret", "another environment", "none"],
)
def test_what_is_about_something_else_is_no_touch(log, other):
    log.at(5, "read", **other)
    assert log.found() == []


@pytest.mark.parametrize("operation", ["list", "write", "rotate", "delete", "write.intent", "canary.add"])
def test_what_hands_out_no_value_is_no_touch(log, operation):
    log.at(5, operation)
    assert log.found() == []


def test_what_came_before_the_canary_is_no_touch(log):
    log.at(-5, "read")
    log.at(0, "read", request="r2")
    assert log.found() == [(0, MALLORY, False)]


def test_two_canaries_are_told_apart(log):
    other = Canary("production", NAME, START)
    log.at(5, "read")
    log.at(6, ALERT)
    log.at(7, "read", place="production", request="r2")
    assert log.found(CANARY, other) == [(5, MALLORY, True), (7, MALLORY, False)]


def test_a_tenant_without_a_log_has_no_touches(root):
    assert touches(root, "nobody", (CANARY,), within_s=60) == []


def test_a_log_that_does_not_read_is_an_error_and_not_silence(log, root):
    log.at(5, "read")
    log.found()
    (segment,) = Path(root, "audit", TENANT).glob("0*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b'"op":"read"', b'"op":read'))
    with pytest.raises(AuditLogBroken):
        touches(root, TENANT, (CANARY,), within_s=60)
