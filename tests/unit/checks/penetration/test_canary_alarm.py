"""PEN-013, on what is installed, on software that forgets a part of it, and on stores that nobody hears."""

from __future__ import annotations

import asyncio
import time

import pytest

import sealproof
from sealproof.findings import Severity, Status
from sealproof.monitoring.reporting import read_by_hand
from sealproof.vault import canaries
from sealproof.vault.canaries import Canary

NAME = "API_TOKEN"
ONE_SECOND = {"canary_alert_seconds": 1}  # for software that tells nobody: there is nothing to wait for
MINUTE = 60

UNHOOKED = """
from sealproof.monitoring import canaries
canaries.CanaryAlarm.decided = lambda self, event: None
"""
ONLY_REFUSALS = """
from sealproof.monitoring import canaries
whole = canaries.CanaryAlarm.decided
canaries.CanaryAlarm.decided = lambda self, event: None if event.allowed else whole(self, event)
"""
BROKEN_SINK = """
from sealproof.rotation import notify
def broken(self, notice):
    raise notify.SealproofError("the sink is broken")
notify.WebhookNotifier.notify = broken
"""
TALKATIVE = """
from sealproof.monitoring import canaries, delivery
import json, glob
whole = delivery.Delivery.begin
def begin(self, alert):
    from sealproof.vault.custodian import Custodian
    root = glob.glob("./secrets")[0]
    value = Custodian(root).open(alert.tenant, alert.environment).values()[alert.name].decode()
    whole(self, alert._replace(detail=f"the value is {value.encode().hex()}"))
delivery.Delivery.begin = begin
"""
NAMELESS = """
from sealproof.monitoring import delivery
whole = delivery.Delivery.begin
delivery.Delivery.begin = lambda self, alert: whole(self, alert._replace(name="", host=""))
"""
ANONYMOUS = """
from sealproof.monitoring import delivery
whole = delivery.Delivery._told
delivery.Delivery._told = lambda self, sink, alert: whole(self, sink, alert._replace(subject="somebody"))
"""
NERVOUS = """
from sealproof.monitoring import canaries
canaries.Watched.has = lambda self, environment, name: True
"""
FAITHFUL = """
from sealproof.monitoring import delivery
from sealproof.vault.audit.interface import Outcome
whole = delivery.Delivery._note
delivery.Delivery._note = lambda self, alert, suffix, outcome, tries=0: whole(self, alert, suffix, Outcome.ALLOW, tries)
"""
IMPATIENT = """
from sealproof.monitoring import canaries
from sealproof.errors import AccessDenied
whole = canaries.CanaryAlarm.decided
def decided(self, event):
    whole(self, event)
    if event.name == "SIGNING_KEY" and event.operation == "read":
        raise AccessDenied("a dead sink is a reason to refuse")
canaries.CanaryAlarm.decided = decided
"""


def enlist(store, tenant="aurora", name=NAME, since=None):
    canaries.enlist(str(store), tenant, Canary("development", name, int(time.time()) if since is None else since))


def set_up(store, text):
    settings = store / "sealproof.toml"
    settings.write_text(settings.read_text() + text)


@pytest.fixture
def planted(store):
    """A store with a canary and somebody to tell."""
    enlist(store)
    set_up(store, 'alert_log_path = "alerts.jsonl"\n')
    return store


def found(result):
    return {finding.resource: finding for finding in result.findings}


def later(seconds=2 * MINUTE):
    return int(time.time()) + seconds


def test_on_what_is_installed_every_touch_is_told_and_nothing_else(planted, run_check):
    result = run_check(planted, "PEN-013")
    assert {finding.resource: finding.status for finding in result.findings} == {
        "alarm": Status.PASS, "silence": Status.PASS, "dead receiver": Status.PASS,
        "canaries": Status.PASS, "alert sinks": Status.PASS, "audit/aurora": Status.PASS,
    }, result  # fmt: skip
    assert (result.status, result.severity) == (Status.PASS, Severity.MEDIUM)
    assert result.parameters == (("canary_alert_seconds", "60"),)


