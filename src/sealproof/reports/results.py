"""`results.json`: a run as canonical JSON, the one source that every other format is made from.

`results.schema.json` describes the same document to programs; `decode` is as strict as that schema.
The document states the run's verdict and, beside each result, the check's title and its controls, so
that a reader needs neither our code nor our catalogue. `decode` leaves those statements alone;
`sealproof.reports.verify` recounts them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealproof.compliance import catalogue as shipped
from sealproof.compliance.additions import extended
from sealproof.errors import EvidenceRejected
from sealproof.findings import (
    Age,
    CheckResult,
    Evidence,
    Finding,
    Input,
    NotRun,
    RunResult,
    Scope,
    Severity,
    Status,
    Verdict,
    verdict,
)
from sealproof.reports._additions import additions_from, additions_to_dict
from sealproof.reports._lineage import history_from, lineage_to_dict, parts_from, shard_from
from sealproof.reports._reader import HEX_DIGEST, Node, parse
from sealproof.reports._times import stamp
from sealproof.reports._verdicts import verdict_from, verdict_to_dict
from sealproof.reports._waivers import waiver_from, waiver_to_dict
from sealproof.signing import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.compliance.catalogue import Catalogue, Check

NAME = "results.json"
SCHEMA = "sealproof-results/1"
_CODES = re.compile("[\x7f-\x9f]")  # DEL and C1; JSON escapes C0 itself
_CODED = re.compile(rb"\x7f|\xc2[\x80-\x9f]")  # the same in UTF-8
TOOL = "sealproof"

_CHECK = re.compile(r"[A-Z]{2,8}-[0-9]{3}")
_VERSION = re.compile(r"[0-9A-Za-z.+!_-]{1,64}")

_FINDING = ("status", "resource", "observed", "expected", "fix", "severity", "reason", "age", "waived_by")
_RESULT = (
    *("check", "version", "scope", "status", "severity", "evidence", "started", "ended"),
    *("findings", "inputs", "parameters", "optional"),
)
_RUN = (
    *("id", "number", "previous", "profile", "gate", "report_level", "started", "ended"),
    *("frameworks", "tenants", "rollback", "notes", "waivers", "waiver_file", "lead"),
    *("history", "shard", "parts", "edition", "additions"),
)


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded `results.json`: the run, and the verdict that the document states about it."""

    run: RunResult
    stated: Verdict


def encode(run: RunResult, catalogue: Catalogue | None = None) -> bytes:
    """Return `run` as canonical JSON, with titles and controls from `catalogue` (default: the one shipped).

    A text that UTF-8 cannot hold (a lone surrogate out of a file name) is written as its escape, and so are
    the control characters that JSON would leave as they are: a terminal obeys them.

    Raises EvidenceRejected if a result is of a check that the catalogue does not have, ConfigurationError on
    additions that do not fit it.
    """
    known = extended(shipped.load() if catalogue is None else catalogue, run.additions)
    document = {
        "schema": SCHEMA,
        "tool": {"name": TOOL, "version": run.tool_version},
        "catalogue": {"version": run.catalogue_version, "digest": run.catalogue_digest},
        "run": _run_fields(run),
        "verdict": verdict_to_dict(verdict(run.results, run.gate)),
        "results": [_explained(result, known) for result in run.results],
        "not_run": [{"check": _known(skipped.check, known).id, "reason": skipped.reason} for skipped in run.not_run],
    }
    try:
        data = canonical(document)
    except UnicodeEncodeError:
        return canonical(_utf8(document))
    # Rare: going through every text of a fleet costs a second.
    return canonical(_utf8(document)) if _CODED.search(data) else data


def decode(data: bytes) -> RunResult:
    """Return the run that `encode` wrote.

    Raises EvidenceRejected, naming the field, on anything that `encode` does not write.
    """
    return read(data).run


def read(data: bytes) -> Document:
    """Return the run and the verdict that the document states, not yet compared with each other.

    Raises EvidenceRejected, naming the field.
    """
    fields = parse(data, NAME).fields("schema", "tool", "catalogue", "run", "verdict", "results", "not_run")
    if fields["schema"].text() != SCHEMA:
        fields["schema"].refuse(f"is not {SCHEMA}")
    tool = fields["tool"].fields("name", "version")
    if tool["name"].text() != TOOL:
        tool["name"].refuse(f"is not {TOOL}")
    named = fields["catalogue"].fields("version", "digest")
    run = fields["run"].fields(*_RUN)
    decoded = RunResult(
        run_id=run["id"].text(empty=False),
        number=run["number"].integer(1),
        previous=run["previous"].text(HEX_DIGEST),
        tool_version=tool["version"].text(_VERSION, empty=False),
        catalogue_version=named["version"].text(_VERSION, empty=False),
        catalogue_digest=named["digest"].text(HEX_DIGEST, empty=False),
        profile=run["profile"].text(),
        gate=run["gate"].member(Severity),
        report_level=run["report_level"].member(Severity),
        started=run["started"].instant(),
        ended=run["ended"].instant(),
        frameworks=_texts(run["frameworks"]),
        tenants=_texts(run["tenants"]),
        rollback=run["rollback"].text(),
        results=tuple(_result(node, explained=True) for node in fields["results"].items()),
        not_run=tuple(_not_run(node) for node in fields["not_run"].items()),
        notes=_texts(run["notes"]),
        history=history_from(run["history"]),
        shard=shard_from(run["shard"]),
        parts=parts_from(run["parts"]),
        edition=run["edition"].text(),
        waivers=tuple(waiver_from(node) for node in run["waivers"].items()),
        lead=run["lead"].text(),
        waiver_file=run["waiver_file"].text(HEX_DIGEST),
        additions=additions_from(run["additions"]),
    )
    return Document(decoded, verdict_from(fields["verdict"]))


