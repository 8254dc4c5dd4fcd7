"""SEC-017, on logs that are in order and on logs that somebody touched."""

from __future__ import annotations

import shutil

import pytest

from sealproof.findings import Severity, Status
from sealproof.vault.audit.anchors import keep_anchor
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog

RECORD = AuditRecord("somebody", Established.CLAIMED, "read", Outcome.ALLOW, "development", "API_TOKEN", 1, "r-1")


@pytest.fixture
def logged(store):
    """A store with a log of two batches; the log's file."""
    with AuditLog(str(store), "aurora") as log:
        log.append([RECORD] * 3)
        log.append([RECORD])
    return store / "audit" / "aurora" / "0000000000000000.jsonl"


def test_a_log_in_order_passes_and_claims_no_more_than_it_can(store, logged, run_check):
    result = run_check(store, "SEC-017")
    assert result.status is Status.PASS
    assert [finding.resource for finding in result.findings] == ["audit/aurora", "audit/platform"]
    assert "without an anchor a cut tail cannot be seen" in result.findings[0].observed


def test_an_anchor_beside_the_store_is_used(store, logged, run_check):
    anchors = store.parent / "audit-anchors"
    anchors.mkdir()
    with AuditLog(str(store), "aurora") as log:
        keep_anchor(log, str(anchors / "aurora.anchor"))
    assert "complete up to the anchor" in run_check(store, "SEC-017").findings[0].observed


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace('"op":"read"', '"op":"list"', 1),
        lambda text: "".join(line for line in text.splitlines(keepends=True) if not line.startswith('{"q":1')),
        lambda text: "".join(text.splitlines(keepends=True)[:-2]),
        lambda text: text.replace('"r":"allow"', '"r":"deny"'),
        lambda _text: "",
    ],
    ids=["changed", "removed", "cut", "all changed", "emptied"],
)
def test_a_log_that_was_edited_fails(store, logged, run_check, failure, edit):
    logged.write_text(edit(logged.read_text()))
    result = run_check(store, "SEC-017")
    assert (result.status, result.severity) == (Status.FAIL, Severity.CRITICAL)
    assert failure(result).resource == "audit/aurora"


def test_a_log_without_the_key_it_is_verified_by_is_not_evaluated(store, logged, run_check):
    (store / "keys" / "signing" / "audit-aurora.pub").unlink()
    assert run_check(store, "SEC-017").status is Status.NOT_EVALUATED


@pytest.mark.parametrize("left", ["mark and key", "key", "mark"])
def test_a_log_that_is_gone_fails_whatever_the_keys_still_know_of_it(store, logged, run_check, failure, left):
    shutil.rmtree(logged.parent)
    if "mark" not in left:
        (store / "keys" / "audit" / "aurora" / "mark").unlink()
    if "key" not in left:
        (store / "keys" / "signing" / "audit-aurora.pub").unlink()
    result = run_check(store, "SEC-017")
    assert (result.status, result.severity) == (Status.FAIL, Severity.CRITICAL)
    finding = failure(result)
    assert finding.resource == "audit/aurora"
    assert "is gone" in finding.observed


def test_all_logs_gone_is_as_many_failures(store, logged, run_check, failures):
    shutil.rmtree(store / "audit")
    assert sorted(failures(run_check(store, "SEC-017"))) == ["audit/aurora", "audit/platform"]


def test_a_log_that_was_moved_away_with_its_keys_is_begun_anew(store, logged, run_check):
    shutil.rmtree(logged.parent)
    shutil.rmtree(store / "keys" / "audit" / "aurora")
    (store / "keys" / "signing" / "audit-aurora.pub").unlink()
    assert run_check(store, "SEC-017").status is Status.PASS


def test_no_log_and_no_keys_that_know_of_one_is_no_evidence(store, run_check):
    shutil.rmtree(store / "audit")
    shutil.rmtree(store / "keys")
    assert run_check(store, "SEC-017").status is Status.NOT_EVALUATED
