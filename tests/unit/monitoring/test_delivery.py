"""Delivery: every sink, tried again, bounded, and written down; nobody waits for it."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from sealproof.errors import AuditUnavailable, ConfigurationError, TargetUnavailable
from sealproof.monitoring import delivery
from sealproof.monitoring.alert import Alert, Kind
from sealproof.monitoring.delivery import UNDER_WAY_MAX, WAITS, Delivery
from sealproof.monitoring.sinks import DEADLINE_S
from sealproof.rotation.notify import CallableNotifier, WebhookNotifier

ALERT = Alert(
    Kind.TOUCHED, 1_790_000_000.0, "acme", "development", "BACKUP_TOKEN", "somebody did something", "mallory",
    "claimed", "read", False, "host", 42, "python", "root", "", "request-1",
)  # fmt: skip
AT_ONCE = (0.0,) * len(WAITS)


class Log:
    """Records what is written down, as the audit log would."""

    def __init__(self):
        self.records = []

    def __call__(self, record):
        self.records.append(record)

    @property
    def told(self):
        return [(one.operation, one.outcome.value, one.numbers.get("attempts", 0)) for one in self.records]


class Stubborn:
    """A sink that fails as often as it is told to."""

    def __init__(self, failures):
        self.failures = failures
        self.calls = 0

    def notify(self, _notice):
        self.calls += 1
        if self.calls <= self.failures:
            message = "the sink gave no answer"
            raise TargetUnavailable(message)


@pytest.fixture
def log():
    return Log()


def test_all_tries_together_end_within_a_minute():
    assert sum(WAITS) + len(WAITS) * DEADLINE_S < 60


def test_an_alert_is_written_down_before_and_after(log):
    assert Delivery(lambda: [Stubborn(0)], log, waits=AT_ONCE).bring(ALERT)
    assert log.told == [("alert.intent", "allow", 0), ("alert", "allow", 1)]
    assert [(one.subject, one.environment, one.name, one.request) for one in log.records] == [
        ("mallory", "development", "BACKUP_TOKEN", "request-1")
    ] * 2


def test_a_sink_that_fails_is_tried_again_alone(log):
    good, slow = Stubborn(0), Stubborn(3)
    assert Delivery(lambda: [good, slow], log, waits=AT_ONCE).bring(ALERT)
    assert (good.calls, slow.calls) == (1, 4)
    assert log.told[-1] == ("alert", "allow", 4)


def test_a_dead_sink_is_given_up_after_the_last_try(log):
    dead = Stubborn(99)
    bringing = Delivery(lambda: [dead], log, waits=AT_ONCE)
    assert not bringing.bring(ALERT)
    assert dead.calls == len(WAITS)
    assert log.told[-1] == ("alert", "error", len(WAITS))
    assert bringing.problems[-1] == "canary-touched was not delivered: the sink gave no answer"


def test_without_any_sink_nobody_was_told_and_the_log_says_so(log):
    assert not Delivery(list, log, waits=AT_ONCE).bring(ALERT)
    assert log.told[-1] == ("alert", "error", 1)


def test_a_sink_that_is_wrongly_set_up_is_no_end_of_the_alarm(log):
    def wrong():
        message = "no URL"
        raise ConfigurationError(message)

    bringing = Delivery(wrong, log, waits=AT_ONCE)
    assert not bringing.bring(ALERT)
    assert list(bringing.problems) == ["no URL"]


def test_a_log_that_cannot_be_written_does_not_keep_the_alarm_from_the_sinks():
    def full(_record):
        message = "the disk is full"
        raise AuditUnavailable(message)

    sink = Stubborn(0)
    bringing = Delivery(lambda: [sink], full, waits=AT_ONCE)
    assert bringing.bring(ALERT)
    assert sink.calls == 1
    assert "was not recorded: the disk is full" in bringing.problems[0]


def test_closing_cuts_the_wait_short_with_one_last_try(log):
    sink, failed = Stubborn(1), threading.Event()

    class Told(Stubborn):
        def notify(self, notice):
            try:
                sink.notify(notice)
            finally:
                failed.set()

    bringing = Delivery(lambda: [Told(0)], log, waits=(0.0, 3600.0, 3600.0))
    bringing.begin(ALERT)
    assert failed.wait(20)
    bringing.close()
    assert sink.calls == 2
    assert log.told[-1] == ("alert", "allow", 2)


def test_closing_leaves_a_dead_sink_after_one_last_try(log):
    dead, failed = Stubborn(99), threading.Event()
    bringing = Delivery(lambda: [dead, CallableNotifier(lambda _: failed.set())], log, waits=(0.0, 3600.0, 3600.0))
    bringing.begin(ALERT)
    assert failed.wait(20)
    bringing.close()
    assert dead.calls == 2
    assert log.told[-1] == ("alert", "error", 2)


def test_after_closing_more_is_taken(log):
    bringing = Delivery(lambda: [Stubborn(0)], log, waits=AT_ONCE)
    bringing.close()
    bringing.begin(ALERT)
    bringing.close()
    assert log.told[-1] == ("alert", "allow", 1)


def test_a_flood_is_bounded_and_the_bound_is_told(log):
    gate = threading.Event()
    bringing = Delivery(lambda: [CallableNotifier(lambda _: gate.wait(20))], log, waits=AT_ONCE)
    for _ in range(UNDER_WAY_MAX + 5):
        bringing.begin(ALERT)
    assert sum("no more is begun" in problem for problem in bringing.problems) == 5
    gate.set()
    bringing.close()
    assert log.told.count(("alert", "allow", 1)) == UNDER_WAY_MAX


def test_an_interpreter_that_is_ending_brings_it_at_once(log, monkeypatch):
    class Late(threading.Thread):
        def start(self):
            message = "can't start new thread at interpreter shutdown"
            raise RuntimeError(message)

    monkeypatch.setattr(delivery, "Thread", Late)
    Delivery(lambda: [Stubborn(0)], log, waits=AT_ONCE).begin(ALERT)
    assert log.told[-1] == ("alert", "allow", 1)


FORKED = """
import os, sys, time
from tests.unit.monitoring.test_delivery import ALERT, AT_ONCE
from sealproof.monitoring.delivery import Delivery
from sealproof.monitoring.sinks import FileNotifier
from sealproof.rotation.notify import CallableNotifier

sinks = [CallableNotifier(lambda _: time.sleep(0.5)), FileNotifier(sys.argv[1])]
bringing = Delivery(lambda: sinks, lambda _: None, waits=AT_ONCE)
bringing.begin(ALERT)
bringing.close()
bringing.begin(ALERT)  # is under way, perhaps, when the process forks
child = os.fork()
if child:
    os.waitpid(child, 0)
else:
    bringing.begin(ALERT._replace(process=os.getpid()))
"""


def test_a_forked_child_brings_its_own_and_not_its_parents(tmp_path):
    path = tmp_path / "alerts"
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(path.read_text().splitlines()) == 3


@pytest.mark.parametrize("status", [200, 204, 201])
def test_any_answer_of_success_will_do(receiver, status):
    receiver.answers = [status]
    WebhookNotifier(receiver.url).notify(ALERT)
    assert receiver.got[0]["name"] == "BACKUP_TOKEN"


@pytest.mark.parametrize("status", [500, 503, 429, 404])
def test_a_webhook_that_refuses_once_is_tried_again(receiver, log, status):
    receiver.answers = [status]
    assert Delivery(lambda: [WebhookNotifier(receiver.url)], log, waits=AT_ONCE).bring(ALERT)
    assert (receiver.calls, len(receiver.got)) == (2, 1)
