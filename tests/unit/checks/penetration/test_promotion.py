"""PEN-009 and PEN-010, on access control that lets readers do more, that forgets, and that is in order."""

from __future__ import annotations

from sealproof.findings import Severity, Status

ALLOWS_EVERYTHING = """
from sealproof.vault.access.control import AccessControl
from sealproof.vault.access.interface import Decision
AccessControl._weigh = lambda *args, **more: Decision(allowed=True, rule="none", reason="why not")
"""
FORGETS_REFUSALS = """
from sealproof.vault.access.attempts import Attempts
Attempts.refused = lambda *args: 0
"""


def test_readers_stay_readers(store, run_check):
    result = run_check(store, "PEN-009")
    assert result.status is Status.PASS
    assert [finding.resource for finding in result.findings] == [
        "operations on secrets",
        "operations on the policy",
        "log of denials",
    ]


def test_access_control_that_allows_everything_fails(run_weakened, failures):
    result = run_weakened("PEN-009", ALLOWS_EVERYTHING)
    assert (result.status, result.severity) == (Status.FAIL, Severity.CRITICAL)
    assert "write: accepted" in failures(result)["operations on secrets"].observed
    assert "reader grants itself more: accepted" in failures(result)["operations on the policy"].observed
    assert "denials are logged" in failures(result)["log of denials"].observed


def test_guessing_is_slowed(store, run_check):
    result = run_check(store, "PEN-010")
    assert result.status is Status.PASS
    assert dict(result.parameters) == {"access_attempts": "5"}


def test_access_control_that_forgets_refusals_fails(run_weakened, failures):
    result = run_weakened("PEN-010", FORGETS_REFUSALS)
    assert (result.status, result.severity) == (Status.FAIL, Severity.MEDIUM)
    assert "guess 6, behind the threshold: AccessDenied" in failures(result)["repeated guesses"].observed
