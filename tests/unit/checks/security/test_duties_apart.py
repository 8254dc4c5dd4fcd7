"""SEC-016 and SEC-015, on policies that give too much, and on one that a store begins with."""

from __future__ import annotations

import dataclasses
import re
import time

import pytest

from sealproof.findings import Severity, Status
from sealproof.vault.access import policyfile
from sealproof.vault.access.interface import Operation
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.access.rules import Conditions, Rule

NOW = int(time.time())
DAY = 86_400


def _rule(rule_id, subject, *operations, name="*", created=NOW, tenant="aurora"):
    return Rule(
        id=rule_id,
        allows=True,
        subject=subject,
        tenant=tenant,
        environment="development",
        name=name,
        operations=tuple(sorted(operations)),
        conditions=Conditions(),
        created=created,
        by="root",
    )


@pytest.fixture
def with_rules(monkeypatch):
    """Let the policy in force have these rules: its editor would refuse to write some of them."""

    def having(*rules):
        load = PolicyFile.load

        def loaded(self):
            in_force = load(self)
            return in_force._replace(policy=dataclasses.replace(in_force.policy, rules=rules))

        monkeypatch.setattr(policyfile.PolicyFile, "load", loaded)

    return having


APART = (
    _rule("r1", "ada", Operation.ROTATE),
    _rule("r2", "bob", Operation.APPROVE),
    _rule("r3", "cy", Operation.KEY_ADMIN),
    _rule("r4", "di", Operation.AUDIT_ADMIN),
)


def test_duties_in_different_hands_pass(store, run_check, with_rules):
    with_rules(*APART)
    assert run_check(store, "SEC-016").status is Status.PASS


@pytest.mark.parametrize(
    ("first", "second"), [(Operation.ROTATE, Operation.APPROVE), (Operation.KEY_ADMIN, Operation.AUDIT_ADMIN)]
)
def test_two_duties_in_one_hand_fail(store, run_check, failure, with_rules, first, second):
    with_rules(*APART, _rule("r5", "eve", first), _rule("r6", "eve", second))
    result = run_check(store, "SEC-016")
    assert (result.status, result.severity) == (Status.FAIL, Severity.MEDIUM)
    finding = failure(result)
    assert finding.resource == "policy.json eve"
    assert finding.fix == "sealproof access revoke r6"


def test_owners_that_hold_every_duty_are_told_of(store, run_check, failure):
    finding = failure(run_check(store, "SEC-016"))
    assert (finding.severity, finding.resource) == (Severity.LOW, "policy.json owners")


@pytest.mark.parametrize("check", ["SEC-015", "SEC-016"])
def test_a_store_without_a_policy_is_no_evidence(store, run_check, check):
    (store / "policy.json").unlink()
    assert run_check(store, check).status in (Status.NOT_EVALUATED, Status.FAIL)


def test_a_young_policy_passes(store, run_check):
    assert run_check(store, "SEC-015").status is Status.PASS


def test_everything_to_everybody_fails(store, run_check, failure, with_rules):
    with_rules(_rule("r1", "*", Operation.READ))
    result = run_check(store, "SEC-015")
    assert (result.status, result.severity) == (Status.FAIL, Severity.HIGH)
    assert "gives every secret to everybody" in failure(result).observed


def test_a_grant_that_nobody_uses_fails(store, run_check, failure, with_rules):
    with_rules(_rule("r1", "ada", Operation.EXPORT, name="API_TOKEN", created=NOW - 91 * DAY))
    assert "not used within 90 days" in failure(run_check(store, "SEC-015")).observed


def test_a_policy_that_was_edited_fails(store, run_check):
    path = store / "policy.json"
    path.write_text(re.sub(r'("generation": ?)[0-9]+', r"\g<1>7", path.read_text()))
    assert run_check(store, "SEC-015").status is Status.FAIL
