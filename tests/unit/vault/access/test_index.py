"""The index answers as a loop over all rules would, only sooner."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.vault.access import Conditions, Operation, Policy, Request, Rule, Subject
from sealproof.vault.access.index import Index
from sealproof.vault.access.rules import matches
from sealproof.vault.audit.interface import Established

from .conftest import ALICE

NOW = 1_000_000
SUBJECTS, ROLES = ("ann", "bob"), ("ops", "dev")
TENANTS, PLACES = ("acme", "zeta"), ("production", "development")
NAMES = ("DB_URL", "DB_PASSWORD", "API_PASSWORD", "DB")
PATTERNS = (*NAMES, "*", "DB_*", "*_PASSWORD", "DB*D", "DB_*_PASSWORD")
OPERATIONS = (Operation.LIST, Operation.READ, Operation.AUDIT_READ)

conditions = st.builds(
    Conditions,
    established=st.sampled_from(["claimed", "uid", "oidc"]),
    approval=st.booleans(),
    begins=st.sampled_from([0, NOW, NOW + 1]),
    ends=st.sampled_from([0, NOW + 5]),
)


@st.composite
def policies(draw):
    count = draw(st.integers(0, 12))
    rules = tuple(
        Rule(
            f"r{number:02}",
            draw(st.booleans()),
            draw(st.sampled_from([*SUBJECTS, *(f"role:{role}" for role in ROLES), "*"])),
            draw(st.sampled_from([*TENANTS, "*"])),
            draw(st.sampled_from([*PLACES, "*"])),
            draw(st.sampled_from(PATTERNS)),
            tuple(sorted(draw(st.sets(st.sampled_from(OPERATIONS), min_size=1)))),
            draw(conditions),
            NOW,
            "root",
        )
        for number in range(count)
    )
    roles = {role: tuple(sorted(draw(st.sets(st.sampled_from(SUBJECTS))))) for role in ROLES}
    owners = tuple(sorted(draw(st.sets(st.sampled_from(SUBJECTS), max_size=1))))
    return Policy(1, "", NOW, owners, roles, rules)


requests = st.builds(
    Request,
    st.builds(Subject, st.sampled_from(SUBJECTS), st.sampled_from(list(Established))),
    st.sampled_from(TENANTS),
    st.sampled_from([*PLACES, ""]),
    st.sampled_from([*NAMES, ""]),
    st.sampled_from(OPERATIONS),
)


def reference(policy: Policy, request: Request, *, approved: bool) -> bool:
    """The rules of `docs/access.md`, one after the other, in as many words."""
    subject = request.subject
    principals = {subject.name, "*"} | {f"role:{role}" for role, group in policy.roles.items() if subject.name in group}
    fitting = [
        rule
        for rule in policy.rules
        if rule.subject in principals
        and rule.tenant in (request.tenant, "*")
        and (rule.environment in (request.environment, "*") or not (request.environment or rule.allows))
        and request.operation in rule.operations
        and rule.counts(subject, NOW, approved=approved)
    ]
    listing = request.operation == Operation.LIST
    part = {True: listing, False: not listing}  # whether a rule for some names speaks of all of them: allowing, denying
    named = [rule for rule in fitting if matches(rule.name, request.name) or (not request.name and part[rule.allows])]
    if any(not rule.allows for rule in named):
        return False
    if subject.name in policy.owners and subject.established is not Established.CLAIMED:
        return True
    return any(rule.allows for rule in named)


@settings(max_examples=400)
@given(policies(), st.lists(requests, min_size=1, max_size=8), st.booleans())
def test_index_and_loop_agree(policy, asked, approved):
    index = Index(policy)
    for request in asked:
        decision = index.decide(*request, NOW, approved)
        assert decision.allowed is reference(policy, request, approved=approved)
        assert decision.reason
        counting = [rule.id for rule in index.matching(request) if rule.counts(request.subject, NOW, approved=approved)]
        assert decision.rule in (*counting, "", "owner")
        assert bool(decision.rule) or not counting


TENANT_WIDE = ("policy.edit", "key.admin", "audit.read", "audit.admin", "read", "rotate")


@pytest.mark.parametrize("operation", TENANT_WIDE)
def test_a_rule_for_some_secrets_allows_nothing_of_the_tenant_as_a_whole(make_rule, operation):
    index = Index(Policy(1, "", NOW, (), {}, (make_rule(name="DB_*", operations=(operation,)),)))
    for environment in ("production", ""):
        assert not index.decide(ALICE, "acme", environment, "", operation, NOW)


@pytest.mark.parametrize("parts", [{"name": "DB_*"}, {"environment": "production"}], ids=["names", "environment"])
@pytest.mark.parametrize("operation", TENANT_WIDE)
def test_who_is_denied_a_part_is_denied_the_whole(make_rule, operation, parts):
    rules = (make_rule("a", operations=(operation,)), make_rule("b", allows=False, operations=(operation,), **parts))
    assert Index(Policy(1, "", NOW, (), {}, rules[:1])).decide(ALICE, "acme", "", "", operation, NOW)
    denied = Index(Policy(1, "", NOW, (), {}, rules)).decide(ALICE, "acme", "", "", operation, NOW)
    assert denied.rule == "b"


def test_a_list_without_a_name_is_for_whoever_may_list_something(make_rule):
    rules = (make_rule("a", name="DB_*", operations=("list",)), make_rule("b", allows=False, operations=("list",)))
    hidden = replace(rules[1], name="DB_ROOT")
    assert Index(Policy(1, "", NOW, (), {}, (rules[0], hidden))).decide(ALICE, "acme", "production", "", "list", NOW)
    assert not Index(Policy(1, "", NOW, (), {}, rules)).decide(ALICE, "acme", "production", "", "list", NOW)


def test_whoever_invents_subjects_does_not_fill_the_memory():
    index = Index(Policy(1, "", NOW, (), {}, ()))
    for number in range(5000):
        subject = Subject(f"u{number}", Established.CLAIMED)
        assert not index.decide(subject, "acme", "production", "A", "read", NOW)
    assert len(index._tables) <= 4096


def test_the_owner_is_not_whoever_claims_the_name():
    index = Index(Policy(1, "", NOW, ("ann",), {}, ()))
    assert index.decide(Subject("ann", Established.UID), "acme", "production", "A", "read", NOW).rule == "owner"
    claimed = index.decide(Subject("ann", Established.CLAIMED), "acme", "production", "A", "read", NOW)
    assert not claimed
    assert "only claimed" in claimed.reason
