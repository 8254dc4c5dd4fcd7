"""CMP-012 and CMP-013: who has access, and who approved what changed."""

from __future__ import annotations

import time

import pytest

from sealproof.findings import Status
from sealproof.vault.access.changes import granted
from sealproof.vault.access.interface import Operation, Subject
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.access.rules import Conditions, Rule
from sealproof.vault.keys.keyring import Keyring
from sealproof.vault.records.drafts import access_review, approval
from sealproof.vault.records.governed import contents
from sealproof.vault.records.interface import LEAVER, POLICY_KEY, Record
from sealproof.vault.records.shelf import Shelf

from .conftest import DANA, DAY, SAM, register

NOW = int(time.time())


def grant(store, subject, at):
    file = PolicyFile(str(store))
    base = file.load()
    key = Keyring(str(store)).signing_key("policy")

    def rule(rule_id):
        return Rule(rule_id, True, subject, "aurora", "*", "*", (Operation.LIST,), Conditions(), at, "root")

    policy, made = granted(base, rule, now=at)
    file.propose(base, policy, key)
    return made.id


@pytest.fixture
def known(people):
    """The store's owner on the identity list, too."""
    register(people, Subject.this_user().name, DANA.__class__(bytes([11]) * 32), at=NOW - 300 * DAY)
    return people


def access(run_check, store, now=NOW):
    return run_check(store, "CMP-012", now=now)


def test_a_policy_that_grants_nothing_passes_on_its_owner(known, run_check):
    assert access(run_check, known).status is Status.PASS


def test_no_identity_list_is_no_evidence(store, run_check):
    assert access(run_check, store).status is Status.NOT_EVALUATED


def test_an_owner_that_nobody_vouched_for_fails(people, run_check, failure):
    assert failure(access(run_check, people)).observed == "nobody of that name is on the identity list"


def test_a_fresh_grant_owes_no_review_and_an_old_one_does(known, run_check, failure):
    rule = grant(known, "dana", NOW)
    assert access(run_check, known, NOW + 180 * DAY).status is Status.PASS
    finding = failure(access(run_check, known, NOW + 181 * DAY))
    assert finding.resource == f"policy.json rule {rule}"
    assert "never reviewed" in finding.observed


def test_a_signed_review_renews_the_grants_that_it_names(known, run_check, failure):
    grant(known, "dana", NOW)
    shelf = Shelf(str(known))
    shelf.add(access_review(str(known), by="sam", at=NOW + 100 * DAY, outcome="all needed"), SAM)
    assert access(run_check, known, NOW + 280 * DAY).status is Status.PASS
    assert "last reviewed on" in failure(access(run_check, known, NOW + 281 * DAY)).observed


def test_a_leaver_with_a_grant_fails(known, run_check, failure):
    grant(known, "dana", NOW)
    record = Record(LEAVER, POLICY_KEY, NOW, {"name": "dana", "day": f"{time.strftime('%Y-%m-%d', time.gmtime(NOW))}"})
    Shelf(str(known)).add(record, Keyring(str(known)).signing_key(POLICY_KEY))
    assert access(run_check, known, NOW).status is Status.PASS
    assert "is still named in the policy" in failure(access(run_check, known, NOW + DAY)).observed


def test_an_unknown_identity_fails(known, run_check, failure):
    grant(known, "eve", NOW)
    assert failure(access(run_check, known)).resource == "policy.json eve"


def test_a_policy_that_cannot_be_believed_is_no_evidence(known, run_check):
    path = known / "policy.json"
    path.write_text(path.read_text().replace('"generation": 1', '"generation": 2'))
    assert access(run_check, known).status is Status.NOT_EVALUATED


def approve_all(store, *, author="dana", by="sam", key=SAM):
    for subject in contents(str(store)):
        record = approval(str(store), subject, by=by, at=NOW, author=author, reference="CHG-1")
        Shelf(str(store)).add(record, key)


def changes(run_check, store):
    return run_check(store, "CMP-013")


def test_what_is_approved_as_it_is_passes(people, run_check):
    approve_all(people)
    result = changes(run_check, people)
    assert result.status is Status.PASS
    assert {item.resource for item in result.findings} == {"sealproof.toml", "policy.json", "keys/signing"}


def test_no_approval_at_all_fails_and_the_fix_is_one(people, run_check, failures):
    found = failures(changes(run_check, people))
    assert set(found) == {"sealproof.toml", "policy.json", "keys/signing"}
    assert found["policy.json"].fix.startswith("sealproof record approval policy.json --author")


@pytest.mark.parametrize(
    ("subject", "change"),
    [
        ("sealproof.toml", lambda store: (store / "sealproof.toml").write_text("rotation_interval_days = 30\n")),
        ("policy.json", lambda store: grant(store, "dana", NOW)),
        ("keys/signing", lambda store: Keyring(str(store)).new_signing_key("writer")),
    ],
)
def test_a_change_after_the_approval_fails(people, run_check, failure, subject, change):
    approve_all(people)
    change(people)
    assert failure(changes(run_check, people)).resource == subject


def test_nobody_approves_their_own_change(people, run_check, failures):
    approve_all(people, author="Sam")
    assert {item.observed for item in failures(changes(run_check, people)).values()} == {"sam approved what sam wrote"}


def test_history_is_held_against_the_approvals(people, run_check, git, failure):
    tree = people.parent
    git(tree, "init", "--quiet")
    approve_all(people)
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "approved")
    assert changes(run_check, people).status is Status.PASS
    before = (people / "sealproof.toml").read_text()
    (people / "sealproof.toml").write_text(before + "# nobody saw this\n")
    git(tree, "commit", "--quiet", "--all", "--message", "unapproved")
    (people / "sealproof.toml").write_text(before)
    git(tree, "commit", "--quiet", "--all", "--message", "reverted")
    finding = failure(changes(run_check, people))
    assert finding.resource == "sealproof.toml in history"
    assert "nobody else approved" in finding.observed


def test_without_people_there_is_no_evidence(store, run_check):
    for half in (store / "keys" / "signing").glob("policy*"):
        half.unlink()
    assert changes(run_check, store).status is Status.NOT_EVALUATED
