"""What is said, everywhere: evidence supports, contradicts or is absent. Nobody is ever called compliant."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sealproof
from sealproof.cli.main import COMMANDS, dispatch
from sealproof.compliance import catalogue as shipped
from sealproof.findings import CheckResult, Evidence, RunResult, Scope, Severity, Status, verdict
from sealproof.reports.coverage import Claim, coverage
from sealproof.reports.formats import RENDERERS
from sealproof.reports.write import write_report

if TYPE_CHECKING:
    from sealproof.compliance.catalogue import Catalogue
    from sealproof.signing import SigningKey

PACKAGE = Path(sealproof.__file__).parent
PROJECT = Path(__file__).resolve().parents[3]
CLAIM = re.compile(r"\bcompliant\b|\bcertified\b|\bin compliance with\b", re.IGNORECASE)
CHECKS = tuple(shipped.load().checks.values())


def texts_of(path: Path) -> list[str]:
    """Return every string of a module that is no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [node.value for node in strings if id(node) not in docstrings]


def test_no_text_in_the_code_makes_the_claim() -> None:
    claims = [(path.name, text) for path in PACKAGE.rglob("*.py") for text in texts_of(path) if CLAIM.search(text)]
    assert claims == []


def test_no_data_template_or_document_makes_the_claim() -> None:
    below = [path for kind in ("*.toml", "*.j2", "*.json", "*.css") for path in PACKAGE.rglob(kind)]
    documents = [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]
    # A document may quote the word in order to refuse it.
    found = {
        path.name: CLAIM.findall(re.sub(r'[“"`][^“”"`\n]*[”"`]', "", path.read_text())) for path in below + documents
    }
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize("name", RENDERERS)
def test_no_format_makes_the_claim(run: RunResult, clean_run: RunResult, catalogue: Catalogue, name: str) -> None:
    for each in (run, clean_run):
        assert not CLAIM.search(RENDERERS[name](each, catalogue, signer="").decode())


def test_no_file_of_a_report_makes_the_claim(
    tmp_path: Path, clean_run: RunResult, catalogue: Catalogue, key: SigningKey
) -> None:
    write_report(tmp_path / "report", clean_run, catalogue, [key])
    for path in (tmp_path / "report").iterdir():
        assert not CLAIM.search(path.read_text())


def test_no_command_makes_the_claim(capsys: pytest.CaptureFixture[str]) -> None:
    for check in CHECKS:
        dispatch(["explain", check.id])
    for command in COMMANDS:
        with pytest.raises(SystemExit):
            dispatch([command, "--help"])
    said = capsys.readouterr()
    assert "CMP-016" in said.out
    assert not CLAIM.search(said.out + said.err)


def result(check_index: int, status: Status) -> CheckResult:
    check = CHECKS[check_index]
    scope = Scope("acme", "production") if check.scope == "tenant" else Scope()
    return CheckResult(check.id, 1, scope, status, check.severity, Evidence.ARTEFACT, 0, 0, ())


def supported(run: RunResult) -> int:
    return sum(part.count(Claim.SUPPORTS) for part in coverage(run, shipped.load()))


RESULTS = st.dictionaries(st.integers(0, len(CHECKS) - 1), st.sampled_from(Status), min_size=1, max_size=20)


@settings(deadline=None)
@given(RESULTS, st.sampled_from((Status.NOT_EVALUATED, Status.ERROR)), st.data())
def test_taking_evidence_away_never_raises_a_score(
    states: dict[int, Status], missing: Status, data: st.DataObject
) -> None:
    """Whatever was lost, what spoke against a control too: no control wins support, no share and no count rises."""
    chosen = data.draw(st.sampled_from(sorted(states)))
    before = [result(index, status) for index, status in states.items()]
    after = [result(index, missing if index == chosen else status) for index, status in states.items()]
    run = RunResult(
        "r", 1, "", "0", "1", "0" * 64, "production", Severity.HIGH, Severity.INFO, 0, 0, (), (), "", tuple(before), ()
    )
    assert supported(replace(run, results=tuple(after))) <= supported(run)
    one, other = verdict(before, Severity.HIGH), verdict(after, Severity.HIGH)
    assert other.evaluated * one.total <= one.evaluated * other.total
    assert dict(other.counts)["pass"] <= dict(one.counts)["pass"]
