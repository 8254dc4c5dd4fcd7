"""CMP-002, CMP-003, CMP-004 and CMP-005: what the audit log says, how long, by which clock, and who read it."""

from __future__ import annotations

import shutil

import pytest

from sealproof.checks import hostclock
from sealproof.checks.hostclock import HostClock
from sealproof.findings import Status
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.prune import prune
from sealproof.vault.custodian import Custodian
from sealproof.vault.records.drafts import audit_review
from sealproof.vault.records.interface import AUDIT_REVIEW, Record
from sealproof.vault.records.shelf import Shelf

from .conftest import DAY, NOON, SAM

READ = AuditRecord("app", Established.UID, "read", Outcome.ALLOW, "development", "DB_PASSWORD", 1, "c0ffee01")


@pytest.fixture
def write(store):
    """Append records to aurora's log at a time."""

    def append(at, *records):
        with AuditLog(str(store), "aurora", clock=lambda: at) as log:
            log.append(records or (READ,))

    return append


def test_complete_records_pass(store, run_check, write):
    write(NOON, READ, READ._replace(operation="list", name="", request="c0ffee02"))
    result = run_check(store, "CMP-002", "aurora")
    assert (result.status, result.findings[0].observed) == (Status.PASS, "2 records, complete and clean")


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"request": ""}, "no correlation id"),
        ({"name": ""}, "a read that does not say of which secret"),
        ({"operation": "rotate", "name": ""}, "a rotate that does not say of which secret"),
        ({"request": "ask-219-09-9999"}, "personal data in a correlation id"),
    ],
)
def test_each_flaw_is_named_with_its_record(store, run_check, failure, write, changes, flaw):
    write(NOON, READ, READ._replace(**changes))
    assert failure(run_check(store, "CMP-002", "aurora")).observed == f"{flaw}: record 1"


def test_a_value_in_a_record_is_found_and_not_quoted(store, run_check, failure, write):
    Custodian(str(store)).seal("aurora", "development", {"API_TOKEN": b"abcdef0123456789abcdef"})
    write(NOON, READ._replace(request="abcdef0123456789abcdef"))
    finding = failure(run_check(store, "CMP-002", "aurora"))
    assert finding.observed == "a secret's value: record 0"
    assert "abcdef0123456789abcdef" not in str(finding)


def test_whoever_cannot_open_the_file_cannot_say_that_no_value_is_in_the_log(store, run_check, write):
    write(NOON)
    (store / "keys" / "tenant_keys" / "aurora.key").unlink()
    assert run_check(store, "CMP-002", "aurora").status is Status.NOT_EVALUATED


@pytest.mark.parametrize("check", ["CMP-002", "CMP-004"])
def test_no_log_is_no_evidence(store, run_check, check):
    assert run_check(store, check, "aurora").status is Status.NOT_EVALUATED


def steady(monkeypatch, clock):
    monkeypatch.setattr("sealproof.checks.compliance.timestamps.host_clock", lambda: clock)


def test_times_in_order_and_a_synchronised_clock_pass(store, run_check, write, monkeypatch):
    steady(monkeypatch, HostClock(synchronised=True, error_ms=3))
    write(NOON - 10)
    write(NOON - 5)
    assert run_check(store, "CMP-003", now=NOON).status is Status.PASS


@pytest.mark.parametrize(
    ("clock", "status"),
    [
        (HostClock(synchronised=False, error_ms=0), Status.FAIL),
        (HostClock(synchronised=True, error_ms=1001), Status.FAIL),
        (HostClock(synchronised=True, error_ms=1000), Status.PASS),
        (None, Status.NOT_EVALUATED),
    ],
)
def test_the_hosts_clock_is_asked(store, run_check, monkeypatch, clock, status):
    steady(monkeypatch, clock)
    (finding,) = [item for item in run_check(store, "CMP-003").findings if item.resource == "the host's clock"]
    assert finding.status is status


def test_the_kernel_answers_or_says_nothing():
    answer = hostclock.host_clock()
    assert answer is None or (isinstance(answer.synchronised, bool) and answer.error_ms >= 0)


