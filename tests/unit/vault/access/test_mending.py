"""A policy from before some rule was forbidden: refused, and mended by revoking that rule, never by loosening."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sealproof.cli.main import dispatch
from sealproof.errors import AccessDenied, CallerError, MalformedFile
from sealproof.settings import Settings
from sealproof.vault.access import AccessControl, Operation, Request, Subject
from sealproof.vault.access.changes import first_policy, harmless, revoked
from sealproof.vault.access.editor import PolicyEditor
from sealproof.vault.access.policy import SignedPolicy
from sealproof.vault.access.policyfile import InForce, PolicyFile
from sealproof.vault.audit.interface import Established


@pytest.fixture
def put(root, policy_key, owner):
    """Put a signed policy with some rules in place, as an earlier release would have."""

    def put(*rules, owners=None):
        first = first_policy(owner.name, now=1_795_000_000)
        policy = replace(first, generation=2, rules=rules, owners=(owner.name,) if owners is None else owners)
        Path(root, "policy.json").write_bytes(SignedPolicy(policy, {}).signed_by(policy_key).to_bytes())
        return policy

    return put


@pytest.fixture
def said(capsys):
    """Type a command; return its exit code, answer and conversation."""

    def type_it(root, *words):
        code = dispatch(["access", *words, "--root", root])
        return (code, *capsys.readouterr())

    return type_it


def in_force(root):
    return PolicyFile(root).load().policy


def test_the_hint_of_a_refused_policy_works_when_typed(root, put, said, make_rule):
    put(
        make_rule("a1", name="DB_*", operations=("audit.read", "read")),
        make_rule("a2"),
        make_rule("a3", tenant="*", operations=("export",)),
    )
    code, _, told = said(root, "list")
    assert code == 1
    assert "hint: sealproof access revoke a1\n" in told
    assert said(root, "revoke", "a1") == (0, "policy generation 3 is in force\n", "removed a1\n")
    code, _, told = said(root, "list")
    assert "hint: sealproof access revoke a3\n" in told
    assert said(root, "revoke", "a3")[0] == 0
    assert said(root, "list")[0] == 0
    assert [rule.id for rule in in_force(root).rules] == ["a2"]


def test_what_denied_goes_on_denying(root, put, said, make_rule):
    put(
        make_rule("a1", operations=("audit.read",)),
        make_rule("a2", allows=False, name="DB_*", operations=("audit.read", "read")),
    )
    code, _, told = said(root, "revoke", "a2")
    assert code == 0
    assert "kept, for every name: a2: alice may not audit.read, read * of acme/*" in told
    (_, kept) = in_force(root).rules
    assert (kept.id, kept.allows, kept.name) == ("a2", False, "*")
    control = AccessControl(root, settings=Settings())
    alice = Subject("alice", Established.UID)
    assert not control.decide(Request(alice, "acme", "", "", Operation.AUDIT_READ))
    assert said(root, "revoke", "a2")[0] == 0
    assert control.decide(Request(alice, "acme", "", "", Operation.AUDIT_READ))


def test_only_what_is_refused_can_be_revoked_before(root, put, said, make_rule):
    put(make_rule("a1", name="DB_*", operations=("audit.read",)), make_rule("a2", allows=False))
    before = Path(root, "policy.json").read_bytes()
    for words in (["revoke", "a2"], ["revoke", "a1", "a2"]):
        code, _, told = said(root, *words)
        assert code == 4
        assert "the policy is refused for a1, so these are to be revoked first" in told
        assert "hint: sealproof access revoke a1\n" in told
    for words in (["grant", "bob", "acme", "--as", "reader"], ["revoke", "--subject", "alice"], ["owners", "bob"]):
        code, _, told = said(root, *words)
        assert code == 1
        assert "rule a1 names secrets" in told
    assert Path(root, "policy.json").read_bytes() == before


def test_a_forbidden_rule_lets_nobody_mend(root, put, make_rule, owner, policy_key):
    """Its own words count for nothing while it is mended."""
    rules = (
        make_rule("a1", subject=owner.name, tenant="platform", name="DB_*", operations=("policy.edit",)),
        make_rule("a2", subject="somebody", tenant="platform", operations=("policy.edit",)),
    )
    put(*rules, owners=())
    control = AccessControl(root, settings=Settings(), mending=True)
    with pytest.raises(AccessDenied):
        PolicyEditor(control, owner).change("revoke", ("*",), lambda base: revoked(base, ["a1"], now=1), policy_key)
    with pytest.raises(MalformedFile):
        AccessControl(root, settings=Settings()).policy()


def test_two_people_mend_it_together(root, put, said, make_rule, tmp_path):
    assert said(root, "signer", "--output", str(tmp_path / "second.pem"))[0] == 0
    put(make_rule("a1", name="DB_*", operations=("audit.read",)))
    with Path(root, "sealproof.toml").open("a") as settings:
        settings.write("policy_signers = 2\n")
    second = ("--key", str(tmp_path / "second.pem"))
    assert said(root, "sign", *second)[0] == 0  # what is in force has one signature only
    assert "waits: 1 of 2" in said(root, "revoke", "a1")[1]
    assert said(root, "sign", *second)[1] == "policy generation 3 is in force\n"
    assert in_force(root).rules == ()


def test_a_waiting_mending_can_be_dropped(root, put, said, make_rule, tmp_path):
    assert said(root, "signer", "--output", str(tmp_path / "second.pem"))[0] == 0
    put(make_rule("a1", name="DB_*", operations=("audit.read",)))
    assert said(root, "sign", "--key", str(tmp_path / "second.pem"))[0] == 0
    with Path(root, "sealproof.toml").open("a") as settings:
        settings.write("policy_signers = 2\n")
    assert said(root, "revoke", "a1")[0] == 0
    assert said(root, "discard")[1] == "dropped the change that waited\n"


def test_a_good_policy_is_read_as_it_is(root, put, make_rule):
    policy = put(make_rule("a1"), make_rule("a2", allows=False))
    assert harmless(policy) is policy
    with pytest.raises(CallerError, match="no rule a9"):
        revoked(InForce(policy, "00"), ["a9"], now=1)


@pytest.mark.parametrize(
    ("words", "working"),
    [
        (["sam", "acme", "--as", "auditor"], "sam acme --env '*' --as auditor"),
        (["sam", "platform", "--as", "policy-editor"], "sam platform --env '*' --as policy-editor"),
        (["sam", "*", "--as", "key-custodian", "--env", "production"], "sam '*' --env '*' --as key-custodian"),
        (["sam", "acme", "--operations", "audit.admin,list"], "sam acme --env '*' --operations audit.admin,list"),
    ],
)
def test_a_grant_that_would_allow_nothing_says_what_would(root, said, words, working):
    code, _, told = said(root, "grant", *words)
    assert code == 4
    assert "is asked for all environments at once" in told
    assert told.endswith(f"hint: sealproof access grant {working}\n")
    assert in_force(root).rules == ()
    assert said(root, "grant", *[word.strip("'") for word in working.split()])[0] == 0
    (rule,) = in_force(root).rules
    assert rule.environment == "*"


def test_a_denial_in_one_environment_is_no_useless_rule(root, said):
    assert said(root, "grant", "sam", "acme", "--deny", "--operations", "audit.read")[0] == 0
