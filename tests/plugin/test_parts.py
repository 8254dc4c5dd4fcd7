"""Parallel jobs: each runs a part of the plan, signs it, and the parts become one run."""

from __future__ import annotations

import shutil

import pytest

from sealproof.checks import evidence
from sealproof.checks.gate import Gate, run_gate
from sealproof.checks.runner import Selection
from sealproof.compliance import catalogue
from sealproof.errors import EvidenceRejected
from sealproof.reports import attestation
from sealproof.reports.merge import merge
from sealproof.reports.verify import verify
from sealproof.signing import public_from_pem
from sealproof.vault.custodian import Custodian

RUN = ("--secrets-run-id", "pipeline-7")
TENANTS = ("acme", "bravo")


def _only(monkeypatch, *checks):
    def reason_against(self, check):
        return "" if check.id in checks else "not of this test"

    monkeypatch.setattr(Selection, "reason_against", reason_against)


@pytest.fixture
def few(monkeypatch):
    """Leave the plan two checks over each tenant and one over the store: nobody waits for a whole suite."""
    _only(monkeypatch, "SEC-001", "SEC-005", "SEC-008")


def _part(project, number, of, *arguments, apart=False):
    chosen = ("--secrets-shard", f"{number}/{of}", "--secrets-report-dir", f"part{number}")
    return project.run("--secrets-compliance", *chosen, *arguments, apart=apart)


def _verified(project, name):
    key = project.root / "keys" / "signing" / "report.pub"
    return verify(project.path / name, [public_from_pem(key.read_bytes(), name=key.name)])


def _merged(project, *numbers):
    names = [f"part{number}" for number in numbers]
    parts = [(_verified(project, name), (project.path / name / attestation.NAME).read_bytes()) for name in names]
    return merge(parts, catalogue.load())


def _items(run):
    return {(result.check, str(result.scope)) for result in run.results}


def test_parts_of_pytest_are_signed_and_become_the_whole(project, few):
    for number in (1, 2, 3):
        result = _part(project, number, 3, *RUN)
        assert result.ret == 0
        result.stdout.fnmatch_lines([f"*, part {number}/3", f"part {number}/3 of a plan of 5 items: it says nothing*"])
    run = _merged(project, 1, 2, 3)
    assert run.run_id == "pipeline-7"
    assert len(run.parts) == 3
    assert _items(run) == {
        *((check, tenant) for check in ("SEC-001", "SEC-005") for tenant in TENANTS),
        ("SEC-008", "store"),
    }


def test_a_missing_part_is_refused(project, few):
    for number in (1, 3):
        _part(project, number, 3, *RUN)
    with pytest.raises(EvidenceRejected, match=r"^part 2/3 is missing"):
        _merged(project, 1, 3)


def test_a_part_of_which_something_was_deselected_is_refused(project, few):
    _part(project, 1, 2, *RUN, "-k", "SEC-001")
    _part(project, 2, 2, *RUN)
    with pytest.raises(EvidenceRejected, match=r"^part 2/2 is of another list of checks left out|^the parts hold"):
        _merged(project, 1, 2)


def test_a_part_without_an_item_is_written_for_the_merge(project, few):
    for number in range(1, 5):
        result = _part(project, number, 4, *RUN)
    assert result.ret == 5
    result.stdout.fnmatch_lines(["no check ran: nothing", "part 4/4 of a plan of 5 items: *"])
    assert len(_items(_merged(project, 1, 2, 3, 4))) == 5


def test_parts_of_pytest_and_of_the_command_line_go_together(project, few, monkeypatch):
    monkeypatch.chdir(project.path)
    _part(project, 1, 2, *RUN)
    gate = Gate("secrets", shard="2/2", run_id="pipeline-7", report_dir="part2")
    evidence.write(gate, run_gate(gate))
    assert len(_items(_merged(project, 1, 2))) == 5


def test_the_workers_of_xdist_share_a_part(project, few):
    project.pytester.makeconftest(
        "from sealproof.checks.runner import Selection\n"
        "def reason_against(self, check): return '' if check.id in ('SEC-001', 'SEC-005', 'SEC-008') else 'no'\n"
        "Selection.reason_against = reason_against\n"
    )
    for number in (1, 2):
        assert _part(project, number, 2, *RUN, "-n", "2", apart=True).ret == 0
    assert len(_items(_merged(project, 1, 2))) == 5


def test_what_is_compared_over_tenants_is_compared_over_those_of_other_parts(project, monkeypatch):
    _only(monkeypatch, "SEC-018")
    custodian = Custodian(str(project.root))
    for tenant in TENANTS:
        custodian.seal(tenant, "development", {"DB_PASSWORD": b"one-and-the-same-for-both-of-them"})
    result = _part(project, 1, 2)
    assert project.counts(result) == {"passed": 1, "failed": 1}
    result.stdout.fnmatch_lines(["*shared with*"])


@pytest.mark.parametrize("text", ["3/2", "0/2", "1", "1/1001", "one/two"])
def test_what_is_no_part_ends_the_session_before_anything_runs(project, text):
    result = project.run("--secrets-compliance", "--secrets-shard", text)
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*sealproof: shard '{text}' is no part of a run", "*hint: 1/4*"])


def test_a_named_predecessor_is_followed(project, few):
    assert project.run("--secrets-compliance", "--secrets-report-dir", "first").ret == 0
    kept = project.path / "first" / attestation.NAME
    shutil.rmtree(project.root / "reports")
    assert (
        project.run("--secrets-compliance", "--secrets-report-dir", "second", "--secrets-previous", str(kept)).ret == 0
    )
    assert _verified(project, "second").number == 2
