"""The page's view of checks: each with the items that ran, the worst first, and its controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sealproof.findings import Severity, Status, gates
from sealproof.reports._states import OPEN, WORST_FIRST, Tally, by_severity, share, state_bar, tallies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealproof.compliance.catalogue import Catalogue, Check
    from sealproof.compliance.frameworks import Framework
    from sealproof.findings import CheckResult, ExitCode, Finding, Input, RunResult
    from sealproof.reports._states import Segment

_SUITES: Final[Mapping[str, str]] = {
    "security": "Security",
    "compliance": "Compliance",
    "rotation": "Rotation",
    "penetration": "Penetration-style",
    "load": "Load",
}
_COMMANDS: Final = frozenset(
    "sealproof git chmod chown mkdir rm mv shred openssl pip python systemctl timedatectl export unset".split()
)


@dataclass(frozen=True, slots=True)
class Item:
    """One check over one scope."""

    result: CheckResult
    notable: tuple[Finding, ...]
    """Findings that are shown in full."""
    quiet: tuple[Finding, ...]
    """Findings that passed or do not apply: one line each."""
    lowered: bool
    """Its severity is below the check's own, for a reason that a finding gives."""


@dataclass(frozen=True, slots=True)
class CheckView:
    """One check and all that this run found with it."""

    check: Check
    status: Status
    severity: Severity
    notable: tuple[Item, ...]
    quiet: tuple[Item, ...]
    hidden: int
    """Items that are not listed here."""
    total: int
    tallies: tuple[Tally, ...]
    controls: tuple[tuple[Framework, tuple[str, ...]], ...]
    parameters: tuple[tuple[str, str], ...]
    """Those that all its items used."""
    inputs: tuple[Input, ...]

    @property
    def open(self) -> bool:
        """Whether the page unfolds it."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class SuiteView:
    """One suite: its numbers and its checks."""

    id: str
    title: str
    ids: tuple[str, ...]
    """All its checks, whether they ran or not."""
    checks: tuple[CheckView, ...]
    ran: int
    declared: int
    """Checks that the catalogue has in it."""
    evaluated: int
    total: int
    failing: tuple[tuple[Severity, int], ...]
    tallies: tuple[Tally, ...]
    bar: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A check that someone must act on, short enough for the first screen."""

    check: Check
    status: Status
    severity: Severity
    gating: bool
    scopes: tuple[str, ...]
    finding: Finding | None
    fixes: tuple[str, ...]

    @property
    def seen(self) -> str:
        """What was observed, or why nothing was."""
        if self.finding is None:
            return ""
        parts = (self.finding.observed, self.finding.reason)
        return ": ".join(part for part in parts if part)


def suites(run: RunResult, catalogue: Catalogue, shown: Sequence[CheckResult], *, most: int) -> tuple[SuiteView, ...]:
    """Return the suites of which anything ran.

    `shown` are the results that are not below the report level; of each check at most `most` are listed.
    """
    views = []
    for suite, title in _SUITES.items():
        checks = catalogue.suite(suite)
        ids = {check.id for check in checks}
        results = [result for result in run.results if result.check in ids]
        if results:
            visible = [result for result in shown if result.check in ids]
            views.append(_suite(suite, title, results, _check_views(checks, visible, catalogue, most), checks))
    return tuple(views)


def problems(shown: Sequence[CheckResult], catalogue: Catalogue, *, gate: Severity) -> tuple[Problem, ...]:
    """Return what fails, broke or was not evaluated, by check: what fails the gate first, then the worst."""
    grouped: dict[tuple[str, ExitCode, Status], list[CheckResult]] = {}
    for result in shown:
        if result.status in OPEN:
            grouped.setdefault((result.check, gates(result, gate), result.status), []).append(result)
    order = list(catalogue.checks)
    found = [
        _problem(catalogue.checks[check], results, gating=bool(code)) for (check, code, _), results in grouped.items()
    ]
    return tuple(sorted(found, key=lambda problem: (not problem.gating, _rank(problem), order.index(problem.check.id))))


