"""results.json: what goes in comes out, and nothing else comes out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.compliance import catalogue as shipped
from sealproof.errors import EvidenceRejected
from sealproof.findings import (
    CheckResult,
    Evidence,
    Finding,
    Input,
    NotRun,
    RunResult,
    Scope,
    Severity,
    Status,
    Waiver,
    verdict,
)
from sealproof.reports import results, schema
from sealproof.reports._times import LATEST
from sealproof.signing import canonical

if TYPE_CHECKING:
    from collections.abc import Callable

NASTY = (
    "<script>alert(1)</script>",
    "\x1b[2J\x1b]0;title\x07",
    '=HYPERLINK("https://evil.example","x")',
    "one\r\ntwo\u2028three",
    "\u202egnp.exe\u2069",
    '"}],"subject":[{"name":"x',
    "\x00\x7f\ufeff",
    "{{ 7 * 7 }}{% raw %}",
)
CATALOGUE = shipped.load()

# Without DEL and C1, which are written as their escapes: a test of its own says so.
texts = st.one_of(st.text(max_size=20), st.sampled_from(NASTY)).filter(lambda text: not re.search("[\x7f-\x9f]", text))
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
instants = st.integers(0, LATEST)
checks = st.sampled_from(tuple(CATALOGUE.checks))
findings = st.builds(
    Finding,
    status=st.sampled_from(Status),
    resource=texts,
    observed=texts,
    expected=texts,
    fix=texts,
    severity=st.none() | st.sampled_from(Severity),
    reason=texts,
)
check_results = st.builds(
    CheckResult,
    check=checks,
    version=st.integers(1, 99),
    scope=st.builds(Scope, texts, texts),
    status=st.sampled_from(Status),
    severity=st.sampled_from(Severity),
    evidence=st.sampled_from(Evidence),
    started=instants,
    ended=instants,
    findings=st.lists(findings, max_size=2).map(tuple),
    inputs=st.lists(st.builds(Input, texts, digests), max_size=2).map(tuple),
    parameters=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    optional=st.booleans(),
)
some_texts = st.lists(texts, max_size=2).map(tuple)
waivers = st.builds(
    Waiver,
    id=texts,
    check=checks,
    scope=st.builds(Scope, texts, texts),
    resource=texts,
    reason=texts,
    owner=texts,
    approver=texts,
    created=texts,
    expires=texts,
    reference=texts,
    compensating=texts,
    days_left=st.integers(-400, 400),
    refused=texts,
    covers=st.integers(0, 9),
)
runs = st.builds(
    RunResult,
    run_id=texts.filter(bool),
    number=st.integers(1, 2**53 - 1),
    previous=digests | st.just(""),
    tool_version=st.from_regex(r"[0-9A-Za-z.+!_-]{1,64}", fullmatch=True),
    catalogue_version=st.just(CATALOGUE.version),
    catalogue_digest=st.just(CATALOGUE.digest),
    profile=texts,
    gate=st.sampled_from(Severity),
    report_level=st.sampled_from(Severity),
    started=instants,
    ended=instants,
    frameworks=some_texts,
    tenants=some_texts,
    rollback=texts,
    results=st.lists(check_results, max_size=3).map(tuple),
    not_run=st.lists(st.builds(NotRun, checks, texts), max_size=2).map(tuple),
    notes=some_texts,
    waivers=st.lists(waivers, max_size=2).map(tuple),
    lead=texts,
    waiver_file=digests | st.just(""),
)


@settings(deadline=None)
@given(runs)
def test_a_run_survives_the_round_trip(run: RunResult) -> None:
    assert results.decode(results.encode(run)) == run


@pytest.mark.parametrize("code", ["\x7f", "\x80", "\x9b", "\x9f"])
def test_a_control_character_that_json_leaves_is_written_as_its_escape(run: RunResult, code: str) -> None:
    data = results.encode(replace(run, notes=(f"a{code}31mb",)))
    assert code not in data.decode()
    assert results.decode(data).notes == (f"a\\x{ord(code):02x}31mb",)


@settings(deadline=None)
@given(runs)
def test_what_is_written_fits_the_published_schema(run: RunResult) -> None:
    schema.validate(json.loads(results.encode(run)))


@settings(deadline=None)
@given(check_results)
def test_a_result_travels_between_processes_as_plain_data(result: CheckResult) -> None:
    carried = json.loads(json.dumps(results.result_to_dict(result)))
    assert results.result_from_dict(carried) == result


@settings(deadline=None)
@given(runs)
def test_the_stated_verdict_is_the_counted_one(run: RunResult) -> None:
    assert results.read(results.encode(run)).stated == verdict(run.results, run.gate)


def test_the_same_run_is_the_same_bytes(run: RunResult) -> None:
    assert results.encode(run) == results.encode(replace(run))


def test_a_program_needs_no_catalogue(run: RunResult) -> None:
    entry = json.loads(results.encode(run))["results"][0]
    assert entry["title"] == "Secrets are ciphertext at rest"
    assert entry["controls"]["soc2"] == ["CC6.1", "C1.1"]


def test_times_are_utc_text_with_milliseconds(run: RunResult) -> None:
    assert json.loads(results.encode(run))["run"]["started"] == "2026-11-23T22:20:05.123Z"


def test_a_file_name_that_utf8_cannot_hold_is_written_as_its_escape(run: RunResult) -> None:
    broken = replace(run.results[0], findings=(Finding(Status.FAIL, "caf\udce9.env", ""),))
    decoded = results.decode(results.encode(replace(run, results=(broken,))))
    assert decoded.results[0].findings[0].resource == "caf\\udce9.env"
    assert results.result_to_dict(broken)["findings"][0]["resource"] == "caf\\udce9.env"  # type: ignore[index]


@pytest.mark.parametrize("field", ["results", "not_run"])
def test_a_check_that_the_catalogue_does_not_have_is_refused(run: RunResult, field: str) -> None:
    entries = getattr(run, field)
    unknown = replace(run, **{field: (replace(entries[0], check="XYZ-999"),)})  # type: ignore[arg-type]
    with pytest.raises(EvidenceRejected, match="has no check 'XYZ-999'"):
        results.encode(unknown)


def _at(document: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


def _set(*path: str | int, to: object) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        _at(document, path[:-1])[path[-1]] = to

    return change


def _drop(*path: str | int) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        del _at(document, path[:-1])[path[-1]]

    return change


FIRST = ("results", 0)
FINDING = (*FIRST, "findings", 0)
MUTATIONS = {
    "schema is not sealproof-results/1": _set("schema", to="sealproof-results/2"),
    "schema is missing": _drop("schema"),
    "extra is unknown": _set("extra", to=1),
    '"no name" is unknown': _set("no name", to=1),
    "tool.name is not sealproof": _set("tool", "name", to="other"),
    "tool.version has another form": _set("tool", "version", to="1.0'; rm -rf /"),
    "tool.version is empty": _set("tool", "version", to=""),
    "tool is no object": _set("tool", to=[]),
    "catalogue.digest has another form": _set("catalogue", "digest", to="0" * 63),
    "catalogue.digest is empty": _set("catalogue", "digest", to=""),
    "catalogue.version is missing": _drop("catalogue", "version"),
    "run.id is empty": _set("run", "id", to=""),
    "run.number is not between": _set("run", "number", to=0),
    "run.number is no integer": _set("run", "number", to=True),
    "run.previous has another form": _set("run", "previous", to="none"),
    "run.gate is none of critical, high": _set("run", "gate", to="CRITICAL"),
    "run.report_level is none of": _set("run", "report_level", to=None),
    "run.started is no time": _set("run", "started", to="2026-11-23T22:10:05Z"),
    "run.ended is no text": _set("run", "ended", to=1_795_472_405_123),
    "run.tenants is no list": _set("run", "tenants", to="aurora"),
    r"run.tenants\[0\] is no text": _set("run", "tenants", 0, to=None),
    "run.frameworks is missing": _drop("run", "frameworks"),
    "run.rollback is no text": _set("run", "rollback", to=False),
    "run.waivers is missing": _drop("run", "waivers"),
    "run.waiver_file has another form": _set("run", "waiver_file", to="none"),
    r"run.waivers\[0\].check has another form": _set("run", "waivers", 0, "check", to="ROT-1"),
    r"run.waivers\[0\].scope.tenant is no text": _set("run", "waivers", 0, "scope", "tenant", to=None),
    r"run.waivers\[0\].days_left is no integer": _set("run", "waivers", 0, "days_left", to="12"),
    r"run.waivers\[0\].covers is not between": _set("run", "waivers", 0, "covers", to=-1),
    r"run.waivers\[0\].signature is unknown": _set("run", "waivers", 0, "signature", to=""),
    r"run.notes\[0\] is no text": _set("run", "notes", 0, to={}),
    "verdict.exit_code is none of": _set("verdict", "exit_code", to=8),
    "verdict.exit_code is none of 0": _set("verdict", "exit_code", to=False),
    "verdict.counts.fail is no integer": _set("verdict", "counts", "fail", to="1"),
    "verdict.counts.fail is not between": _set("verdict", "counts", "fail", to=-1),
    "verdict.counts.fail is missing": _drop("verdict", "counts", "fail"),
    "verdict.counts.skipped is unknown": _set("verdict", "counts", "skipped", to=0),
    "verdict.total is not between": _set("verdict", "total", to=2**53),
    "results is no list": _set("results", to={}),
    r"results\[0\] is no object": _set("results", 0, to="pass"),
    r"results\[0\].check has another form": _set(*FIRST, "check", to="SEC-1"),
    r"results\[0\].check has another form than": _set(*FIRST, "check", to="SEC-001\n"),
    r"results\[0\].version is not between": _set(*FIRST, "version", to=0),
    r"results\[0\].title is no text": _set(*FIRST, "title", to=None),
    r"results\[0\].controls.soc2 is no list": _set(*FIRST, "controls", "soc2", to="CC6.1"),
    r"results\[0\].controls is no object": _set(*FIRST, "controls", to=[]),
    r"results\[0\].scope.environment is missing": _drop(*FIRST, "scope", "environment"),
    r"results\[0\].status is none of pass, fail": _set(*FIRST, "status", to="skipped"),
    r"results\[0\].severity is none of": _set(*FIRST, "severity", to="9.5"),
    r"results\[0\].evidence is none of C, A, T, D": _set(*FIRST, "evidence", to="X"),
    r"results\[0\].started is no time: .*month": _set(*FIRST, "started", to="2026-13-01T00:00:00.000Z"),
    r"results\[0\].ended is no time": _set(*FIRST, "ended", to="1969-12-31T23:59:59.999Z"),
    r"results\[0\].optional is neither": _set(*FIRST, "optional", to=0),
    r"results\[0\].inputs\[0\].sha256 has another form": _set(*FIRST, "inputs", 0, "sha256", to="A" * 64),
    r"results\[0\].inputs\[0\].name is missing": _drop(*FIRST, "inputs", 0, "name"),
    r"results\[0\].parameters is no list": _set(*FIRST, "parameters", to={"days": "90"}),
    r"results\[0\].waived is unknown": _set(*FIRST, "waived", to=True),
    r"results\[0\].findings\[0\].status is none of": _set(*FINDING, "status", to="ok"),
    r"results\[0\].findings\[0\].severity is none of": _set(*FINDING, "severity", to=""),
    r"results\[0\].findings\[0\].observed is no text": _set(*FINDING, "observed", to=3),
    r"results\[0\].findings\[0\].waived_by is missing": _drop(*FINDING, "waived_by"),
    r"results\[0\].findings\[0\].fix is missing": _drop(*FINDING, "fix"),
    r"results\[0\].findings\[0\].value is unknown": _set(*FINDING, "value", to="hunter2"),
    r"not_run\[0\].check has another form": _set("not_run", 0, "check", to=""),
    r"not_run\[0\].reason is missing": _drop("not_run", 0, "reason"),
}
SCHEMA_IS_LAXER = {r"results\[0\].check has another form than"}  # Python's $ matches before a last line break


@pytest.mark.parametrize("name", MUTATIONS)
def test_anything_unexpected_is_refused_by_name(run: RunResult, name: str) -> None:
    document = json.loads(results.encode(run))
    MUTATIONS[name](document)
    pattern = "not_run.0..check is empty" if name.startswith("not_run") and "form" in name else name
    with pytest.raises(EvidenceRejected, match=pattern):
        results.decode(canonical(document))


@pytest.mark.parametrize("name", sorted(MUTATIONS.keys() - SCHEMA_IS_LAXER))
def test_the_schema_refuses_it_too(run: RunResult, name: str) -> None:
    document = json.loads(results.encode(run))
    MUTATIONS[name](document)
    with pytest.raises(EvidenceRejected, match=r"^\$.* does not fit results.schema.json"):
        schema.validate(document)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: data[:-1], id="truncated"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda data: b"\xef\xbb\xbf" + data, id="byte order mark"),
        pytest.param(lambda data: b"[" * 100_000 + data, id="nested without end"),
        pytest.param(lambda data: data.replace(b'"number":12', b'"number":12.0'), id="float"),
        pytest.param(lambda data: data.replace(b'"number":12', b'"number":NaN'), id="not a number"),
        pytest.param(lambda data: data.replace(b'"number":12', b'"number":' + b"9" * 5000), id="endless integer"),
        pytest.param(lambda data: data.replace(b"aurora", b"\xff\xfe", 1), id="not UTF-8"),
        pytest.param(lambda data: data.replace(b"aurora", b"\\ud800", 1), id="lone surrogate"),
    ],
)
def test_bytes_that_are_no_json_of_ours_are_refused(run: RunResult, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(EvidenceRejected, match="is no JSON of the kind"):
        results.decode(spoil(results.encode(run)))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: data + b"\n", id="trailing line break"),
        pytest.param(lambda data: data.replace(b'"number":12', b'"number":12,"number":12'), id="doubled key"),
        pytest.param(lambda data: data.replace(b"aurora", b"\\u0061urora", 1), id="escape"),
        pytest.param(lambda data: json.dumps(json.loads(data), indent=2).encode(), id="pretty"),
    ],
)
def test_one_document_has_one_spelling(run: RunResult, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(EvidenceRejected, match="not in canonical form"):
        results.decode(spoil(results.encode(run)))


def test_every_object_of_the_schema_is_closed() -> None:
    def objects(node: object) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [found for item in node for found in objects(item)]
        if not isinstance(node, dict):
            return []
        own = [node] if node.get("type") == "object" else []
        return own + [found for item in node.values() for found in objects(item)]

    found = objects(json.loads(schema.text()))
    assert len(found) > 10
    for entry in found:
        if "properties" in entry:
            assert entry["additionalProperties"] is False
            assert set(entry["required"]) == set(entry["properties"])
