"""SEC-018: secret values are strong and not shared."""

from __future__ import annotations

import secrets
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealproof.findings import Scope, Status
from sealproof.vault.custodian import Custodian
from sealproof.vault.inventory import describe_missing
from sealproof.vault.keys.strength import entropy_bits

STRONG = "kQ7-vT2nWz9_LmX4"  # 16 characters, 64 bits


@pytest.fixture
def custodian(store):
    return Custodian(str(store))


def test_drawn_values_of_every_class_pass(store, run_check):
    result = run_check(store, "SEC-018", "aurora")
    assert result.status is Status.PASS
    (finding,) = result.findings
    assert finding.observed == (
        "strong and used once: 1 of class connection, 1 of class key, 1 of class password, 1 of class token"
    )
    assert dict(result.parameters) == {"min_entropy_bits": "48", "min_value_length": "12"}


@pytest.mark.parametrize(
    "case",
    [
        ("", "is empty"),
        ("aZ3-kQ9_xT", "is shorter than 12 characters"),
        ("abababababababababab", "has an estimated entropy under 48 bits"),
        ("your-db-password-goes-here", "is a placeholder"),
        ("${OTHER_SECRET_OF_THIS_TENANT}", "is a placeholder"),
        ("minioadmin", "is a shipped default"),
    ],
)
def test_each_rule_is_named_and_the_value_is_not(store, custodian, run_check, failure, case):
    value, rule = case
    custodian.seal("aurora", "development", {"DB_PASSWORD": value.encode()})
    result = run_check(store, "SEC-018", "aurora")
    finding = failure(result)
    assert finding.resource == "aurora/development/DB_PASSWORD"
    assert rule in finding.observed
    assert not value or value not in repr(result)
    assert finding.fix == f"sealproof set aurora DB_PASSWORD --environment development --generate --root {store}"


def test_the_stricter_profile_asks_for_more(store, custodian, run_check):
    custodian.seal("aurora", "development", {"DB_PASSWORD": STRONG.encode()})
    assert run_check(store, "SEC-018", "aurora").status is Status.PASS
    assert run_check(store, "SEC-018", "aurora", profile="production").status is Status.PASS
    assert run_check(store, "SEC-018", "aurora", profile="strict").status is Status.FAIL


@pytest.mark.parametrize(
    "case",
    [
        ("postgresql://app:changeme-now-please@db/x", "is a placeholder"),
        ("postgresql://app:tiny-Q7x@db/x", "is shorter than 12 characters"),
        ("postgresql://postgres:postgres@db/x", "is a shipped default, and"),
        ("postgresql://a-long-user-name:a-long-user-name@db/x", "is its user's name"),
        ("host=db user=app password=short", "is shorter than 12 characters"),
        ("postgresql://app:${NOT_A_SECRET_HERE}@db/x", "is a placeholder"),
    ],
)
def test_the_password_inside_a_connection_string_is_judged(store, custodian, run_check, failure, case):
    url, rule = case
    custodian.seal("aurora", "development", {"DATABASE_URL": url.encode()})
    finding = failure(run_check(store, "SEC-018", "aurora"))
    assert finding.resource == "aurora/development/DATABASE_URL"
    assert "a password inside the connection string that" in finding.observed
    assert rule in finding.observed
    assert "--generate" not in finding.fix


@pytest.mark.parametrize(
    "url", ["redis://localhost:6379/0", "postgresql://app:${DB_PASSWORD}@db/x", f"amqp://app:{STRONG}@mq"]
)
def test_a_connection_string_without_a_weak_password_passes(store, custodian, run_check, url):
    custodian.seal("aurora", "development", {"DATABASE_URL": url.encode()})
    assert run_check(store, "SEC-018", "aurora").status is Status.PASS