def is_command(fix: str) -> bool:
    """Tell a fix that can be typed from a sentence."""
    return fix.partition(" ")[0] in _COMMANDS and not fix.endswith(".")


def _rank(problem: Problem) -> tuple[int, int]:
    return list(Severity).index(problem.severity), WORST_FIRST.index(problem.status)


def _problem(check: Check, results: Sequence[CheckResult], *, gating: bool) -> Problem:
    status = results[0].status
    findings = [finding for result in results for finding in result.findings if finding.status is status]
    fixes = tuple(dict.fromkeys(finding.fix for finding in findings if finding.fix))
    return Problem(
        check=check,
        status=status,
        severity=_worst(results),
        gating=gating,
        scopes=tuple(dict.fromkeys(str(result.scope) for result in results)),
        finding=findings[0] if findings else None,
        fixes=fixes or (_fallback(check, status),),
    )


def _fallback(check: Check, status: Status) -> str:
    if status is Status.FAIL:
        return check.command or check.remediation
    if status is Status.ERROR:
        return "See the run's log, repair the check, and run again."
    return "Supply the missing evidence, and run again."


def _suite(
    suite: str, title: str, results: Sequence[CheckResult], checks: tuple[CheckView, ...], declared: Sequence[Check]
) -> SuiteView:
    evaluated, total = share(results)
    return SuiteView(
        id=suite,
        title=title,
        ids=tuple(check.id for check in declared),
        checks=checks,
        ran=len({result.check for result in results}),
        declared=len(declared),
        evaluated=evaluated,
        total=total,
        failing=by_severity(results),
        tallies=tallies(results),
        bar=state_bar(results),
    )


def _check_views(
    checks: Sequence[Check], results: Sequence[CheckResult], catalogue: Catalogue, most: int
) -> tuple[CheckView, ...]:
    grouped: dict[str, list[CheckResult]] = {}
    for result in results:
        grouped.setdefault(result.check, []).append(result)
    return tuple(_check_view(check, grouped[check.id], catalogue, most) for check in checks if check.id in grouped)


def _check_view(check: Check, results: Sequence[CheckResult], catalogue: Catalogue, most: int) -> CheckView:
    ordered = sorted(results, key=lambda result: WORST_FIRST.index(result.status))
    common = _common_parameters(ordered)
    items = [item_of(check, result) for result in ordered[:most]]
    return CheckView(
        check=check,
        status=ordered[0].status,
        severity=_worst([result for result in ordered if result.status is ordered[0].status]),
        notable=tuple(item for item in items if item.notable or item.result.status in OPEN),
        quiet=tuple(item for item in items if not item.notable and item.result.status not in OPEN),
        hidden=len(ordered) - len(items),
        total=len(ordered),
        tallies=tallies(ordered),
        controls=tuple(
            (framework, check.mappings[framework.id])
            for framework in catalogue.frameworks.values()
            if check.mappings.get(framework.id)
        ),
        parameters=common,
        inputs=tuple(dict.fromkeys(item for result in ordered[:most] for item in result.inputs)),
    )


def item_of(check: Check, result: CheckResult) -> Item:
    """Return one result with its findings sorted by what a reader must look at."""
    quiet = {Status.PASS, Status.NOT_APPLICABLE}
    return Item(
        result=result,
        notable=tuple(
            sorted(
                (finding for finding in result.findings if finding.status not in quiet),
                key=lambda finding: WORST_FIRST.index(finding.status),
            )
        ),
        quiet=tuple(finding for finding in result.findings if finding.status in quiet),
        lowered=result.status in OPEN and result.severity is not check.severity,
    )


def _common_parameters(results: Sequence[CheckResult]) -> tuple[tuple[str, str], ...]:
    first = results[0].parameters
    return first if all(result.parameters == first for result in results) else ()


def _worst(results: Sequence[CheckResult]) -> Severity:
    present = {result.severity for result in results}
    return next(severity for severity in Severity if severity in present)
