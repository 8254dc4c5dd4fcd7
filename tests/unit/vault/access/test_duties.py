"""Duties that must stay apart: found wherever a policy unites them, refused when somebody tries."""

from __future__ import annotations

import pytest

from sealproof.errors import CallerError, DutiesConflict, LimitExceeded
from sealproof.vault.access import Policy
from sealproof.vault.access.changes import granted, revoked, with_owners, with_role, without_subject
from sealproof.vault.access.duties import check_duties, unions
from sealproof.vault.access.policyfile import InForce

NOW = 1_795_564_800


def policy(*rules, roles=None, owners=("root",)) -> Policy:
    return Policy(1, "", NOW, owners, roles or {}, tuple(sorted(rules, key=lambda rule: rule.id)))


def base(*rules, **parts) -> InForce:
    return InForce(policy(*rules, **parts), "ab" * 32)


UNITED = {
    "directly": (lambda rule: (rule("a", operations=("rotate",)), rule("b", operations=("approve",))), {}),
    "in one rule": (lambda rule: (rule("a", operations=("approve", "rotate")),), {}),
    "through a role": (
        lambda rule: (rule("a", operations=("rotate",)), rule("b", subject="role:ops", operations=("approve",))),
        {"ops": ("alice",)},
    ),
    "through everybody": (
        lambda rule: (rule("a", operations=("rotate",)), rule("b", subject="*", name="DB_*", operations=("approve",))),
        {},
    ),
    "over every tenant": (
        lambda rule: (rule("a", operations=("key.admin",)), rule("b", tenant="*", operations=("audit.admin",))),
        {},
    ),
}


@pytest.mark.parametrize("case", UNITED)
def test_united_duties_are_found_and_refused(make_rule, case):
    rules, roles = UNITED[case]
    after = policy(*rules(make_rule), roles=roles)
    assert "alice" in {union.subject for union in unions(after)}
    with pytest.raises(DutiesConflict, match="alice") as refused:
        check_duties(None, after)
    assert "alice" in refused.value.names


@pytest.mark.parametrize(
    "parts",
    [{"subject": "bob"}, {"tenant": "zeta"}, {"environment": "staging"}, {"allows": False}],
    ids=["another person", "another tenant", "another environment", "a denial"],
)
def test_duties_that_do_not_meet_are_fine(make_rule, parts):
    first = make_rule("a", environment="production", operations=("rotate",))
    second = make_rule("b", **({"environment": "production"} | parts), operations=("approve",))
    check_duties(None, policy(first, second))


def test_what_was_united_before_can_be_mended_step_by_step(make_rule):
    united = [make_rule("a", operations=("rotate",)), make_rule("b", operations=("approve",))]
    before = base(*united)
    granted(before, lambda rule_id: make_rule(rule_id, operations=("read",)), now=NOW)
    assert not unions(revoked(before, ["a"], now=NOW))


def test_a_role_cannot_unite_them_either(make_rule):
    before = base(make_rule("a", operations=("rotate",)), make_rule("b", subject="role:ops", operations=("approve",)))
    with pytest.raises(DutiesConflict):
        with_role(before, "ops", add=["alice"], remove=[], now=NOW)
    assert with_role(before, "ops", add=["bob"], remove=[], now=NOW).roles == {"ops": ("bob",)}


def test_everybody_cannot_be_granted_everything(make_rule):
    with pytest.raises(CallerError, match="everybody"):
        granted(base(), lambda rule_id: make_rule(rule_id, subject="*"), now=NOW)
    granted(base(), lambda rule_id: make_rule(rule_id, subject="*", name="PUBLIC_*"), now=NOW)


def test_a_grant_that_the_reader_would_refuse_is_refused_before(make_rule):
    with pytest.raises(CallerError, match="over all tenants"):
        granted(base(), lambda rule_id: make_rule(rule_id, tenant="*"), now=NOW)


def test_what_is_not_there_cannot_be_revoked(make_rule):
    with pytest.raises(CallerError, match="no rule x"):
        revoked(base(make_rule("a")), ["a", "x"], now=NOW)


def test_a_leaver_leaves_nothing_behind(make_rule):
    before = base(make_rule("a"), make_rule("b", subject="bob"), roles={"dev": ("alice",), "ops": ("alice", "bob")})
    after = without_subject(before, "alice", now=NOW)
    assert [rule.id for rule in after.rules] == ["b"]
    assert after.roles == {"ops": ("bob",)}
    assert (after.generation, after.previous) == (2, "ab" * 32)
    with pytest.raises(CallerError, match="does not name"):
        without_subject(before, "nobody", now=NOW)


def test_roles_and_owners_change_or_say_that_they_do_not():
    before = base(roles={"dev": ("ann",)})
    assert with_role(before, "dev", add=[], remove=["ann"], now=NOW).roles == {}
    with pytest.raises(CallerError, match="already"):
        with_role(before, "dev", add=["ann"], remove=[], now=NOW)
    assert with_owners(before, ["b", "a"], now=NOW).owners == ("a", "b")
    with pytest.raises(CallerError, match="already"):
        with_owners(before, ["root"], now=NOW)
    with pytest.raises(LimitExceeded):
        with_owners(before, list("abcde"), now=NOW)


def test_somebody_must_be_left_who_can_change_the_policy(make_rule):
    with pytest.raises(CallerError, match="nobody could change"):
        with_owners(base(make_rule("a")), [], now=NOW)
    narrow = make_rule("a", tenant="platform", environment="development", operations=("policy.edit",))
    with pytest.raises(CallerError, match="nobody could change"):
        with_owners(base(narrow), [], now=NOW)
    editing = base(make_rule("a", tenant="platform", operations=("policy.edit",)))
    assert with_owners(editing, [], now=NOW).owners == ()
    with pytest.raises(CallerError, match="nobody could change"):
        revoked(InForce(with_owners(editing, [], now=NOW), "cd" * 32), ["a"], now=NOW)
