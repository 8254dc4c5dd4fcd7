"""The rows of a check as its findings: each names the row, what was tried, and the line of the threat model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.attacks.harness import OWN, Result, Verdict, run_rows
from sealproof.checks.attacks.registry import tried
from sealproof.checks.attacks.table import BY_ID, Row, rows_of
from sealproof.checks.trials import REINSTALL
from sealproof.findings import Finding, Severity, Status, failed, not_applicable, passed
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_LATER = "reports in this release, gates from the next"


def row_findings(ctx: Context) -> Iterator[Finding]:
    """Run the rows that the check is made of on a store of this package, and yield a finding for each."""
    for result in run_rows(OWN, ctx.scratch(), rows_of(ctx.check.id), brisk=True):
        yield finding_of(result)


def finding_of(result: Result) -> Finding:
    """Return what a report says about one row."""
    row = BY_ID[result.row]
    resource = f"{row.id} {row.title}"
    if result.verdict is Verdict.HELD:
        more = f"; {result.said}" if result.said else ""
        return passed(resource, f"held, {counted(result.count, 'attempt')}{more}. {_about(row)}")
    if result.verdict is Verdict.NOT_APPLICABLE:
        return not_applicable(resource, f"{result.said}. {_about(row)}")
    if result.verdict is Verdict.ERROR:
        return Finding(Status.ERROR, resource, f"{result.said}. {_about(row)}", fix="sealproof doctor")
    return failed(
        resource,
        f"{result.said}. {_about(row)}",
        expected="held: refused whole, nothing shown",
        fix=REINSTALL,
        severity=None if row.gating else Severity.LOW,
        reason="" if row.gating else _LATER,
    )


def _about(row: Row) -> str:
    return f"Tried: {tried(row.id)} Threat model, line {row.threat}"
