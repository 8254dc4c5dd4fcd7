"""ROT-001: secrets are younger than their class allows."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealproof.envelope.parse import parse
from sealproof.findings import Status
from sealproof.vault.custodian import DAY, Custodian


@pytest.fixture
def manifest(store):
    return store / "tenants" / "aurora" / "manifest.toml"


@pytest.fixture
def sealed_at(store) -> int:
    return parse((store / "tenants" / "aurora" / ".env.enc").read_bytes()).saved


def change(manifest, name: str, pattern: str, to: str) -> None:
    """Replace a line in the table of `name`."""
    text = manifest.read_text()
    start = text.index(f"[{name}]")
    manifest.write_text(text[:start] + re.sub(pattern, to, text[start:], count=1))


def test_a_young_store_passes(store, run_check):
    result = run_check(store, "ROT-001", "aurora")
    assert result.status is Status.PASS
    assert result.findings[0].observed == "4 secrets within the limits, the oldest is 0 days old"
    assert len(result.parameters) == 4


def test_every_class_but_configuration_grows_old(store, sealed_at, run_check, failures):
    found = failures(run_check(store, "ROT-001", "aurora", now=sealed_at + 91 * DAY))
    names = ("API_TOKEN", "DATABASE_URL", "DB_PASSWORD", "JWT_SECRET_KEY")
    assert sorted(found) == [f"aurora/development/{name}" for name in names]
    finding = found["aurora/development/DB_PASSWORD"]
    assert "91 days ago" in finding.observed
    assert finding.expected == "at most 90 days"
    assert finding.fix == f"sealproof set aurora DB_PASSWORD --environment development --generate --root {store}"
    assert "--generate" not in found["aurora/development/DATABASE_URL"].fix


def test_a_new_value_is_young_again(store, sealed_at, run_check, failures):
    later = sealed_at + 91 * DAY
    custodian = Custodian(str(store), clock=lambda: later)
    custodian.seal("aurora", "development", {"DB_PASSWORD": b"a-new-value"})
    assert "aurora/development/DB_PASSWORD" not in failures(run_check(store, "ROT-001", "aurora", now=later))


def test_an_equal_value_sealed_again_is_as_old_as_before(store, sealed_at, run_check, failures):
    later = sealed_at + 91 * DAY
    custodian = Custodian(str(store), clock=lambda: later)
    value = custodian.open("aurora", "development").values()["DB_PASSWORD"]
    custodian.seal("aurora", "development", {"DB_PASSWORD": value})
    custodian.rotate_epoch("aurora", "development")
    assert "aurora/development/DB_PASSWORD" in failures(run_check(store, "ROT-001", "aurora", now=later))


def test_the_manifest_may_ask_for_less(store, manifest, sealed_at, run_check, failures):
    change(manifest, "DB_PASSWORD", "rotation = 90", "rotation = 30")
    found = failures(run_check(store, "ROT-001", "aurora", now=sealed_at + 31 * DAY))
    assert [finding.expected for finding in found.values()] == ["at most 30 days"]


def test_the_manifest_may_not_ask_for_more(store, manifest, sealed_at, run_check, failures):
    change(manifest, "DB_PASSWORD", "rotation = 90", "rotation = 900")
    assert "aurora/development/DB_PASSWORD" in failures(run_check(store, "ROT-001", "aurora", now=sealed_at + 91 * DAY))


def test_a_secret_that_is_never_rotated_needs_a_reason(store, manifest, sealed_at, run_check):
    later = sealed_at + 91 * DAY
    change(manifest, "DB_PASSWORD", "rotation = 90", 'rotation = "none"')
    states = {finding.resource: finding for finding in run_check(store, "ROT-001", "aurora", now=later).findings}
    assert states["aurora/development/DB_PASSWORD"].status is Status.FAIL
    change(manifest, "DB_PASSWORD", 'rotation = "none"', 'rotation = "none"\nreason = "held by the bank"')
    states = {finding.resource: finding for finding in run_check(store, "ROT-001", "aurora", now=later).findings}
    assert states["aurora/development/DB_PASSWORD"].status is Status.NOT_APPLICABLE
    assert "held by the bank" in states["aurora/development/DB_PASSWORD"].reason


def test_an_expired_secret_fails_even_if_it_is_never_rotated(store, manifest, sealed_at, run_check, failure):
    change(manifest, "DB_PASSWORD", "rotation = 90", 'rotation = "none"\nreason = "held by the bank"')
    change(manifest, "DB_PASSWORD", 'expires = "never"', "expires = 2020-02-29")
    finding = failure(run_check(store, "ROT-001", "aurora", now=sealed_at))
    assert finding.observed == "the manifest let it expire on 2020-02-29"
    assert str(manifest) in finding.fix


def test_a_secret_from_the_future_fails(store, sealed_at, run_check, failures):
    assert run_check(store, "ROT-001", "aurora", now=sealed_at - 300).status is Status.PASS
    found = failures(run_check(store, "ROT-001", "aurora", now=sealed_at - 301))
    assert "ahead of the clock" in found["aurora/development/DB_PASSWORD"].observed


def test_a_time_beyond_every_calendar_fails_rather_than_breaks(store, run_check):
    path = store / "tenants" / "aurora" / ".env.enc"
    path.write_bytes(re.sub(rb'"updated":\d+', b'"updated":9007199254740991', path.read_bytes()))
    assert run_check(store, "ROT-001", "aurora").status is Status.FAIL


def test_without_a_manifest_the_name_gives_the_class(store, manifest, sealed_at, run_check, failures):
    manifest.unlink()
    assert run_check(store, "ROT-001", "aurora", now=sealed_at + 90 * DAY).status is Status.PASS
    assert len(failures(run_check(store, "ROT-001", "aurora", now=sealed_at + 91 * DAY))) == 4


def test_only_configuration_is_not_applicable(store, run_check):
    Custodian(str(store)).seal("cirrus", "development", {"LOG_LEVEL": b"INFO"})
    assert run_check(store, "ROT-001", "cirrus").status is Status.NOT_APPLICABLE


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(age=st.one_of(st.integers(-600, 200 * DAY), st.sampled_from((90 * DAY, 90 * DAY + 1, -300, -301))))
def test_the_limit_is_exact_to_the_second(store, sealed_at, run_check, age):
    status = run_check(store, "ROT-001", "aurora", now=sealed_at + age).status
    assert status is (Status.PASS if -300 <= age <= 90 * DAY else Status.FAIL)
