"""Findings: seven states, and the one place where they become an exit code."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.findings import (
    EXIT_PRECEDENCE,
    CheckResult,
    Evidence,
    ExitCode,
    Finding,
    Scope,
    Severity,
    Status,
    aggregate,
    decide,
    failed,
    gates,
    not_applicable,
    not_evaluated,
    passed,
    verdict,
)

WORST_FIRST = (Status.ERROR, Status.FAIL, Status.NOT_EVALUATED, Status.WAIVED, Status.PASS, Status.DECLARED)


def result(status: Status, severity: Severity = Severity.HIGH, *, optional: bool = False) -> CheckResult:
    return CheckResult(
        check="SEC-001",
        version=1,
        scope=Scope("acme", "production"),
        status=status,
        severity=severity,
        evidence=Evidence.ARTEFACT,
        started=1,
        ended=2,
        findings=(),
        optional=optional,
    )


def test_severities_are_ordered_by_their_score() -> None:
    levels = list(Severity)
    assert [float(level.score) for level in levels] == sorted((float(level.score) for level in levels), reverse=True)
    for one, other in itertools.product(levels, repeat=2):
        assert one.at_least(other) == (float(one.score) >= float(other.score))


def test_finding_constructors_set_their_state() -> None:
    assert passed("acme", "sealed") == Finding(Status.PASS, "acme", "sealed")
    lowered = failed(
        "acme", "plain", expected="sealed", fix="sealproof seal acme", severity=Severity.LOW, reason="no values"
    )
    assert (lowered.status, lowered.expected, lowered.fix, lowered.severity, lowered.reason) == (
        Status.FAIL,
        "sealed",
        "sealproof seal acme",
        Severity.LOW,
        "no values",
    )
    missing = not_evaluated("acme", "no key", fix="set SEALPROOF_KEY_FILE")
    assert (missing.status, missing.observed, missing.reason, missing.fix) == (
        Status.NOT_EVALUATED,
        "no evidence",
        "no key",
        "set SEALPROOF_KEY_FILE",
    )
    assert not_applicable("acme", "no tenant").status is Status.NOT_APPLICABLE


def test_finding_is_frozen() -> None:
    finding = passed("acme", "sealed")
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.status = Status.FAIL  # type: ignore[misc]


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        (Scope(), "store"),
        (Scope(environment="production"), "store"),
        (Scope("acme"), "acme"),
        (Scope("acme", "development"), "acme"),
        (Scope("acme", "production"), "acme.production"),
    ],
)
def test_scope_reads_like_its_file(scope: Scope, text: str) -> None:
    assert str(scope) == text


def test_every_set_of_states_folds_to_its_worst() -> None:
    for size in range(len(Status) + 1):
        for states in itertools.combinations(Status, size):
            folded = aggregate(Finding(state, "r", "o") for state in states)
            worst = next((state for state in WORST_FIRST if state in states), None)
            assert folded is (worst or (Status.NOT_APPLICABLE if states else Status.NOT_EVALUATED))


def test_nothing_examined_is_never_a_pass() -> None:
    assert aggregate(()) is Status.NOT_EVALUATED


@pytest.mark.parametrize(
    ("status", "at_gate", "below_gate", "when_optional"),
    [
        (Status.PASS, ExitCode.OK, ExitCode.OK, ExitCode.OK),
        (Status.FAIL, ExitCode.FINDINGS, ExitCode.OK, ExitCode.FINDINGS),
        (Status.NOT_EVALUATED, ExitCode.NOT_EVALUATED, ExitCode.OK, ExitCode.OK),
        (Status.ERROR, ExitCode.INTERNAL, ExitCode.INTERNAL, ExitCode.INTERNAL),
        (Status.NOT_APPLICABLE, ExitCode.OK, ExitCode.OK, ExitCode.OK),
        (Status.WAIVED, ExitCode.OK, ExitCode.OK, ExitCode.OK),
        (Status.DECLARED, ExitCode.OK, ExitCode.OK, ExitCode.OK),
    ],
)
def test_state_asks_for_its_exit_code(
    status: Status, at_gate: ExitCode, below_gate: ExitCode, when_optional: ExitCode
) -> None:
    for severity, gate in itertools.product(Severity, repeat=2):
        reached = severity.at_least(gate)
        assert gates(result(status, severity), gate) is (at_gate if reached else below_gate)
        if reached:
            assert gates(result(status, severity, optional=True), gate) is when_optional


def test_exit_codes_win_in_their_order() -> None:
    assert [int(code) for code in EXIT_PRECEDENCE] == [3, 7, 4, 1, 6, 5]
    assert decide(()) is ExitCode.OK
    assert decide([ExitCode.OK, ExitCode.OK]) is ExitCode.OK
    for one, other in itertools.combinations(EXIT_PRECEDENCE, 2):
        assert decide([other, ExitCode.OK, one]) is one


def test_no_result_is_its_own_exit_code() -> None:
    empty = verdict((), Severity.HIGH)
    assert (empty.exit_code, empty.gating, empty.evaluated, empty.total) == (ExitCode.NOTHING_RAN, 0, 0, 0)
    assert dict(empty.counts) == {status.value: 0 for status in Status}


states = st.lists(
    st.builds(result, st.sampled_from(Status), st.sampled_from(Severity), optional=st.booleans()),
    min_size=1,
    max_size=12,
)


@settings(deadline=None)
@given(states, st.sampled_from(Severity))
def test_verdict_adds_up(results: list[CheckResult], gate: Severity) -> None:
    outcome = verdict(iter(results), gate)
    counts = dict(outcome.counts)
    assert sum(counts.values()) == len(results)
    assert outcome.total == len(results) - counts["not_applicable"]
    assert outcome.evaluated == counts["pass"] + counts["fail"] + counts["waived"]
    assert outcome.gating == sum(gates(item, gate) is not ExitCode.OK for item in results)
    assert (outcome.exit_code is ExitCode.OK) == (outcome.gating == 0)


@settings(deadline=None)
@given(states, st.sampled_from(Severity), st.integers(0, 11))
def test_losing_evidence_never_turns_the_gate_green(results: list[CheckResult], gate: Severity, index: int) -> None:
    """A failing, required check whose evidence goes missing still gates."""
    index %= len(results)
    before = verdict(results, gate)
    lost = dataclasses.replace(results[index], status=Status.NOT_EVALUATED, optional=False)
    after = verdict([*results[:index], lost, *results[index + 1 :]], gate)
    if gates(results[index], gate) is ExitCode.FINDINGS:
        assert before.exit_code is not ExitCode.OK
        assert after.exit_code is not ExitCode.OK