def test_two_secrets_with_one_value_name_each_other(store, custodian, run_check, failures):
    value = secrets.token_urlsafe(32).encode()
    custodian.seal("aurora", "development", {"DB_PASSWORD": value, "API_TOKEN": value})
    found = failures(run_check(store, "SEC-018", "aurora"))
    assert "is equal to aurora/API_TOKEN" in found["aurora/development/DB_PASSWORD"].observed
    assert "is equal to aurora/DB_PASSWORD" in found["aurora/development/API_TOKEN"].observed


def test_one_value_in_two_environments_is_shared(store, custodian, run_check, failure):
    value = secrets.token_urlsafe(32).encode()
    for environment in ("development", "production"):
        custodian.seal("aurora", environment, {"DB_PASSWORD": value})
    found = failure(run_check(store, "SEC-018", Scope("aurora", "production")))
    assert "is equal to aurora/DB_PASSWORD" in found.observed
    found = failure(run_check(store, "SEC-018", "aurora"))
    assert "is equal to aurora.production/DB_PASSWORD" in found.observed


def test_another_tenant_is_not_named(store, custodian, run_check, failure):
    value = secrets.token_urlsafe(32).encode()
    custodian.seal("aurora", "development", {"DB_PASSWORD": value})
    custodian.seal("borealis", "development", {"OTHER_TOKEN": value})
    result = run_check(store, "SEC-018", "aurora")
    finding = failure(result)
    assert finding.resource == "aurora/development/DB_PASSWORD"
    assert "is shared with another tenant" in finding.observed
    assert "borealis" not in repr(result)
    assert "OTHER_TOKEN" not in repr(result)


def test_a_tenant_whose_name_begins_alike_is_another(store, custodian, run_check, failure):
    value = secrets.token_urlsafe(32).encode()
    for tenant in ("aurora", "aurora-eu"):
        custodian.seal(tenant, "development", {"DB_PASSWORD": value})
    result = run_check(store, "SEC-018", "aurora")
    assert "is shared with another tenant" in failure(result).observed
    assert "aurora-eu" not in repr(result)


def test_configuration_and_rotation_values_are_left_out(store, custodian, run_check):
    custodian.seal("aurora", "development", {"LOG_LEVEL": b"x"})
    versions = {"DB_PASSWORD.previous": b"x", "DB_PASSWORD.pending": b"x"}
    custodian.edit(custodian.open("aurora", "development"), changes=versions, removals=())
    assert run_check(store, "SEC-018", "aurora").status is Status.PASS


def test_the_manifest_decides_the_class(store, custodian, run_check):
    custodian.seal("aurora", "development", {"LOG_LEVEL": b"DEBUG"})
    manifest = store / "tenants" / "aurora" / "manifest.toml"
    text = manifest.read_text()
    start = text.index("[LOG_LEVEL]")
    manifest.write_text(text[:start] + text[start:].replace('class = "config"', 'class = "password"', 1))
    assert run_check(store, "SEC-018", "aurora").status is Status.FAIL


def test_only_configuration_is_not_applicable(store, custodian, run_check):
    custodian.seal("cirrus", "development", {"LOG_LEVEL": b"INFO"})
    describe_missing(custodian.store, "cirrus", ["LOG_LEVEL"], owner="x", purpose="x", rotation_days=90)
    assert run_check(store, "SEC-018", "cirrus").status is Status.NOT_APPLICABLE


def test_a_file_that_does_not_open_is_no_evidence(store, run_check):
    (store / "keys" / "tenant_keys" / "aurora.key").unlink()
    assert run_check(store, "SEC-018", "aurora").status is Status.NOT_EVALUATED


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(alphabet=string.ascii_letters + string.digits + "-_", min_size=1, max_size=30))
def test_length_and_entropy_decide_at_their_limits(store, custodian, run_check, failures, value):
    custodian.seal("aurora", "development", {"API_TOKEN": value.encode()})
    found = failures(run_check(store, "SEC-018", "aurora"))
    observed = found["aurora/development/API_TOKEN"].observed if found else ""
    assert ("is shorter than 12 characters" in observed) == (len(value) < 12)
    assert ("entropy under 48 bits" in observed) == (entropy_bits(value) < 48)
