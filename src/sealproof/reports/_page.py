"""Everything the page shows, computed: the templates only lay it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealproof.findings import CheckResult, ExitCode, Scope, Status, Verdict, gates, verdict
from sealproof.reports._charts import (
    Ages,
    SeverityRow,
    TrendColumn,
    ages,
    ending_waivers,
    reach_bar,
    severities,
    trend,
    waiver_of,
)
from sealproof.reports._checks import Problem, SuiteView, problems, suites
from sealproof.reports._states import OPEN, WORST_FIRST, Segment, Tally, bar, claim_parts, share, state_bar, tallies
from sealproof.reports.coverage import Claim, Coverage, claim, coverage
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sealproof.compliance.catalogue import Catalogue, Check
    from sealproof.findings import Finding, Input, RunResult, Waiver


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict in words."""

    tone: str
    title: str
    lede: str


@dataclass(frozen=True, slots=True)
class FrameworkView:
    """One framework's coverage and its bar."""

    coverage: Coverage
    bar: tuple[Segment, ...]
    reach: tuple[Segment, ...]
    """The same on the framework's whole length, where that is known: most of it is outside this product."""


@dataclass(frozen=True, slots=True)
class ScopeView:
    """One tenant's environment, or the store, and all that ran over it."""

    name: str
    anchor: str
    """Its place on the page that lists it: made of its number, for a name may hold anything."""
    scope: Scope
    results: tuple[CheckResult, ...]
    evaluated: int
    total: int
    tallies: tuple[Tally, ...]
    bar: tuple[Segment, ...]
    groups: tuple[tuple[Status, tuple[Check, ...]], ...]
    """Checks by state, worst first."""
    inputs: tuple[Input, ...]

    @property
    def open(self) -> bool:
        """Whether someone must look at it; a tenant of which nothing ran is one too."""
        return not self.groups or any(status in OPEN for status, _ in self.groups)


@dataclass(frozen=True, slots=True)
class Waived:
    """A finding that a waiver covers."""

    check: Check
    scope: Scope
    finding: Finding
    waiver: Waiver | None


@dataclass(frozen=True, slots=True)
class Page:
    """The model of the page: one frozen object, made of the run and the catalogue alone."""

    run: RunResult
    catalogue: Catalogue
    signer: str
    digest: str
    """SHA-256 of results.json."""
    verdict: Verdict
    headline: Headline
    tallies: tuple[Tally, ...]
    bar: tuple[Segment, ...]
    problems: tuple[Problem, ...]
    suites: tuple[SuiteView, ...]
    below: tuple[Tally, ...]
    """States of the items that are below the report level: counted, not listed."""
    frameworks: tuple[FrameworkView, ...]
    claims: Mapping[str, Claim]
    """What the evidence of each check says; a check that did not run is not in it."""
    scopes: tuple[ScopeView, ...]
    waived: tuple[Waived, ...]
    ending: tuple[Waiver, ...]
    """Waivers that end soon or have expired."""
    severities: tuple[SeverityRow, ...]
    ages: Ages
    trend: tuple[TrendColumn, ...]
    batches: Mapping[str, tuple[ScopeView, ...]]
    """Where the page is split: the scopes that each file lists; empty: all is on this page."""
    not_run: tuple[tuple[str, tuple[Check, ...]], ...]
    """Reasons, and the checks that each kept from running."""

    @property
    def skipped(self) -> int:
        """How many checks of the catalogue did not run."""
        return sum(len(checks) for _, checks in self.not_run)

    @property
    def listed(self) -> frozenset[str]:
        """Checks that have a place on the page, which others can link to."""
        return frozenset(view.check.id for suite in self.suites for view in suite.checks)


def build(
    run: RunResult,
    catalogue: Catalogue,
    *,
    signer: str,
    digest: str,
    scopes: tuple[ScopeView, ...],
    batches: Mapping[str, tuple[ScopeView, ...]],
    most: int,
) -> Page:
    """Return the page of `run`; of each check at most `most` items are listed by it."""
    outcome = verdict(run.results, run.gate)
    shown = [result for result in run.results if _reported(result, run)]
    hidden = [result for result in run.results if not _reported(result, run)]
    by_suite = suites(run, catalogue, shown, most=most)
    return Page(
        run=run,
        catalogue=catalogue,
        signer=signer,
        digest=digest,
        verdict=outcome,
        headline=headline(run, outcome),
        tallies=tallies(run.results),
        bar=state_bar(run.results),
        problems=problems(shown, catalogue, gate=run.gate),
        suites=by_suite,
        below=tallies(hidden),
        frameworks=tuple(_framework(item) for item in coverage(run, catalogue)),
        claims=_check_claims(run.results),
        scopes=scopes,
        waived=_waived(run, catalogue),
        ending=ending_waivers(run),
        severities=severities(by_suite, run.results),
        ages=ages(run),
        trend=trend(run, outcome),
        batches=batches,
        not_run=_not_run(run, catalogue),
    )


