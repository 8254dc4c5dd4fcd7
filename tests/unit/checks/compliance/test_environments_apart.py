"""CMP-017: environments are apart."""

from __future__ import annotations

import time

import pytest

from sealproof.checks.specimen import Specimen, key_text, write_private
from sealproof.envelope.keyfile import KeyLine
from sealproof.envelope.seal import EpochKey, SealedValue, create
from sealproof.findings import Scope, Status
from sealproof.vault.access.changes import granted
from sealproof.vault.access.interface import Operation
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.access.rules import Conditions, Rule
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.keyring import Keyring

SHARED = b"Vq2xN8mLr5TzKc7WbYp4HdGf9JsEa3Uo"
PRODUCTION = Scope("aurora", "production")


@pytest.fixture
def custodian(store):
    custodian = Custodian(str(store))
    custodian.seal("aurora", "production", {"DB_PASSWORD": b"a value of its own, for certain", "LOG_LEVEL": b"INFO"})
    return custodian


def test_one_environment_is_apart_from_nothing(store, run_check):
    assert run_check(store, "CMP-017", "aurora").status is Status.NOT_APPLICABLE


def test_values_of_their_own_pass_and_configuration_may_be_equal(store, run_check, custodian):
    assert custodian.open("aurora", "development").values()["LOG_LEVEL"] == b"INFO"
    assert run_check(store, "CMP-017", PRODUCTION).status is Status.PASS
    assert run_check(store, "CMP-017", "aurora").status is Status.PASS


def test_a_shared_value_fails_in_both_and_is_not_quoted(store, run_check, custodian, failure):
    custodian.seal("aurora", "development", {"API_TOKEN": SHARED})
    custodian.seal("aurora", "production", {"DB_PASSWORD": SHARED})
    finding = failure(run_check(store, "CMP-017", PRODUCTION))
    assert (finding.resource, finding.observed) == (
        "aurora/production/DB_PASSWORD",
        "the same value is API_TOKEN in development",
    )
    assert finding.fix == f"sealproof set aurora DB_PASSWORD --environment production --generate --root {store}"
    assert SHARED.decode() not in str(finding)
    assert failure(run_check(store, "CMP-017", "aurora")).resource == "aurora/development/API_TOKEN"


def test_test_environments_may_share_among_themselves(store, run_check, custodian):
    custodian.seal("aurora", "development", {"API_TOKEN": SHARED})
    custodian.seal("aurora", "staging", {"API_TOKEN": SHARED})
    assert run_check(store, "CMP-017", "aurora").status is Status.PASS


def test_a_shared_key_fails(tmp_path, run_check, failure, monkeypatch):
    """Keys are drawn for each environment; files that were sealed by hand may share one."""
    production = Specimen("aurora", "production")
    twin = EpochKey("aurora", "development", 1, production.epoch_key.key)
    values = {name: SealedValue(b"x" * 32, 1, production.now) for name in ("ONE", "TWO")}
    values["TWO"] = SealedValue(b"y" * 32, 1, production.now)
    sealed = create(twin, values, writer=production.writer, now=production.now, generation=2)
    production.install(str(tmp_path))
    write_private(str(tmp_path / "tenants" / "aurora" / ".env.enc"), sealed)
    line = KeyLine("epoch", twin.key, (production.writer.public,), "aurora", "development", 1)
    write_private(str(tmp_path / "both.key"), key_text(production.key_line, line))
    monkeypatch.setenv("SEALPROOF_KEY_FILE", str(tmp_path / "both.key"))
    assert "opens development, too" in failure(run_check(tmp_path, "CMP-017", PRODUCTION)).observed


def test_an_environment_that_does_not_open_is_no_evidence(store, run_check, custodian):
    path = store / "tenants" / "aurora" / ".env.enc"
    path.write_bytes(path.read_bytes()[:-20])
    assert run_check(store, "CMP-017", PRODUCTION).status is Status.NOT_EVALUATED


def grant(store, subject, environment):
    file = PolicyFile(str(store))
    base, key = file.load(), Keyring(str(store)).signing_key("policy")
    operations, now = (Operation.READ,), int(time.time())

    def rule(rule_id):
        return Rule(rule_id, True, subject, "aurora", environment, "*", operations, Conditions(), now, "root")

    policy, made = granted(base, rule, now=now)
    file.propose(base, policy, key)
    return made.id


def test_a_principal_that_reads_in_both_fails(store, run_check, custodian, failure):
    grant(store, "web-production", "production")
    grant(store, "web-development", "development")
    assert run_check(store, "CMP-017", PRODUCTION).status is Status.PASS
    rule = grant(store, "web-production", "development")
    assert failure(run_check(store, "CMP-017", "aurora")).resource == f"policy.json rule {rule}"
    observed = failure(run_check(store, "CMP-017", PRODUCTION)).observed
    assert observed == "web-production reads in production and in development, too"


def test_a_rule_for_every_environment_fails(store, run_check, custodian, failure):
    grant(store, "web", "*")
    assert "web reads in production" in failure(run_check(store, "CMP-017", PRODUCTION)).observed