@pytest.mark.parametrize(
    ("weakness", "resource", "observed"),
    [
        (UNHOOKED, "alarm", "a reader: no alarm"),
        (ONLY_REFUSALS, "alarm", "over broken glass: no alarm"),
        (BROKEN_SINK, "alarm", "a stranger: no alarm"),
        (TALKATIVE, "alarm", "it holds a value"),
        (NAMELESS, "alarm", "it does not say which"),
        (ANONYMOUS, "alarm", "no alarm that says who"),
        (NERVOUS, "silence", "alarms of 4 touches"),
        (FAITHFUL, "dead receiver", "the log does not say that nobody was told"),
        (IMPATIENT, "dead receiver", "the read is not served"),
    ],
    ids=[
        "unhooked", "only refusals", "broken sink", "talkative", "nameless", "anonymous", "nervous", "faithful",
        "impatient",
    ],
)  # fmt: skip
def test_software_that_forgets_a_part_is_found_out(run_weakened, failures, weakness, resource, observed):
    result = run_weakened("PEN-013", weakness, overrides=ONE_SECOND)
    assert result.status is Status.FAIL, result
    assert observed in failures(result)[resource].observed


def test_a_store_without_canaries_gives_no_evidence_and_says_what_to_type(store, run_check):
    result = run_check(store, "PEN-013")
    assert result.status is Status.NOT_EVALUATED
    assert "no secret of this store is a canary" in found(result)["canaries"].reason
    assert "sealproof canary add" in found(result)["canaries"].fix
    assert found(result)["alarm"].status is Status.PASS


def test_without_the_keys_nobody_can_tell_which_secrets_are_canaries(planted, run_check):
    (planted / "keys").rename(planted / "elsewhere")
    assert found(run_check(planted, "PEN-013"))["canaries"].status is Status.NOT_EVALUATED


@pytest.mark.parametrize(
    ("text", "observed"),
    [
        ("", "no sink is set"),
        ('alert_log_path = "a"\nsecurity_alerts_enabled = false\n', "SECURITY_ALERTS_ENABLED is off"),
        ('alert_webhook_url = "http://alerts.internal/hook"\n', "neither https nor on loopback"),
    ],
    ids=["none", "off", "not over TLS"],
)
def test_a_canary_that_nobody_would_hear_fails(store, run_check, failure, text, observed):
    enlist(store)
    set_up(store, text)
    finding = failure(run_check(store, "PEN-013"))
    assert finding.resource == "alert sinks"
    assert observed in finding.observed


def test_a_canary_without_a_secret_fails_and_is_not_named(planted, run_check, failure):
    enlist(planted, name="GONE_TOKEN")
    finding = failure(run_check(planted, "PEN-013"))
    assert (finding.resource, finding.observed) == ("canaries", "1 of 2 are in no sealed file")


def read(store, **options):
    async def work():
        async with sealproof.AdvancedSecretManager("aurora", root=store, **options) as manager:
            return await manager.get_secret(NAME)

    return asyncio.run(work())


def test_touches_that_were_told_pass_and_are_counted(planted, run_check):
    read(planted)
    read_by_hand(str(planted), "aurora", "development", NAME)
    finding = found(run_check(planted, "PEN-013", now=later()))["audit/aurora"]
    assert (finding.status, finding.observed) == (Status.PASS, "2 touches of canaries, all told")


def test_a_touch_that_told_nobody_fails_by_its_record_and_the_canary_is_not_named(planted, run_check, failure):
    set_up(planted, 'alert_webhook_url = "http://127.0.0.1:1/hook"\n')
    read(planted)
    result = run_check(planted, "PEN-013", now=later())
    finding = failure(result)
    assert finding.resource == "audit/aurora"
    assert finding.observed.startswith("1 of 1 touches told nobody: records ")
    assert NAME not in str(result)


def test_a_touch_of_this_minute_may_still_be_told(planted, run_check):
    set_up(planted, 'alert_webhook_url = "http://127.0.0.1:1/hook"\n')
    read(planted)
    assert found(run_check(planted, "PEN-013"))["audit/aurora"].observed == "no canary was touched"


def test_what_was_read_before_it_became_a_canary_is_no_touch(store, run_check):
    read(store)
    set_up(store, 'alert_log_path = "alerts.jsonl"\n')
    enlist(store, since=int(time.time()) + 1)
    assert found(run_check(store, "PEN-013", now=later()))["audit/aurora"].observed == "no canary was touched"


def test_a_spoilt_list_is_no_evidence(planted, run_check):
    (planted / "keys" / "audit" / "aurora" / "canaries").write_text("spoilt\n")
    assert found(run_check(planted, "PEN-013"))["canaries"].status is Status.NOT_EVALUATED
