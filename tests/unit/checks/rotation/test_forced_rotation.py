"""ROT-011: what got out, and what somebody who left knew, has another value in time."""

from __future__ import annotations

import os
import time

import pytest

from sealproof.findings import Status
from sealproof.signing import SEED_BYTES, SigningKey
from sealproof.vault.custodian import DAY, Custodian
from sealproof.vault.records.interface import EXPOSURE, LEAVER, PERSON, POLICY_KEY, Record
from sealproof.vault.records.shelf import Shelf

NAME = "DB_PASSWORD"


@pytest.fixture
def now() -> int:
    return int(time.time())


@pytest.fixture
def alice(store, now) -> SigningKey:
    """Somebody whom the policy key vouched for, and her key."""
    key = SigningKey(os.urandom(SEED_BYTES))
    person = {"name": "alice", "key": key.public.hex(), "duties": ("reviewer",)}
    vouch(store, Record(PERSON, POLICY_KEY, now - 20 * DAY, person))
    return key


def vouch(store, record: Record) -> None:
    Shelf(str(store)).add(record, Custodian(str(store)).keyring.signing_key("policy"))


def expose(store, alice, when: int, resource: str = f"aurora/development/{NAME}") -> None:
    record = Record(EXPOSURE, "alice", when, {"resource": resource, "note": "pasted into a chat"})
    Shelf(str(store)).add(record, alice)


def renew(store, when: float) -> None:
    Custodian(str(store), clock=lambda: when).seal("aurora", "development", {NAME: os.urandom(24).hex().encode()})


def test_nothing_on_record_concerns_the_file(store, alice, run_check):
    assert run_check(store, "ROT-011", "aurora").status is Status.NOT_APPLICABLE


def test_an_exposed_value_may_stay_until_the_limit_and_not_a_second_longer(store, alice, now, run_check, failure):
    expose(store, alice, now + 1)
    hours = 24 * 3600
    result = run_check(store, "ROT-011", "aurora", now=now + 1 + hours)
    assert result.status is Status.PASS
    assert "is due by" in result.findings[0].observed
    finding = failure(run_check(store, "ROT-011", "aurora", now=now + 2 + hours))
    assert finding.resource == f"aurora/development/{NAME}"
    assert "pasted into a chat; the value is still the same" in finding.observed
    assert finding.fix.startswith(f"sealproof rotate {NAME} --tenant aurora --environment development --force")


def test_another_value_since_is_what_was_asked_for(store, alice, now, run_check):
    expose(store, alice, now + 1)
    renew(store, now + 3600)
    assert run_check(store, "ROT-011", "aurora", now=now + 9 * DAY).status is Status.PASS


def test_a_value_from_before_the_event_does_not_count(store, alice, now, run_check):
    renew(store, now)
    expose(store, alice, now + 10)
    assert run_check(store, "ROT-011", "aurora", now=now + 9 * DAY).status is Status.FAIL


@pytest.mark.parametrize(
    ("resource", "secrets"), [("aurora", 4), ("aurora/development", 4), ("aurora/production", 0), ("borealis", 0)]
)
def test_a_whole_file_may_be_exposed(store, alice, now, run_check, failures, resource, secrets):
    expose(store, alice, now + 1, resource)
    assert len(failures(run_check(store, "ROT-011", "aurora", now=now + 9 * DAY))) == secrets


def test_what_a_leaver_owned_has_to_change(store, alice, now, run_check, failures):
    manifest = store / "tenants" / "aurora" / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('owner = "platform"', 'owner = "alice"', 1))
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    vouch(store, Record(LEAVER, POLICY_KEY, now, {"name": "alice", "day": day}))
    assert run_check(store, "ROT-011", "aurora", now=now).status is Status.NOT_APPLICABLE  # her last day is not over
    found = failures(run_check(store, "ROT-011", "aurora", now=now + 3 * DAY))
    assert list(found) == ["aurora/development/API_TOKEN"]
    assert "alice left on" in found["aurora/development/API_TOKEN"].observed


def test_a_record_that_nobody_signed_is_a_finding_and_no_event(store, alice, now, run_check, failures):
    expose(store, alice, now + 1)
    (path,) = (store / "records" / "exposure").iterdir()
    path.write_bytes(b"{}\n")
    found = failures(run_check(store, "ROT-011", "aurora", now=now + 9 * DAY))
    assert list(found) == [str(path.relative_to(store))]