def test_a_clock_that_went_back_is_named(store, run_check, failure, write, monkeypatch):
    steady(monkeypatch, HostClock(synchronised=True, error_ms=3))
    write(NOON)
    write(NOON - 60)
    finding = failure(run_check(store, "CMP-003", now=NOON))
    assert finding.observed == "record 1 was written when the clock had gone back 60000 ms"


def test_records_and_files_from_the_future_fail(store, run_check, failures, write, monkeypatch):
    steady(monkeypatch, HostClock(synchronised=True, error_ms=3))
    write(NOON)
    found = failures(run_check(store, "CMP-003", now=NOON - 10 * DAY))
    assert set(found) >= {"audit/aurora"}
    Custodian(str(store), clock=lambda: NOON).seal("aurora", "development", {"API_TOKEN": b"from tomorrow"})
    assert "tenants/aurora/.env.enc" in failures(run_check(store, "CMP-003", now=NOON - 10 * DAY))


def test_a_whole_log_is_long_enough_and_a_young_one_owes_nothing(store, run_check, write):
    write(NOON)
    assert run_check(store, "CMP-004", "aurora", now=NOON).status is Status.PASS


def test_history_beyond_the_retention_fails_unless_it_is_held(store, run_check, failure, write):
    write(NOON - 397 * DAY)
    finding = failure(run_check(store, "CMP-004", "aurora", now=NOON))
    assert (finding.observed, finding.expected) == ("397 days old", "at most 396 days, or a legal hold")
    assert run_check(store, "CMP-004", "aurora", now=NOON - DAY).status is Status.PASS


def test_a_log_that_was_pruned_too_early_fails(store, run_check, failure, write, tmp_path):
    write(NOON - 100 * DAY)
    write(NOON - 61 * DAY)
    write(NOON - 50 * DAY)
    with AuditLog(str(store), "aurora", clock=lambda: NOON) as log:
        prune(log, pinned_key(str(store), "aurora"), days=60, now=NOON, export_to=str(tmp_path / "export"))
    finding = failure(run_check(store, "CMP-004", "aurora", now=NOON))
    assert "61 days were left of it" in finding.observed


def review(store, *, at, **changes):
    record = audit_review(str(store), "aurora", by="sam", at=at, outcome="nothing odd")
    Shelf(str(store)).add(Record(AUDIT_REVIEW, "sam", at, {**record.fields, **changes}), SAM)


@pytest.fixture
def reviewed(people, write):
    """A store that owes a review, with one log besides the platform's."""
    shutil.rmtree(people / "audit" / "platform")
    shutil.rmtree(people / "keys" / "audit" / "platform")  # what knows of it: a log that is gone owes a review, too
    (people / "keys" / "signing" / "audit-platform.pub").unlink()
    write(NOON - 40 * DAY)
    return people


def state(run_check, store):
    result = run_check(store, "CMP-005", now=NOON)
    (finding,) = [item for item in result.findings if item.resource == "audit/aurora"]
    return result.status, finding


def test_a_young_store_owes_no_review(store, run_check, people, write):
    write(NOON)
    assert run_check(store, "CMP-005").status is Status.NOT_APPLICABLE


def test_a_review_in_time_is_declared(reviewed, run_check):
    review(reviewed, at=NOON - 30 * DAY)
    status, finding = state(run_check, reviewed)
    assert status is Status.DECLARED
    assert finding.observed == "reviewed by sam on 2026-12-16, up to record 0"


def test_a_review_that_is_too_old_fails(reviewed, run_check):
    review(reviewed, at=NOON - 31 * DAY)
    assert state(run_check, reviewed)[0] is Status.FAIL


def test_a_review_of_another_log_is_none(reviewed, run_check):
    review(reviewed, at=NOON - DAY, head="ab" * 32)
    status, finding = state(run_check, reviewed)
    assert status is Status.FAIL
    assert "its head is not in this one" in finding.observed


def test_a_log_that_nobody_reviewed_fails_once_there_are_reviews(reviewed, run_check, store):
    review(reviewed, at=NOON - DAY)
    with AuditLog(str(store), "borealis", clock=lambda: NOON) as log:
        log.append((READ,))
    result = run_check(store, "CMP-005", now=NOON)
    assert {item.resource: item.status for item in result.findings}["audit/borealis"] is Status.FAIL
