"""The verdict in words, and the order of what is to be acted on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealproof.findings import ExitCode, Severity, Status, verdict
from sealproof.reports._checks import is_command
from sealproof.reports._page import build, headline, scope_views

if TYPE_CHECKING:
    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.reports._page import Page


def _without(run: RunResult, *statuses: Status) -> RunResult:
    return replace(run, results=tuple(result for result in run.results if result.status not in statuses))


def _page(run: RunResult, catalogue: Catalogue) -> Page:
    scopes = scope_views(run, catalogue)
    return build(run, catalogue, signer="", digest="", scopes=scopes, batches={}, most=100)


@pytest.mark.parametrize(
    ("left_out", "gate", "code", "title", "lede"),
    [
        (
            (),
            Severity.HIGH,
            ExitCode.INTERNAL,
            "No verdict: a check broke",
            (
                "1 item broke while running; until that is repaired, this run decides nothing."
                " 3 items at or above high fail besides. 2 more items at or above high could not be evaluated."
            ),
        ),
        (
            (Status.ERROR,),
            Severity.HIGH,
            ExitCode.FINDINGS,
            "The gate is not met",
            "3 items at or above high fail. 2 more items at or above high could not be evaluated.",
        ),
        (
            (Status.ERROR, Status.NOT_EVALUATED),
            Severity.CRITICAL,
            ExitCode.FINDINGS,
            "The gate is not met",
            "2 items of critical severity fail.",
        ),
        (
            (Status.ERROR, Status.FAIL),
            Severity.HIGH,
            ExitCode.NOT_EVALUATED,
            "The gate is not met: evidence is missing",
            "2 items at or above high could not be evaluated, and missing evidence is never a pass.",
        ),
        (
            (Status.ERROR, Status.NOT_EVALUATED, Status.FAIL),
            Severity.HIGH,
            ExitCode.OK,
            "The gate is met",
            "No item at or above high fails, and none was left without evaluation. 1 item fails under a waiver.",
        ),
        (
            tuple(status for status in Status if status is not Status.DECLARED),
            Severity.HIGH,
            ExitCode.OK,
            "No evidence was collected",
            "Nothing at or above high fails, for nothing was evaluated.",
        ),
        (
            tuple(Status),
            Severity.HIGH,
            ExitCode.NOTHING_RAN,
            "Nothing was checked",
            "No item ran, so this run says nothing.",
        ),
    ],
)
def test_the_verdict_is_put_into_words(
    run: RunResult, *, left_out: tuple[Status, ...], gate: Severity, code: ExitCode, title: str, lede: str
) -> None:
    judged = replace(_without(run, *left_out), gate=gate)
    outcome = verdict(judged.results, gate)
    said = headline(judged, outcome)
    assert outcome.exit_code is code
    assert (said.title, said.lede) == (title, lede)


def test_an_optional_item_without_evidence_is_not_hidden_by_a_met_gate(run: RunResult) -> None:
    spared = _without(run, Status.ERROR, Status.FAIL)
    spared = replace(spared, results=tuple(replace(result, optional=True) for result in spared.results))
    said = headline(spared, verdict(spared.results, spared.gate))
    assert said.title == "The gate is met"
    assert said.lede.startswith("No item at or above high fails. 2 items could not be evaluated, and need not be here.")


def test_failures_below_the_gate_are_told(run: RunResult) -> None:
    failing = _without(run, Status.ERROR, Status.NOT_EVALUATED)
    lowered = replace(failing, results=tuple(replace(result, severity=Severity.LOW) for result in failing.results))
    assert headline(lowered, verdict(lowered.results, lowered.gate)).lede.endswith(" 5 items below the gate fail.")


def test_what_fails_the_gate_comes_first_and_then_the_worst(run: RunResult, catalogue: Catalogue) -> None:
    found = [(item.check.id, item.gating, item.severity.value) for item in _page(run, catalogue).problems]
    assert found == [
        ("SEC-001", True, "critical"),
        ("SEC-006", True, "critical"),
        ("SEC-018", True, "high"),
        ("ROT-008", True, "high"),
        ("SEC-013", True, "high"),
        ("ROT-009", True, "high"),
        ("SEC-014", False, "medium"),
        ("SEC-018", False, "medium"),
    ]


def test_each_problem_says_what_to_do(run: RunResult, catalogue: Catalogue) -> None:
    fixes = {(item.check.id, item.gating): item.fixes for item in _page(run, catalogue).problems}
    assert fixes["SEC-018", True] == (
        "sealproof rotate SESSION_SECRET --tenant aurora",
        "sealproof rotate SMTP_PASSWORD --tenant aurora",
    )
    assert fixes["ROT-008", True] == ("See the run's log, repair the check, and run again.",)
    assert fixes["ROT-009", True] == ("Supply the missing evidence, and run again.",)


def test_a_failure_without_a_fix_of_its_own_has_the_check_s(run: RunResult, catalogue: Catalogue) -> None:
    failing = next(result for result in run.results if result.check == "SEC-006")
    bare = replace(failing, findings=tuple(replace(finding, fix="") for finding in failing.findings))
    assert _page(replace(run, results=(bare,)), catalogue).problems[0].fixes == ("chmod -R u=rwX,go= secrets/keys",)


def test_the_worst_items_of_a_check_are_shown_first(run: RunResult, catalogue: Catalogue) -> None:
    security = _page(run, catalogue).suites[0]
    view = next(check for check in security.checks if check.check.id == "SEC-018")
    assert [str(item.result.scope) for item in view.notable] == ["aurora", "cirrus"]
    assert [str(item.result.scope) for item in view.quiet] == ["borealis"]
    assert [item.lowered for item in view.notable] == [False, True]


def test_a_suite_counts_what_failed_by_severity(run: RunResult, catalogue: Catalogue) -> None:
    security = _page(run, catalogue).suites[0]
    counts = {severity.value: count for severity, count in security.failing}
    assert counts == {"critical": 2, "high": 1, "medium": 2, "low": 0, "info": 0}
    assert (security.ran, security.declared, security.evaluated, security.total) == (21, 21, 31, 32)


@pytest.mark.parametrize(
    ("fix", "typed"),
    [
        ("sealproof rotate --due", True),
        ("git fetch --unshallow", True),
        ("rotate the key", False),
        ("sealproof cannot mend this.", False),
        ("", False),
    ],
)
def test_a_command_is_told_from_a_sentence(fix: str, *, typed: bool) -> None:
    assert is_command(fix) is typed
