"""AccessControl over a real store: decisions, lockout, approvals, and what stands in the audit log."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from sealproof.errors import AccessDenied, CallerError, DutiesConflict, InvalidName, PolicyMissing, StaleFile
from sealproof.settings import Settings
from sealproof.signing import SigningKey
from sealproof.vault.access import AccessControl, Operation, Request, Subject, approvals
from sealproof.vault.access.approvals import LONGEST, Approval, Approvals
from sealproof.vault.access.changes import granted, with_role
from sealproof.vault.access.control import signers_of
from sealproof.vault.access.editor import PolicyEditor
from sealproof.vault.access.policy import parse
from sealproof.vault.audit.interface import Established
from sealproof.vault.audit.lines import read_record
from sealproof.vault.keys.keyring import Keyring

ALICE = Subject("alice", Established.UID, "uid:1001")
BOB = Subject("bob", Established.UID, "uid:1002")
READ = Request(ALICE, "acme", "production", "DB_URL", Operation.READ)


@pytest.fixture
def grant(editor, make_rule, policy_key, clock):
    def put(**parts: object) -> None:
        def make(base):
            return granted(base, lambda rule_id: make_rule(rule_id, **parts), now=int(clock.now))[0]

        editor.change("grant", [parts.get("tenant", "acme")], make, policy_key)

    return put


def records(root: str, tenant: str = "platform") -> list[tuple[str, str, str, str]]:
    lines = b"".join(path.read_bytes() for path in sorted(Path(root, "audit", tenant).glob("*.jsonl"))).splitlines()
    entries = [read_record(line) for line in lines if line.startswith(b'{"q":')]
    return [(entry.operation, entry.outcome, entry.established, entry.request) for entry in entries]


def check(control, *args, **options):
    return asyncio.run(control.check_permission(*args, **options))


def test_nobody_is_let_in_by_default(control):
    decision = check(control, "alice", "acme", "DB_URL", "read")
    assert not decision
    assert decision.reason == "no rule allows it"


def test_a_claim_is_only_a_claim(control, grant):
    grant(established="uid")
    assert not check(control, "alice", "acme", "DB_URL", "read")
    assert check(control, ALICE, "acme", "DB_URL", "read", environment="production")


def test_a_grant_and_a_denial_show_at_once_in_another_process(control, grant, root):
    elsewhere = AccessControl(root, settings=Settings())
    assert not elsewhere.decide(READ)
    grant()
    assert elsewhere.decide(READ).rule == "g2"
    grant(allows=False, name="*_URL")
    decision = elsewhere.decide(READ)
    assert (decision.allowed, decision.rule) == (False, "g3")
    assert decision.reason == "rule g3 denies it"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("a b", "acme", "A", "read"), InvalidName),
        (("alice", "Acme", "A", "read"), InvalidName),
        (("alice", "acme", "1", "read"), InvalidName),
        (("alice", "acme", "A", "fly"), CallerError),
    ],
)
def test_what_is_no_name_is_refused(control, arguments, error):
    with pytest.raises(error):
        check(control, *arguments)


def test_repeated_refusals_lock_out_and_the_lock_ends(control, grant, clock):
    grant(name="DB_*")
    other = READ._replace(name="API_KEY")
    for _ in range(5):
        assert "no rule" in control.decide(other).reason
    assert "locked out for 60 s" in control.decide(READ).reason
    assert "locked out" in control.explain(READ).decision.reason
    clock.now += 60
    assert control.decide(READ)


def test_filtering_and_explaining_count_nothing(control, grant):
    grant(name="DB_*")
    for _ in range(10):
        assert not control.allows(READ._replace(name="API_KEY"))
        assert not control.explain(READ._replace(name="API_KEY")).decision
    assert control.allows(READ)


def test_explain_names_every_rule_that_was_weighed(control, grant):
    grant(name="DB_*", established="oidc")
    grant(allows=False, name="DB_*", approval=True)
    explanation = control.explain(READ)
    assert not explanation.decision
    assert [(one.rule.id, one.unmet) for one in explanation.considered] == [
        ("g3", ""),
        ("g2", "rule g2 asks for a subject established by oidc, this one is uid"),
    ]


def test_without_a_policy_nobody_is_let_in(control, root):
    os.unlink(f"{root}/policy.json")
    with pytest.raises(PolicyMissing):
        control.decide(READ)


def test_a_policy_put_back_under_our_feet_is_refused(control, grant, root):
    old = Path(root, "policy.json").read_bytes()
    grant()
    assert control.decide(READ)
    Path(root, "policy.json").write_bytes(old)
    with pytest.raises(StaleFile):
        control.decide(READ)


def approval(clock, by=BOB, **parts) -> Approval:
    fields = {
        "requester": "alice", "tenant": "acme", "environment": "production", "name": "DB_*",
        "operation": Operation.ROTATE, "created": int(clock.now), "until": int(clock.now) + 3600,
    } | parts  # fmt: skip
    return Approval("ap-1", by, **fields)


ROTATE = READ._replace(operation=Operation.ROTATE)


@pytest.fixture
def approver(control, grant, clock):
    """Rotations by alice need an approval, and bob may give one."""
    grant(operations=("rotate",), approval=True)
    grant(subject="bob", operations=("approve",))
    return PolicyEditor(control, BOB, clock=clock)


def test_an_approval_by_somebody_else_opens_the_way(control, approver, policy_key, clock):
    assert "asks for an approval" in control.decide(ROTATE).reason
    assert approver.approve(approval(clock), policy_key) == "records/access/ap-1.json"
    assert control.decide(ROTATE, approval="ap-1")
    assert not control.explain(ROTATE).decision
    assert control.explain(ROTATE, approval="ap-1").decision


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "API_KEY"}, "for something else"),
        ({"environment": "staging"}, "for something else"),
        ({"subject": BOB, "operation": Operation.APPROVE}, "is for alice"),
    ],
)
def test_an_approval_is_for_what_it_says(control, approver, policy_key, clock, change, said):
    approver.approve(approval(clock), policy_key)
    request = ROTATE._replace(**change)
    assert said in control._flaw(control._current(), request, "ap-1", int(clock.now))


def test_an_approval_ends(control, approver, policy_key, clock):
    approver.approve(approval(clock), policy_key)
    clock.now += 3600
    assert "does not hold at this time" in control.decide(ROTATE, approval="ap-1").reason


def test_an_approver_who_may_no_longer_approve_has_approved_nothing(
    control, approver, editor, policy_key, clock, make_rule
):
    approver.approve(approval(clock), policy_key)

    def deny(base):
        return granted(
            base,
            lambda rule_id: make_rule(rule_id, allows=False, subject="bob", operations=("approve",)),
            now=int(clock.now),
        )[0]

    editor.change("revoke", ["acme"], deny, policy_key)
    assert "bob, who gave approval ap-1, may not approve" in control.decide(ROTATE, approval="ap-1").reason


def test_nobody_approves_what_they_ask_for(control, approver, policy_key, clock):
    with pytest.raises(DutiesConflict):
        approver.approve(approval(clock, requester="bob"), policy_key)
    own = approval(clock, by=ALICE)
    assert "by the one who asks" in own.flaw(ROTATE, int(clock.now))


def test_an_approval_for_longer_than_any_may_hold_is_none_whoever_signed_it(
    control, approver, policy_key, clock, monkeypatch
):
    too_long = approval(clock, until=int(clock.now) + LONGEST + 1)
    monkeypatch.setattr(approvals, "check_approval", lambda _approval: None)  # as whoever holds a policy key can
    control.approvals.keep(too_long, policy_key)
    assert "ap-1 is for more than 30 days" in control.decide(ROTATE, approval="ap-1").reason
    control.approvals.keep(replace(too_long, until=too_long.until - 1), policy_key)
    assert control.decide(ROTATE, approval="ap-1")


def test_whoever_may_not_approve_cannot(control, grant, policy_key, clock, root):
    grant(operations=("rotate",), approval=True)
    with pytest.raises(AccessDenied, match="bob may not approve"):
        PolicyEditor(control, BOB, clock=clock).approve(approval(clock), policy_key)
    assert records(root)[-1][:3] == ("approve", "deny", "uid")


@pytest.mark.parametrize("hours", [0, -1, 30 * 24 + 1])
def test_an_approval_is_bounded(approver, policy_key, clock, hours):
    with pytest.raises(CallerError, match="30 days"):
        approver.approve(approval(clock, until=int(clock.now) + hours * 3600), policy_key)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text.replace(b'"alice"', b'"mallory"'), "not signed with a policy key"),
        (lambda text: text + b"\n", "only spelling"),
        (lambda text: text.replace(b'"ap-1"', b'"ap-2"'), "the record of approval ap-2"),
        (lambda text: text.replace(b"approval/1", b"approval/9"), "not of the format"),
    ],
)
def test_a_forged_approval_is_none(control, approver, policy_key, clock, root, damage, said):
    approver.approve(approval(clock), policy_key)
    path = Path(root, "records/access/ap-1.json")
    path.write_bytes(damage(path.read_bytes()))
    assert said in control.decide(ROTATE, approval="ap-1").reason


def test_an_approval_signed_by_a_stranger_is_none(control, approver, clock, root):
    approver.approve(approval(clock), SigningKey(os.urandom(32)))
    assert "not signed with a policy key" in control.decide(ROTATE, approval="ap-1").reason


@pytest.mark.parametrize("approval_id", ["nowhere", "../../policy", ""])
def test_an_unknown_approval_is_none(control, approver, approval_id):
    assert not control.decide(ROTATE, approval=approval_id)


def test_every_change_is_recorded_before_and_after(control, grant, root):
    grant()
    founded, after = records(root)[:2], records(root)[2:]
    assert [record[:2] for record in founded] == [("policy.found.intent", "allow"), ("policy.found", "allow")]
    assert [record[:3] for record in after] == [("grant.intent", "allow", "uid"), ("grant", "allow", "uid")]
    assert len({record[3] for record in after}) == 1


def test_a_failed_change_is_recorded_as_failed(editor, policy_key, root, make_rule, clock):
    def everybody(base):
        return granted(base, lambda rule_id: make_rule(rule_id, subject="*"), now=int(clock.now))[0]

    with pytest.raises(CallerError):
        editor.change("grant", ["acme"], everybody, policy_key)
    assert [record[:2] for record in records(root)[-2:]] == [("grant.intent", "allow"), ("grant", "error")]


def test_a_reader_cannot_promote_itself(control, grant, policy_key, root, clock):
    grant()
    before = Path(root, "policy.json").read_bytes()
    with pytest.raises(AccessDenied, match=r"alice may not policy\.edit on platform"):
        PolicyEditor(control, ALICE, clock=clock).change(
            "policy.role", ["*"], lambda base: with_role(base, "dev", add=["alice"], remove=[], now=1), policy_key
        )
    assert Path(root, "policy.json").read_bytes() == before
    assert records(root)[-1][:3] == ("policy.role", "deny", "uid")


def test_signing_and_dropping_a_waiting_change_is_recorded(root, clock, owner, make_rule, policy_key):
    second = Keyring(root).new_signing_key("policy")
    path = Path(root, "policy.json")
    path.write_bytes(parse(path.read_bytes()).signed_by(second).to_bytes())
    editor = PolicyEditor(AccessControl(root, settings=Settings(profile="strict"), clock=clock), owner, clock=clock)

    def make(base):
        return with_role(base, "dev", add=["ann"], remove=[], now=int(clock.now))

    assert not editor.change("policy.role", ["*"], make, policy_key).in_force
    assert editor.discard()
    assert not editor.change("policy.role", ["*"], make, policy_key).in_force
    assert editor.sign(second).in_force
    words = [record[0] for record in records(root)]
    assert [word for word in words if "." in word and not word.endswith(".intent")] == [
        "policy.found", "policy.role", "policy.discard", "policy.role", "policy.sign",
    ]  # fmt: skip


def test_a_lock_is_lifted_by_somebody_else_only(control, editor, owner, clock):
    for _ in range(5):
        control.decide(READ)
    assert editor.unlock("alice") == 1
    assert "no rule" in control.decide(READ).reason
    with pytest.raises(AccessDenied, match="cannot lift a lock of"):
        editor.unlock(owner.name)


def test_strict_takes_two_signers_whatever_the_setting():
    assert signers_of(Settings()) == 1
    assert signers_of(Settings(profile="strict")) == 2
    assert signers_of(Settings(profile="strict", policy_signers=3)) == 3
    assert signers_of(Settings(policy_signers=2)) == 2


def test_a_signer_is_pinned_with_its_private_half_elsewhere(control, editor, root):
    kept = []
    key = editor.add_signer(kept.append)
    assert [one.public for one in kept] == [key.public]
    assert sorted(name for name in os.listdir(f"{root}/keys/signing") if name.startswith("policy")) == [
        "policy-2.pub",
        "policy.key",
        "policy.pub",
    ]
    assert records(root)[-1][:2] == ("policy.signer", "allow")


def test_signing_what_is_in_force_is_recorded(root, clock, owner):
    second = Keyring(root).new_signing_key("policy")
    editor = PolicyEditor(AccessControl(root, settings=Settings(policy_signers=2), clock=clock), owner, clock=clock)
    assert editor.countersign(second).in_force
    assert records(root)[-1][:2] == ("policy.sign", "allow")


def test_a_store_without_records_or_keys_has_no_approval(tmp_path):
    approvals = Approvals(str(tmp_path))
    for missing in ("records", "records/access"):
        with pytest.raises(CallerError, match="there is no approval ap-1"):
            approvals.find("ap-1")
        (tmp_path / missing).mkdir()
    with pytest.raises(CallerError, match="there is no approval ap-1"):
        approvals.find("ap-1")


@pytest.mark.parametrize("origin", ["a\n", "\u00e9", "x" * 129])
def test_an_origin_is_short_and_printable(origin):
    with pytest.raises(InvalidName, match="origin"):
        Subject("alice", Established.UID, origin)


def test_whom_the_system_names_oddly_goes_by_number(monkeypatch):
    monkeypatch.setattr("sealproof.vault.access.interface.this_user", lambda: "DOMAIN\\user name")
    assert Subject.this_user().name == f"uid-{os.geteuid()}"


def test_nothing_shows_more_than_it_must(control, editor, root):
    assert repr(control) == f"AccessControl({root!r})"
    assert repr(control.file) == f"PolicyFile({root!r})"
    assert repr(control.approvals) == f"Approvals({root!r})"
    assert repr(editor).startswith(f"PolicyEditor({root!r}, Subject(")
    assert repr(control.explain(READ).decision) == "Decision(deny: no rule allows it)"
    assert control.policy().policy.generation == 1
