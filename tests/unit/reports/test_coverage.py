"""What evidence says about controls: never more than it holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.findings import Status
from sealproof.reports.coverage import Claim, claim, coverage

if TYPE_CHECKING:
    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.reports.coverage import Control

states = st.sets(st.sampled_from(Status))


@given(states)
def test_a_control_is_supported_only_if_something_passed_nothing_failed_and_nothing_is_missing(
    present: set[Status],
) -> None:
    against, missing = {Status.FAIL, Status.WAIVED}, {Status.NOT_EVALUATED, Status.ERROR}
    assert (claim(present) is Claim.SUPPORTS) is (Status.PASS in present and not present & (against | missing))


@given(states, st.sampled_from((Status.NOT_EVALUATED, Status.ERROR)))
def test_missing_evidence_never_adds_support(present: set[Status], missing: Status) -> None:
    for lost in (set(), *({status} for status in present)):
        assert claim((present - lost) | {missing}) is not Claim.SUPPORTS


@pytest.mark.parametrize("missing", [Status.NOT_EVALUATED, Status.ERROR])
def test_evidence_that_is_there_in_part_is_called_incomplete(missing: Status) -> None:
    assert claim({Status.PASS, missing}) is Claim.INCOMPLETE
    assert claim({Status.PASS, missing, Status.FAIL}) is Claim.CONTRADICTS


@pytest.mark.parametrize("status", [Status.NOT_EVALUATED, Status.ERROR, Status.DECLARED, Status.NOT_APPLICABLE])
def test_what_is_no_evidence_claims_nothing(status: Status) -> None:
    assert claim({status}) is Claim.NONE


def test_a_waiver_moves_the_gate_and_not_the_evidence() -> None:
    assert claim({Status.PASS, Status.WAIVED}) is Claim.CONTRADICTS


def _control(run: RunResult, catalogue: Catalogue, framework: str, control: str) -> Control:
    found = next(item for item in coverage(run, catalogue) if item.framework.id == framework)
    return next(item for item in found.controls if item.id == control)


def test_a_control_counts_the_checks_that_ran_and_those_that_did_not(run: RunResult, catalogue: Catalogue) -> None:
    control = _control(run, catalogue, "soc2", "A1.3")
    assert control.checks == ("CMP-014", "ROT-009")
    assert (control.ran, control.evaluated, control.items) == (1, 2, 3)
    assert control.claim is Claim.INCOMPLETE


def test_a_control_without_a_run_has_no_evidence(run: RunResult, catalogue: Catalogue) -> None:
    control = _control(run, catalogue, "soc2", "CC2.1")
    assert (control.claim, control.ran, control.items) == (Claim.NONE, 0, 0)


def test_a_control_says_when_all_that_contradicts_is_waived(run: RunResult, catalogue: Catalogue) -> None:
    waived = replace(run, results=tuple(result for result in run.results if result.check == "ROT-001"))
    control = _control(waived, catalogue, "iso27001", "A.5.17")
    assert control.claim is Claim.CONTRADICTS
    assert control.waived


def test_a_declared_record_is_named_and_supports_nothing(run: RunResult, catalogue: Catalogue) -> None:
    declared = replace(run, results=tuple(result for result in run.results if result.check == "ROT-004"))
    control = _control(declared, catalogue, "iso27001", "A.8.24")
    assert control.claim is Claim.NONE
    assert control.declared


def test_a_narrowed_run_speaks_of_its_frameworks_only(run: RunResult, catalogue: Catalogue) -> None:
    narrowed = coverage(replace(run, frameworks=("soc2",)), catalogue)
    assert [item.framework.id for item in narrowed] == ["soc2"]


def test_every_mapped_control_is_in_one_state(run: RunResult, catalogue: Catalogue) -> None:
    for item in coverage(run, catalogue):
        assert sum(item.count(said) for said in Claim) == len(item.controls) == len(catalogue.mapped(item.framework.id))


def test_the_leading_framework_comes_first(run: RunResult, catalogue: Catalogue) -> None:
    plain = [part.framework.id for part in coverage(run, catalogue)]
    led = [part.framework.id for part in coverage(replace(run, lead="hipaa"), catalogue)]
    assert led == ["hipaa", *(name for name in plain if name != "hipaa")]
