"""Rows as findings of a check."""

from __future__ import annotations

import pytest

from sealproof.checks.attacks import evidence
from sealproof.checks.attacks.harness import Result, Verdict
from sealproof.checks.attacks.table import BY_ID
from sealproof.findings import Severity, Status


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.HELD, Status.PASS),
        (Verdict.BROKEN, Status.FAIL),
        (Verdict.NOT_APPLICABLE, Status.NOT_APPLICABLE),
        (Verdict.ERROR, Status.ERROR),
    ],
)
@pytest.mark.parametrize("row", ["A4", "E4"])
def test_a_finding_names_the_row_what_was_tried_and_the_threat(row, verdict, status):
    finding = evidence.finding_of(Result(row, verdict, 7, "some words", 10))
    assert (finding.status, finding.resource) == (status, f"{row} {BY_ID[row].title}")
    text = finding.observed + finding.reason
    assert "some words" in text
    assert "Tried: " in text
    assert f"Threat model, line {BY_ID[row].threat}" in text
    if verdict is Verdict.BROKEN:
        assert finding.severity is (None if BY_ID[row].gating else Severity.LOW)


@pytest.mark.parametrize("check", ["PEN-011", "PEN-012"])
def test_a_check_of_rows_alone_passes_and_fails_with_them(store, run_check, monkeypatch, check):
    rows = [row for row in BY_ID.values() if row.check == check][:2]
    monkeypatch.setattr(evidence, "rows_of", lambda _check: rows)
    assert run_check(store, check).status is Status.PASS
    broken = [Result(row.id, Verdict.BROKEN, 1, "it got through", 1) for row in rows]
    monkeypatch.setattr(evidence, "run_rows", lambda *_args, **_options: broken)
    result = run_check(store, check)
    assert result.status is Status.FAIL
    assert all("it got through" in finding.observed for finding in result.findings)
