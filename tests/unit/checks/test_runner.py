"""The runner alone turns what a check does into a state; missing evidence never becomes a pass."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.checks import registry, runner
from sealproof.checks.runner import Item, Plan, Selection, plan, run
from sealproof.checks.target import Target, TargetSpec
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import CallerError, StaleFile
from sealproof.findings import Finding, Scope, Severity, Status, aggregate, failed, not_applicable, passed

SCOPE = Scope("aurora", "development")


@pytest.fixture
def pretend(monkeypatch, store, run_check):
    """Run SEC-001 with another function in its place."""

    def run_with(function):
        monkeypatch.setattr(registry, "registered", lambda: {"SEC-001": function})
        return run_check(store, "SEC-001", SCOPE)

    return run_with


def test_nothing_examined_is_not_evaluated(pretend):
    result = pretend(lambda _ctx: iter(()))
    assert result.status is Status.NOT_EVALUATED
    assert result.findings[0].reason == "nothing was examined"


def test_missing_evidence_is_not_evaluated_and_keeps_its_hint(pretend):
    def look(_ctx):
        yield passed("first", "fine")
        raise NoEvidence("no key", hint="set SEALPROOF_KEY_FILE")

    result = pretend(look)
    assert result.status is Status.NOT_EVALUATED
    assert result.findings[-1].fix == "set SEALPROOF_KEY_FILE"


def test_a_typed_error_that_a_check_did_not_expect_is_an_error(pretend):
    def look(_ctx):
        raise StaleFile("too old")
        yield

    result = pretend(look)
    assert result.status is Status.ERROR
    assert result.findings[0].observed == "StaleFile: too old"


def test_a_check_that_breaks_is_an_error_without_the_message_of_the_exception(pretend):
    def look(_ctx):
        value = "hunter2-the-secret-value"
        raise KeyError(value)
        yield

    result = pretend(look)
    assert result.status is Status.ERROR
    assert "hunter2" not in repr(result)
    assert "KeyError at look" in result.findings[0].observed


def test_a_check_may_lower_a_severity_and_never_raise_it(pretend):
    def look(_ctx):
        yield failed("a", "x", expected="y", fix="z", severity=Severity.LOW, reason="only a hint")

    assert pretend(look).severity is Severity.LOW
    declared_medium = Finding(Status.FAIL, "a", "x", severity=Severity.CRITICAL)
    assert runner._no_higher(declared_medium, Severity.MEDIUM).severity is None


def test_not_applicable_alone_is_not_applicable(pretend):
    assert pretend(lambda _ctx: iter([not_applicable("a", "there is none")])).status is Status.NOT_APPLICABLE


def test_scratch_directories_are_gone_when_the_check_ends(pretend, tmp_path):
    seen = []

    def look(ctx):
        seen.append(ctx.scratch())
        yield passed("a", "b")

    pretend(look)
    assert seen
    assert not any(tmp_path.__class__(path).exists() for path in seen)


def test_every_check_of_the_catalogue_is_either_planned_or_listed_with_a_reason(store):
    target = Target(TargetSpec(str(store)))
    planned = plan(target, Selection())
    named = {item.check for item in planned.items} | {entry.check for entry in planned.not_run}
    assert len(named) == 70
    assert all(entry.reason for entry in planned.not_run)


@pytest.mark.parametrize(
    ("selection", "wrong"),
    [
        (Selection(suites=("securty",)), "securty"),
        (Selection(checks=("SEC-999",)), "SEC-999"),
        (Selection(frameworks=("iso",)), "iso"),
    ],
)
def test_an_unknown_name_in_a_selection_is_refused_by_name(store, selection, wrong):
    with pytest.raises(CallerError, match=wrong):
        plan(Target(TargetSpec(str(store))), selection)


def test_results_come_in_the_order_of_the_plan_from_any_executor(store):
    spec = TargetSpec(str(store))
    planned = plan(Target(spec), Selection(checks=("SEC-001", "SEC-002", "CMP-006")))
    seen = []
    with ThreadPoolExecutor(3) as executor:
        results = run(spec, planned, executor, progress=seen.append)
    assert [(result.check, result.scope) for result in results] == [(item.check, item.scope) for item in planned.items]
    assert sorted(map(repr, seen)) == sorted(map(repr, results))


def test_one_job_opens_a_tenant_for_all_its_checks_and_one_serves_the_load_suite():
    items = (
        Item("SEC-001", SCOPE), Item("SEC-002", SCOPE), Item("SEC-001", Scope("borealis", "development")),
        Item("SEC-006", Scope()), Item("LOD-001", Scope()), Item("LOD-002", Scope()),
    )  # fmt: skip
    jobs = runner.jobs(items)
    assert sorted(len(job) for job in jobs) == [1, 1, 2, 2]
    assert {item.check for item in jobs[0]} == {"LOD-001", "LOD-002"}
    assert sorted(map(str, (item for job in jobs for item in job))) == sorted(map(str, items))


def test_an_empty_plan_runs_nothing(store):
    with ThreadPoolExecutor(1) as executor:
        assert run(TargetSpec(str(store)), Plan((), ()), executor) == ()


@given(st.lists(st.sampled_from(list(Status)), max_size=6))
def test_less_evidence_never_looks_better(statuses):
    """Taking findings away from a scope never turns it from bad to passed, but to not evaluated."""
    findings = [Finding(status, str(number), "") for number, status in enumerate(statuses)]
    whole = aggregate(findings)
    assert aggregate([]) is Status.NOT_EVALUATED
    if whole is Status.PASS:
        assert set(statuses) <= {Status.PASS, Status.DECLARED, Status.NOT_APPLICABLE}
