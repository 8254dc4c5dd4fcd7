"""CMP-016, and what a waiver does to the finding that it covers."""

from __future__ import annotations

import pytest

from sealproof.checks import gate as gates
from sealproof.checks.runner import Selection
from sealproof.errors import CallerError, ConfigurationError
from sealproof.findings import ExitCode, Status
from sealproof.reports import results
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.keyring import Keyring
from sealproof.vault.records.interface import LEAVER, POLICY_KEY, Record
from sealproof.vault.records.shelf import Shelf

from .conftest import DANA, DAY, NOON, SAM, waiver_text

OLD = NOON - 100 * DAY
RESOURCE = "aurora/development/DB_PASSWORD"


@pytest.fixture(autouse=True)
def _an_old_password(people):
    """Everything else was sealed at noon; one password 100 days before."""
    custodian = Custodian(str(people), clock=lambda: OLD)
    custodian.seal("aurora", "development", {"DB_PASSWORD": b"Vq2xN8mLr5TzKc7WbYp4HdGf9JsEa3Uo"})


def ages(run_check, store, **spec):
    return run_check(store, "ROT-001", "aurora", now=NOON, **spec)


def judged(run_check, store, **spec):
    return run_check(store, "CMP-016", now=NOON, **spec)


def only(result):
    (finding,) = [finding for finding in result.findings if finding.resource.startswith("waivers.toml")]
    return finding


def test_no_waiver_file_is_no_evidence_of_anything(people, run_check):
    assert judged(run_check, people).status is Status.NOT_APPLICABLE
    assert ages(run_check, people).status is Status.FAIL


def test_a_signed_waiver_covers_exactly_its_finding_and_keeps_it_as_it_was(people, run_check, waive):
    before = ages(run_check, people)
    waive()
    result = ages(run_check, people)
    assert result.status is Status.WAIVED
    (found,) = [finding for finding in before.findings if finding.resource == RESOURCE]
    (kept,) = [finding for finding in result.findings if finding.resource == RESOURCE]
    assert (kept.observed, kept.expected, kept.fix) == (found.observed, found.expected, found.fix)
    assert (kept.status, kept.waived_by) == (Status.WAIVED, "W-1")
    assert kept.reason == "waiver W-1 of dana, to 2027-02-05 (21 days left): the partner changes in February"
    assert judged(run_check, people).status is Status.PASS


def test_the_last_day_is_whole_and_in_utc(people, run_check, waive):
    waive()
    last = 1_801_871_999  # 2027-02-05 23:59:59 UTC
    assert run_check(people, "ROT-001", "aurora", now=last).status is Status.WAIVED
    assert run_check(people, "ROT-001", "aurora", now=last + 1).status is Status.FAIL
    result = run_check(people, "CMP-016", now=last + 1)
    assert (result.status, only(result).observed) == (Status.FAIL, "it expired on 2027-02-05")


@pytest.mark.parametrize(
    ("changes", "observed"),
    [
        ({"resource": '"aurora/development/API_TOKEN"'}, "unused: ROT-001[aurora] does not fail for"),
        ({"tenant": '"borealis"'}, "unused: ROT-001[borealis] does not fail for"),
        ({"environment": '"production"'}, "unused: ROT-001[aurora.production] does not fail for"),
        ({"created": "2027-01-16"}, "it begins on 2027-01-16"),
        ({"expires": "2027-02-10"}, "it lasts 32 days, and ROT-001 may be waived for 30 at most"),
        ({"approver": '"DANA"'}, "DANA approved it for themselves"),
        ({"approver": '"eve"'}, "eve is no approver of this store"),
        ({"owner": '"sam"', "approver": '"dana"'}, "dana is no approver of this store"),
        ({"owner": '"sam.smith"'}, "its owner sam.smith is no person of this store"),
    ],
)
def test_what_does_not_apply_is_named_and_the_finding_counts(people, run_check, waive, changes, observed):
    waive(**changes)
    result = judged(run_check, people)
    assert result.status is Status.FAIL
    assert only(result).observed.startswith(observed)
    assert ages(run_check, people).status is Status.FAIL