def result_to_dict(result: CheckResult) -> dict[str, object]:
    """Return one result as plain data: what travels between the processes of one test run."""
    plain = _utf8(_result_fields(result))
    assert isinstance(plain, dict)  # noqa: S101 - narrows for the type checker; the line above made it
    return plain


def result_from_dict(fields: Mapping[str, object]) -> CheckResult:
    """Return the result that `result_to_dict` wrote.

    Raises EvidenceRejected, naming the field.
    """
    return _result(Node(dict(fields)), explained=False)


def _run_fields(run: RunResult) -> dict[str, object]:
    return {
        "id": run.run_id,
        "number": run.number,
        "previous": run.previous,
        "profile": run.profile,
        "gate": run.gate.value,
        "report_level": run.report_level.value,
        "started": stamp(run.started),
        "ended": stamp(run.ended),
        "frameworks": list(run.frameworks),
        "tenants": list(run.tenants),
        "rollback": run.rollback,
        "notes": list(run.notes),
        "waivers": [waiver_to_dict(waiver) for waiver in run.waivers],
        "waiver_file": run.waiver_file,
        "lead": run.lead,
        "additions": additions_to_dict(run.additions),
    } | lineage_to_dict(run)


def _explained(result: CheckResult, catalogue: Catalogue) -> dict[str, object]:
    check = _known(result.check, catalogue)
    controls = {framework: list(ids) for framework, ids in check.mappings.items()}
    return _result_fields(result) | {"title": check.title, "controls": controls}


def _known(check_id: str, catalogue: Catalogue) -> Check:
    check = catalogue.checks.get(check_id)
    if check is None:
        message = f"catalogue {catalogue.version} has no check {check_id!a}"
        raise EvidenceRejected(message, hint="use the catalogue that the run used", names=(check_id,))
    return check


def _result_fields(result: CheckResult) -> dict[str, object]:
    return {
        "check": result.check,
        "version": result.version,
        "scope": {"tenant": result.scope.tenant, "environment": result.scope.environment},
        "status": result.status.value,
        "severity": result.severity.value,
        "evidence": result.evidence.value,
        "started": stamp(result.started),
        "ended": stamp(result.ended),
        "findings": [_finding_fields(finding) for finding in result.findings],
        "inputs": [{"name": item.name, "sha256": item.sha256} for item in result.inputs],
        "parameters": [{"name": name, "value": value} for name, value in result.parameters],
        "optional": result.optional,
    }


def _finding_fields(finding: Finding) -> dict[str, object]:
    return {
        "status": finding.status.value,
        "resource": finding.resource,
        "observed": finding.observed,
        "expected": finding.expected,
        "fix": finding.fix,
        "severity": finding.severity.value if finding.severity else None,
        "reason": finding.reason,
        "age": finding.age and {"days": finding.age.days, "limit": finding.age.limit},
        "waived_by": finding.waived_by,
    }


def _result(node: Node, *, explained: bool) -> CheckResult:
    extra = ("title", "controls") if explained else ()
    fields = node.fields(*_RESULT, *extra)
    if explained:
        fields["title"].text()
        for ids in fields["controls"].table().values():
            _texts(ids)
    scope = fields["scope"].fields("tenant", "environment")
    parameters = [pair.fields("name", "value") for pair in fields["parameters"].items()]
    return CheckResult(
        check=fields["check"].text(_CHECK, empty=False),
        version=fields["version"].integer(1),
        scope=Scope(scope["tenant"].text(), scope["environment"].text()),
        status=fields["status"].member(Status),
        severity=fields["severity"].member(Severity),
        evidence=fields["evidence"].member(Evidence),
        started=fields["started"].instant(),
        ended=fields["ended"].instant(),
        findings=tuple(_finding(item) for item in fields["findings"].items()),
        inputs=tuple(_input(item) for item in fields["inputs"].items()),
        parameters=tuple((pair["name"].text(), pair["value"].text()) for pair in parameters),
        optional=fields["optional"].flag(),
    )


def _finding(node: Node) -> Finding:
    fields = node.fields(*_FINDING)
    severity = fields["severity"]
    return Finding(
        status=fields["status"].member(Status),
        resource=fields["resource"].text(),
        observed=fields["observed"].text(),
        expected=fields["expected"].text(),
        fix=fields["fix"].text(),
        severity=None if severity.value is None else severity.member(Severity),
        reason=fields["reason"].text(),
        age=None if fields["age"].value is None else _age(fields["age"]),
        waived_by=fields["waived_by"].text(),
    )


def _age(node: Node) -> Age:
    fields = node.fields("days", "limit")
    return Age(fields["days"].integer(), fields["limit"].integer())


def _input(node: Node) -> Input:
    fields = node.fields("name", "sha256")
    return Input(fields["name"].text(), fields["sha256"].text(HEX_DIGEST, empty=False))


def _not_run(node: Node) -> NotRun:
    fields = node.fields("check", "reason")
    return NotRun(fields["check"].text(_CHECK, empty=False), fields["reason"].text())


def _texts(node: Node) -> tuple[str, ...]:
    return tuple(item.text() for item in node.items())


def _escaped(code: re.Match[str]) -> str:
    return f"\\x{ord(code[0]):02x}"


def _utf8(value: object) -> object:
    if isinstance(value, str):
        return _CODES.sub(_escaped, value.encode("utf-8", "backslashreplace").decode())
    if isinstance(value, dict):
        return {_utf8(key): _utf8(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_utf8(item) for item in value]
    return value
