"""`junit.xml`: JUnit XML, for the test tab of a CI server.

One test case a check and scope. The rules are those of `pytest --secrets-compliance`: what fails the
gate is a failure, what broke an error; a finding below the gate passes with a word on standard output;
not applicable, waived and declared are skipped with their reason. The true state stands in a property
of each case, so that no rule hides it. Checks that did not run are skipped cases of the suite `not-run`.

There is no one schema: the elements are those that junitparser and the usual servers read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from sealproof.findings import ExitCode, Severity, Status, gates
from sealproof.reports._identity import telling
from sealproof.reports._times import stamp
from sealproof.reports._visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import CheckResult, RunResult

NAME: Final = "junit.xml"
_DECLARATION: Final = '<?xml version="1.0" encoding="utf-8"?>'
_SKIPPED: Final = frozenset({Status.NOT_APPLICABLE, Status.WAIVED, Status.DECLARED})


def render(run: RunResult, catalogue: Catalogue, *, signer: str) -> bytes:
    """Return the run as one XML document of test suites, one a suite of checks."""
    root = ET.Element("testsuites", name="sealproof")
    grouped: dict[str, list[CheckResult]] = {}
    for result in run.results:
        grouped.setdefault(catalogue.checks[result.check].suite, []).append(result)
    for suite, results in grouped.items():
        cases = [_case(result, catalogue, run.gate) for result in results]
        root.append(_suite(suite, cases, run, signer, milliseconds=sum(item.ended - item.started for item in results)))
    skipped = [_not_run(entry.check, entry.reason, catalogue) for entry in run.not_run]
    root.append(_suite("not-run", skipped, run, signer, milliseconds=0))
    ET.indent(root, " ")
    text = ET.tostring(root, encoding="unicode")
    return f"{_DECLARATION}\n{text}\n".encode()


def _suite(name: str, cases: Sequence[ET.Element], run: RunResult, signer: str, *, milliseconds: int) -> ET.Element:
    counted = {f"{kind}s": sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error")}
    skipped = sum(case.find("skipped") is not None for case in cases)
    suite = ET.Element(
        "testsuite",
        {
            "name": f"sealproof.{name}",
            "tests": str(len(cases)),
            **{kind: str(count) for kind, count in counted.items()},
            "skipped": str(skipped),
            "time": _seconds(milliseconds),
            "timestamp": stamp(run.started)[:-5],  # the format knows no zone; ours is UTC
        },
    )
    _properties(
        suite,
        {
            "run": visible(run.run_id),
            "gate": run.gate.value,
            "profile": visible(run.profile),
            "signer": signer or "UNSIGNED",
            "note": "evidence, not certification",
        },
    )
    suite.extend(cases)
    return suite


def _case(result: CheckResult, catalogue: Catalogue, gate: Severity) -> ET.Element:
    check = catalogue.checks[result.check]
    case = ET.Element(
        "testcase",
        {
            "classname": f"sealproof.{check.suite}.{check.id}",
            "name": f"{check.id}[{visible(str(result.scope))}] {check.title}",
            "time": _seconds(result.ended - result.started),
        },
    )
    _properties(
        case,
        {
            "check": check.id,
            "tenant": visible(result.scope.tenant),
            "environment": visible(result.scope.environment),
            "state": result.status.value,
            "severity": result.severity.value,
            "evidence": result.evidence.value,
        },
    )
    lines = _lines(result)
    summary = lines[0] if lines else result.status.value.replace("_", " ")
    code = gates(result, gate)
    if result.status is Status.ERROR:
        _outcome(case, "error", result.status.value, summary, lines)
    elif code is not ExitCode.OK:
        _outcome(case, "failure", result.status.value, summary, lines)
    elif result.status in _SKIPPED:
        _outcome(case, "skipped", result.status.value, f"{result.status.value.replace('_', ' ')}: {summary}", ())
    elif result.status is not Status.PASS:
        told = (f"{result.status.value.replace('_', ' ')}, below the gate or optional in the profile", *lines)
        ET.SubElement(case, "system-out").text = "\n".join(told)
    return case


def _not_run(check: str, reason: str, catalogue: Catalogue) -> ET.Element:
    title = catalogue.checks[check].title
    case = ET.Element("testcase", {"classname": f"sealproof.not-run.{check}", "name": f"{check} {title}", "time": "0"})
    _outcome(case, "skipped", "not_run", f"not run: {visible(reason) or 'no reason given'}", ())
    return case


def _lines(result: CheckResult) -> tuple[str, ...]:
    lines: list[str] = []
    for finding in telling(result):
        waiver = f"[waived by {finding.waived_by}] " if finding.status is Status.WAIVED else ""
        lines.append(f"{waiver}{finding.resource}: {finding.observed or finding.reason}")
        if finding.observed and finding.reason:
            lines.append(f"  because   {finding.reason}")
        if finding.expected:
            lines.append(f"  expected  {finding.expected}")
        if finding.fix:
            lines.append(f"  fix       {finding.fix}")
    return tuple(visible(line) for line in lines)


def _outcome(case: ET.Element, kind: str, state: str, summary: str, lines: Sequence[str]) -> None:
    child = ET.SubElement(case, kind, {"type": state, "message": summary})
    if lines:
        child.text = "\n".join(lines)


def _properties(parent: ET.Element, values: dict[str, str]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", name=f"sealproof.{name}", value=value)


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
