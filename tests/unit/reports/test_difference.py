"""What changed between two runs; what nobody looked at again is not fixed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealproof.findings import Finding, Scope, Status, failed, not_evaluated, passed
from sealproof.reports.difference import difference

if TYPE_CHECKING:
    from sealproof.findings import CheckResult, RunResult
    from sealproof.reports.difference import Change, Difference


def _result(run: RunResult, status: Status, *findings: Finding, tenant: str = "aurora") -> CheckResult:
    return replace(run.results[0], scope=Scope(tenant, "development"), status=status, findings=findings)


def _with(run: RunResult, *results: CheckResult) -> RunResult:
    return replace(run, results=results)


def _resources(changes: tuple[Change, ...]) -> list[str]:
    return [change.finding.resource if change.finding else "" for change in changes]


def _told(found: Difference) -> dict[str, list[str]]:
    sections = ("new", "fixed", "still", "waived", "unseen")
    told = {name: _resources(getattr(found, name)) for name in sections}
    return {name: resources for name, resources in told.items() if resources}


BAD = failed("x", "seen", expected="unseen", fix="y")
WORSE = failed("z", "seen", expected="unseen", fix="y")


def test_new_fixed_and_still_failing(run: RunResult) -> None:
    clean = _with(run, _result(run, Status.PASS, passed("x", "fine")))
    one = _with(run, _result(run, Status.FAIL, BAD))
    other = _with(run, _result(run, Status.FAIL, replace(BAD, observed="still"), WORSE))
    assert _told(difference(clean, one)) == {"new": ["x"]}
    assert _told(difference(one, clean)) == {"fixed": ["x"]}
    assert _told(difference(one, other)) == {"new": ["z"], "still": ["x"]}
    assert _told(difference(other, one)) == {"fixed": ["z"], "still": ["x"]}
    assert _told(difference(clean, clean)) == {}


def test_the_same_resource_in_another_scope_is_another_finding(run: RunResult) -> None:
    before = _with(run, _result(run, Status.FAIL, BAD), _result(run, Status.PASS, tenant="borealis"))
    after = _with(run, _result(run, Status.PASS), _result(run, Status.FAIL, BAD, tenant="borealis"))
    assert _told(difference(before, after)) == {"new": ["x"], "fixed": ["x"]}


def test_what_was_not_looked_at_again_is_not_fixed(run: RunResult) -> None:
    before = _with(run, _result(run, Status.FAIL, BAD))
    blind = _with(run, _result(run, Status.NOT_EVALUATED, not_evaluated("x", "no key")))
    assert _told(difference(before, _with(run))) == {"unseen": ["x"]}
    assert _told(difference(before, blind)) == {"unseen": ["x"]}


def test_a_check_that_broke_says_nothing_about_what_failed_before(run: RunResult) -> None:
    before = _with(run, _result(run, Status.FAIL, BAD))
    broke = _with(run, _result(run, Status.ERROR, Finding(Status.ERROR, "aurora", "KeyError")))
    assert _told(difference(before, broke)) == {"new": ["aurora"], "unseen": ["x"]}


def test_a_waived_failure_is_not_fixed(run: RunResult) -> None:
    before = _with(run, _result(run, Status.FAIL, BAD))
    waived = _with(run, _result(run, Status.WAIVED, replace(BAD, status=Status.WAIVED, waived_by="W-1")))
    assert _told(difference(before, waived)) == {"waived": ["x"]}


def test_a_result_without_a_finding_counts_too(run: RunResult) -> None:
    before = _with(run, _result(run, Status.PASS))
    assert _told(difference(before, _with(run, _result(run, Status.FAIL)))) == {"new": [""]}
