"""PEN-005, on libraries that take old files, and on hosts with and without an anchor."""

from __future__ import annotations

import subprocess

import pytest

from sealproof.findings import ExitCode, Severity, Status, gates

ANCHORED, POLICY, HOST = "older file under an anchor", "older policy", "this host"


@pytest.fixture
def anchored(monkeypatch):
    monkeypatch.setenv("SEALPROOF_MIN_GENERATION", "1")


def test_an_anchored_host_passes(store, run_check, anchored):
    result = run_check(store, "PEN-005")
    assert result.status is Status.PASS
    assert [finding.resource for finding in result.findings] == [ANCHORED, POLICY, HOST]


def test_a_host_without_an_anchor_is_reported_and_does_not_gate(store, run_check, failures):
    result = run_check(store, "PEN-005")
    finding = failures(result)[HOST]
    assert (finding.observed, finding.reason) == (
        "rollback: not protected here",
        "no freshness anchor is set on this host",
    )
    assert (result.status, result.severity, finding.severity) == (Status.FAIL, Severity.LOW, Severity.LOW)
    assert gates(result, Severity.HIGH) is ExitCode.OK


def test_the_fix_can_be_typed(store, run_check, failures, monkeypatch, tmp_path):
    fix = failures(run_check(store, "PEN-005"))[HOST].fix
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    typed = ["bash", "-c", f'{fix}; echo -n "$SEALPROOF_STATE"']
    state = subprocess.run(typed, env=home, capture_output=True, text=True, check=True).stdout
    monkeypatch.setenv("SEALPROOF_STATE", state)
    assert run_check(store, "PEN-005").status is Status.PASS


def test_marks_of_this_host_are_an_anchor(store, run_check, monkeypatch, tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    monkeypatch.setenv("SEALPROOF_STATE", str(state))
    result = run_check(store, "PEN-005")
    assert result.status is Status.PASS
    assert list(state.iterdir()) == []  # scratch stores leave no mark there


@pytest.mark.parametrize("made", [False, True], ids=["absent", "open to others"])
def test_marks_that_cannot_be_kept_fail_and_gate(store, run_check, failures, monkeypatch, made):
    state = store.parent / "state of this host"
    if made:
        state.mkdir(mode=0o755)
    monkeypatch.setenv("SEALPROOF_STATE", str(state))
    result = run_check(store, "PEN-005")
    assert (result.status, result.severity) == (Status.FAIL, Severity.HIGH)
    subprocess.run(failures(result)[HOST].fix, shell=True, check=True)
    assert run_check(store, "PEN-005").status is Status.PASS


def test_a_minimum_that_is_no_generation_fails(store, run_check, failures, monkeypatch):
    monkeypatch.setenv("SEALPROOF_MIN_GENERATION", "newest")
    result = run_check(store, "PEN-005")
    assert (set(failures(result)), result.severity) == ({HOST}, Severity.HIGH)


CHECKS_NO_FRESHNESS = """
from sealproof.envelope.freshness import Freshness
Freshness.check = lambda self, envelope: None
"""
IGNORES_A_BAD_MARK = """
from sealproof.envelope.freshness import Mark
parse = Mark.parse.__func__
def lenient(cls, text, *, tenant, environment):
    try:
        return parse(cls, text, tenant=tenant, environment=environment)
    except Exception:
        return cls(tenant, environment, 1, "")
Mark.parse = classmethod(lenient)
"""
IGNORES_A_BAD_MINIMUM = (
    "import sealproof.loader.tenant as t\nt.parse_minimum = lambda text: int(text) if text.isdecimal() else 0\n"
)
TAKES_ANY_POLICY = """
from sealproof.vault.access import policyfile
policyfile._raise_mark = lambda directory, seen, root: None
"""


@pytest.mark.parametrize(
    ("preludes", "observed"),
    [
        (
            (CHECKS_NO_FRESHNESS, TAKES_ANY_POLICY),
            {
                ANCHORED: ["older than the pinned minimum: accepted"],
                POLICY: ["older policy put back: accepted"],
            },
        ),
        (
            (IGNORES_A_BAD_MARK, IGNORES_A_BAD_MINIMUM),
            {ANCHORED: ["with a mark emptied: accepted", "with a pinned minimum of 0: accepted"]},
        ),
    ],
    ids=["takes old files and policies", "ignores bad anchors"],
)
def test_a_library_that_takes_old_files_fails(run_weakened, failures, anchored, preludes, observed):
    result = run_weakened("PEN-005", *preludes)
    assert (result.check, result.status, result.severity) == ("PEN-005", Status.FAIL, Severity.HIGH)
    said = failures(result)
    assert [text for resource, texts in observed.items() for text in texts if text not in said[resource].observed] == []