def headline(run: RunResult, outcome: Verdict) -> Headline:
    """Return the verdict in words: what was decided, and what stands in the way of more."""
    count = outcome.gating
    level = f"at or above {run.gate.value}" if run.gate.value != "critical" else "of critical severity"
    failing = sum(gates(result, run.gate) is ExitCode.FINDINGS for result in run.results)
    unknown = sum(gates(result, run.gate) is ExitCode.NOT_EVALUATED for result in run.results)
    fails = counted(failing, f"item {level} fails", f"items {level} fail")
    more = f" {counted(unknown, 'more item')} {level} could not be evaluated." if unknown else ""
    if outcome.exit_code is ExitCode.OK:
        return _met(run, outcome, level)
    if outcome.exit_code is ExitCode.FINDINGS:
        return Headline("fail", "The gate is not met", f"{fails}.{more}")
    if outcome.exit_code is ExitCode.NOT_EVALUATED:
        lede = f"{counted(count, 'item')} {level} could not be evaluated, and missing evidence is never a pass."
        return Headline("not_evaluated", "The gate is not met: evidence is missing", lede)
    if outcome.exit_code is ExitCode.NOTHING_RAN:
        return Headline("not_evaluated", "Nothing was checked", "No item ran, so this run says nothing.")
    broken = sum(result.status is Status.ERROR for result in run.results)
    also = f" {fails} besides." if failing else ""
    lede = f"{counted(broken, 'item')} broke while running; until that is repaired, this run decides nothing."
    return Headline("error", "No verdict: a check broke", f"{lede}{also}{more}")


def _met(run: RunResult, outcome: Verdict, level: str) -> Headline:
    if not outcome.evaluated:
        lede = f"Nothing {level} fails, for nothing was evaluated."
        return Headline("not_evaluated", "No evidence was collected", lede)
    count = {status: sum(result.status is status for result in run.results) for status in Status}
    beneath, blind, waived = count[Status.FAIL], count[Status.NOT_EVALUATED], count[Status.WAIVED]
    told = (
        f"No item {level} fails{'.' if blind else ', and none was left without evaluation.'}",
        f"{counted(blind, 'item')} could not be evaluated, and need not be here." if blind else "",
        f"{counted(waived, 'item fails', 'items fail')} under a waiver." if waived else "",
        f"{counted(beneath, 'item below the gate fails', 'items below the gate fail')}." if beneath else "",
    )
    return Headline("pass", "The gate is met", " ".join(part for part in told if part))


def _reported(result: CheckResult, run: RunResult) -> bool:
    """Tell whether an item is listed: at or above the report level, or failing the run whatever its level."""
    return result.severity.at_least(run.report_level) or gates(result, run.gate) is not ExitCode.OK


def _framework(item: Coverage) -> FrameworkView:
    return FrameworkView(item, bar(claim_parts(item)), reach_bar(item))


def _check_claims(results: Iterable[CheckResult]) -> Mapping[str, Claim]:
    states: dict[str, set[Status]] = {}
    for result in results:
        states.setdefault(result.check, set()).add(result.status)
    return {check: claim(present) for check, present in states.items()}


def scope_views(run: RunResult, catalogue: Catalogue) -> tuple[ScopeView, ...]:
    """Return the store and every tenant's environment, and each tenant of which nothing ran."""
    grouped: dict[Scope, list[CheckResult]] = {Scope(tenant): [] for tenant in run.tenants}
    for result in run.results:
        grouped.setdefault(result.scope, []).append(result)
    tenants = {scope.tenant for scope, results in grouped.items() if results}
    order = {check: number for number, check in enumerate(catalogue.checks)}
    kept = [
        scope
        for scope in sorted(grouped, key=lambda scope: (scope.tenant, scope.environment))
        if grouped[scope] or scope.tenant not in tenants
    ]
    return tuple(
        _scope(scope, f"t-{number}", sorted(grouped[scope], key=lambda result: order[result.check]), catalogue)
        for number, scope in enumerate(kept, 1)
    )


def _scope(scope: Scope, anchor: str, results: Sequence[CheckResult], catalogue: Catalogue) -> ScopeView:
    evaluated, total = share(results)
    by_status: dict[Status, dict[str, Check]] = {}
    for result in results:
        by_status.setdefault(result.status, {})[result.check] = catalogue.checks[result.check]
    return ScopeView(
        name=f"{scope.tenant}/{scope.environment}" if scope.environment else scope.tenant,
        anchor=anchor,
        scope=scope,
        results=tuple(results),
        evaluated=evaluated,
        total=total,
        tallies=tallies(results),
        bar=state_bar(results),
        groups=tuple((status, tuple(by_status[status].values())) for status in WORST_FIRST if status in by_status),
        inputs=tuple(dict.fromkeys(item for result in results for item in result.inputs)),
    )


def _waived(run: RunResult, catalogue: Catalogue) -> tuple[Waived, ...]:
    return tuple(
        Waived(
            catalogue.checks[result.check],
            result.scope,
            finding,
            waiver_of(run, result.check, result.scope, finding.waived_by),
        )
        for result in run.results
        for finding in result.findings
        if finding.status is Status.WAIVED
    )


def _not_run(run: RunResult, catalogue: Catalogue) -> tuple[tuple[str, tuple[Check, ...]], ...]:
    reasons = {skipped.check: skipped.reason for skipped in run.not_run}
    ran = {result.check for result in run.results}
    grouped: dict[str, list[Check]] = {}
    for check in catalogue.checks.values():
        if check.id not in ran or check.id in reasons:
            grouped.setdefault(reasons.get(check.id, ""), []).append(check)
    return tuple((reason, tuple(checks)) for reason, checks in grouped.items())
