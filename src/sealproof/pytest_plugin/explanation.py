"""What a person reads about one result: what was seen, what was expected, the fix, the controls touched.

Findings point and never quote, so nothing here has to be masked; but a file's name can hold terminal
codes, and is spelled out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.compliance import catalogue
from sealproof.findings import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import CheckResult, Finding

_SHOWN = 20  # findings of one item before they are only counted
_HEADINGS = {Status.NOT_EVALUATED: "not evaluated: ", Status.ERROR: "the check broke: "}


def explain(result: CheckResult, known: Catalogue, frameworks: Sequence[str]) -> str:
    """Return the whole text of a failing item, with its controls in `known`; its first line is the summary's."""
    findings = [finding for finding in result.findings if finding.status is result.status]
    lines = [headline(result), ""]
    for finding in findings[:_SHOWN]:
        lines += [*_finding(finding), ""]
    if len(findings) > _SHOWN:
        lines += [f"and {len(findings) - _SHOWN} more; `--secrets-report-dir DIR` lists all of them", ""]
    lines += [f"controls   {control}" for control in _controls(result, known, frameworks)]
    lines.append(f"more       sealproof explain {result.check}")
    return "\n".join(lines)


def headline(result: CheckResult) -> str:
    """Return one line: what is wrong, how bad, how often."""
    check = catalogue.load().checks[result.check]
    count = sum(finding.status is result.status for finding in result.findings)
    counted = f", {count} findings" if count > 1 else ""
    return f"{_HEADINGS.get(result.status, '')}{check.title} ({result.severity.value}{counted})"


def below_the_gate(result: CheckResult) -> str:
    """Return the text of a warning: the headline and each finding with its fix."""
    findings = [finding for finding in result.findings if finding.status is result.status]
    lines = [f"{result.check} below the gate: {headline(result)}"]
    for finding in findings[:_SHOWN]:
        lines += _finding(finding)
    return "\n".join(lines)


def why_skipped(result: CheckResult) -> str:
    """Return the reason of an item that neither passed nor failed."""
    reasons = (finding.reason or finding.observed for finding in result.findings if finding.status is result.status)
    joined = "; ".join(dict.fromkeys(visible(reason) for reason in reasons if reason))
    return f"{result.status.value.replace('_', ' ')}: {joined or 'no reason was given'}"


def visible(text: str) -> str:
    """Return `text` with what cannot be printed spelled out, line breaks included."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def _finding(finding: Finding) -> Iterator[str]:
    yield visible(finding.resource)
    rows = (
        ("seen", finding.observed),
        ("because", finding.reason),
        ("expected", finding.expected),
        ("fix", finding.fix),
    )
    for name, text in rows:
        if text:
            yield f"  {name:8} {visible(text)}"


def _controls(result: CheckResult, known: Catalogue, frameworks: Sequence[str]) -> Iterator[str]:
    for framework, controls in known.checks[result.check].mappings.items():
        if controls and (not frameworks or framework in frameworks):
            yield f"{known.frameworks[framework].title} {', '.join(controls)}"
