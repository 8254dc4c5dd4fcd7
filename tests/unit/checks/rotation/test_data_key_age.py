"""ROT-002: data keys are within their cryptoperiod."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealproof.envelope.parse import parse
from sealproof.findings import Status
from sealproof.vault.custodian import DAY, Custodian

YEAR = 365 * DAY


@pytest.fixture
def ledger(store):
    return store / "keys" / "tenant_keys" / "aurora.key"


@pytest.fixture
def made_at(ledger) -> int:
    return int(re.findall(r'"created":(\d+),"state"', ledger.read_text())[0])


def test_a_young_key_passes(store, run_check):
    result = run_check(store, "ROT-002", "aurora")
    assert result.status is Status.PASS
    assert result.findings[0].resource == "keys/tenant_keys/aurora.key development epoch 1"
    assert dict(result.parameters) == {"data_key_days": "365", "mac_key_days": "365"}


def test_a_key_past_its_period_fails_though_nothing_was_sealed_since(store, made_at, run_check, failure):
    finding = failure(run_check(store, "ROT-002", "aurora", now=made_at + YEAR + 1))
    assert "still sealed under it" in finding.observed
    assert finding.fix == f"sealproof key rotate aurora --environment development --root {store}"


def test_a_seal_after_the_period_fails(store, made_at, run_check, failure):
    late = made_at + YEAR + DAY
    Custodian(str(store), clock=lambda: late).seal("aurora", "development", {"DB_PASSWORD": b"too late"})
    finding = failure(run_check(store, "ROT-002", "aurora", now=made_at))
    assert finding.observed.startswith("sealed on")


def test_a_save_after_the_period_fails_even_without_a_new_value(store, made_at, run_check, failure):
    late = made_at + YEAR + DAY
    custodian = Custodian(str(store), clock=lambda: late)
    custodian.remove("aurora", "development", "DB_PASSWORD")
    envelope = parse((store / "tenants" / "aurora" / ".env.enc").read_bytes())
    assert max(int(entry.updated) for entry in envelope.entries) < made_at + YEAR
    assert failure(run_check(store, "ROT-002", "aurora", now=made_at)).observed.startswith("sealed on")


def test_the_fix_starts_a_new_period(store, made_at, run_check):
    late = made_at + YEAR + DAY
    Custodian(str(store), clock=lambda: late).rotate_epoch("aurora", "development")
    result = run_check(store, "ROT-002", "aurora", now=late)
    assert result.status is Status.PASS
    assert result.findings[0].resource.endswith("epoch 2")


def test_the_epoch_that_the_file_names_counts_not_the_newest(store, made_at, run_check):
    late = made_at + YEAR + DAY
    Custodian(str(store), clock=lambda: late).keyring.next_epoch("aurora", "development")
    assert run_check(store, "ROT-002", "aurora", now=late).status is Status.FAIL


def test_a_key_from_the_future_fails(store, made_at, run_check, failure):
    assert run_check(store, "ROT-002", "aurora", now=made_at - 300).status is Status.PASS
    assert "ahead of the clock" in failure(run_check(store, "ROT-002", "aurora", now=made_at - 301)).observed


def test_the_stricter_of_both_periods_holds(store, made_at, run_check):
    shorter = {"mac_key_days": 30}
    assert run_check(store, "ROT-002", "aurora", now=made_at + 31 * DAY, overrides=shorter).status is Status.FAIL


def test_a_ledger_changed_by_hand_is_not_believed(store, ledger, made_at, run_check):
    ledger.write_text(ledger.read_text().replace(f'"created":{made_at},"state"', f'"created":{made_at + YEAR},"state"'))
    result = run_check(store, "ROT-002", "aurora", now=made_at + YEAR + 1)
    assert result.status is Status.NOT_EVALUATED
    assert "the file was changed" in result.findings[0].reason


def test_without_a_ledger_there_is_no_evidence(store, ledger, run_check):
    ledger.unlink()
    assert run_check(store, "ROT-002", "aurora").status is Status.NOT_EVALUATED


def test_a_handed_over_key_has_no_ledger(store, tmp_path, run_check, monkeypatch):
    line = Custodian(str(store)).keyring.key_lines("aurora", "development")[0].to_line()
    (store / "keys").rename(tmp_path / "away")
    monkeypatch.setenv("SEALPROOF_KEY", line)
    result = run_check(store, "ROT-002", "aurora")
    assert result.status is Status.NOT_EVALUATED
    assert "has no keys/" in result.findings[0].reason


def test_an_epoch_that_the_ledger_does_not_know_is_no_evidence(store, run_check):
    custodian = Custodian(str(store))
    custodian.keyring.next_epoch("aurora", "development")
    custodian.keyring.drop_epochs("aurora", "development", before=2)
    result = run_check(store, "ROT-002", "aurora")
    assert result.status is Status.NOT_EVALUATED
    assert "does not know epoch 1 of development" in result.findings[0].reason


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(age=st.one_of(st.integers(-600, 2 * YEAR), st.sampled_from((YEAR, YEAR + 1, -300, -301))))
def test_the_period_is_exact_to_the_second(store, made_at, run_check, age):
    status = run_check(store, "ROT-002", "aurora", now=made_at + age).status
    assert status is (Status.PASS if -300 <= age <= YEAR else Status.FAIL)