def test_a_proposed_change_cannot_waive_itself(people, run_check, waive):
    """Whoever may change the file, and signs with any key but the approver's, or with none, waives nothing."""
    path = waive(key=None)
    assert only(judged(run_check, people)).observed == "sam has not signed it"
    assert ages(run_check, people).status is Status.FAIL
    path.unlink()
    waive(key=DANA)
    assert only(judged(run_check, people)).observed == "its signature is not sam's over what it says now"
    assert ages(run_check, people).status is Status.FAIL


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2027-02-05", "2027-02-08"),
        ("CHG-7", "CHG-8"),
        ("DB_PASSWORD", "API_TOKEN"),
        ('"dana"', '"drew"'),
        ("in February", "in March"),
    ],
)
def test_a_signed_waiver_cannot_be_widened(people, run_check, waive, before, after):
    path = waive()
    path.write_text(path.read_text().replace(before, after))
    assert only(judged(run_check, people)).observed == "its signature is not sam's over what it says now"
    assert ages(run_check, people).status is Status.FAIL


def test_a_departed_approvers_waivers_end_with_them(people, run_check, waive):
    waive()
    record = Record(LEAVER, POLICY_KEY, NOON - DAY, {"name": "sam", "day": "2027-01-14"})
    Shelf(str(people)).add(record, Keyring(str(people)).signing_key(POLICY_KEY))
    assert only(judged(run_check, people)).observed == "sam is no approver of this store"
    assert ages(run_check, people).status is Status.FAIL


def test_without_a_policy_key_nobody_can_tell(people, run_check, waive):
    waive()
    for half in (people / "keys" / "signing").glob("policy*"):
        half.unlink()
    assert judged(run_check, people).status is Status.NOT_EVALUATED
    assert ages(run_check, people).status is Status.FAIL


@pytest.mark.parametrize(("compensating", "status"), [("SEC-018", Status.WAIVED), ("CMP-008", Status.FAIL)])
def test_a_compensating_check_must_pass(people, run_check, waive, compensating, status):
    waive(compensating=f'"{compensating}"')
    result = ages(run_check, people)
    assert result.status is status
    if status is Status.FAIL:
        (finding,) = [finding for finding in result.findings if finding.resource == RESOURCE]
        assert "its compensating check CMP-008 does not pass" in finding.reason


def test_missing_evidence_cannot_be_waived(people, run_check, waive):
    waive(check='"CMP-008"', resource='"tenants/aurora/manifest.toml [tenant]"')
    assert run_check(people, "CMP-008", "aurora", now=NOON).status is Status.NOT_EVALUATED
    assert only(judged(run_check, people)).observed.startswith("unused")


def test_two_waivers_in_a_file_are_judged_one_by_one(people, run_check, waive):
    waive()
    waive("W-2", resource='"aurora/development/GONE"')
    result = judged(run_check, people)
    states = {finding.resource: finding.status for finding in result.findings}
    assert states == {"waivers.toml [W-1]": Status.PASS, "waivers.toml [W-2]": Status.FAIL}


def run(people, **choices):
    chosen = Selection(checks=("ROT-001", "CMP-016"))
    return gates.run_gate(gates.Gate(root=str(people), selection=chosen, now=NOON, **choices))


def test_a_run_carries_its_waivers_and_meets_the_gate(people, waive):
    assert gates.decide(run(people)).exit_code is ExitCode.FINDINGS
    path = waive()
    outcome = run(people)
    assert gates.decide(outcome).exit_code is ExitCode.OK
    (waiver,) = outcome.waivers
    assert (waiver.id, waiver.days_left, waiver.covers, waiver.refused) == ("W-1", 21, 1, "")
    assert outcome.waiver_file
    assert results.decode(results.encode(outcome)) == outcome
    elsewhere = people.parent / "elsewhere.toml"
    path.rename(elsewhere)
    assert gates.decide(run(people)).exit_code is ExitCode.FINDINGS
    assert gates.decide(run(people, waivers=str(elsewhere))).exit_code is ExitCode.OK


def test_a_waiver_that_soon_ends_or_was_not_applied_is_spoken_of(people, waive):
    waive(expires="2027-01-20")
    waive("W-2", key=None, resource='"aurora/development/API_TOKEN"')
    notes = run(people).notes
    assert "waiver W-1 of ROT-001 ends on 2027-01-20 (5 days left)" in notes
    assert "waiver W-2 of ROT-001 was not applied: sam has not signed it" in notes


def test_a_run_narrowed_to_a_tenant_names_no_other(people, waive):
    waive()
    outcome = run(people, tenants=("borealis",))
    assert outcome.waivers == ()
    assert b"aurora" not in results.encode(outcome)


def test_a_named_file_that_is_not_there_is_a_mistake(people):
    with pytest.raises(CallerError, match="no waiver file"):
        run(people, waivers=str(people / "nothing.toml"))


def test_a_file_that_nobody_understands_stops_the_run(people):
    (people / "waivers.toml").write_text(waiver_text(expires="2027-02-30"))
    with pytest.raises(ConfigurationError):
        run(people)
    assert SAM
