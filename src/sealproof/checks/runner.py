"""Plan a run, run it on any executor, fold the findings. The only place that catches what a check throws."""

from __future__ import annotations

import time
import traceback
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sealproof.checks import registry
from sealproof.checks.context import Context, NoEvidence
from sealproof.checks.survey import Survey, survey
from sealproof.checks.target import Target, TargetSpec
from sealproof.checks.tenant import TenantView
from sealproof.checks.waiving import apply
from sealproof.compliance import catalogue
from sealproof.errors import CallerError, SealproofError
from sealproof.findings import (
    NOT_YET,
    CheckResult,
    Evidence,
    Finding,
    NotRun,
    Scope,
    Severity,
    Status,
    aggregate,
    not_evaluated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sealproof.compliance.catalogue import Check

SURVEYED = frozenset(("SEC-018",))
"""Checks that compare values over tenants."""

_NEEDED = {
    "custody": "the store's keys/ and audit log",
    "keys": "a key that opens values",
    "source": "the source tree",
    "history": "the version history",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which checks a run looks at; empty means all."""

    suites: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Of the catalogue's needs, those whose checks are left out: they are looked at elsewhere."""

    def reason_against(self, check: Check) -> str:
        """Return why `check` is left out, or an empty string."""
        if self.suites and check.suite not in self.suites:
            return f"suite {check.suite} was not chosen"
        if self.checks and check.id not in self.checks:
            return "not chosen"
        if self.frameworks and not any(check.mappings.get(framework) for framework in self.frameworks):
            return f"maps to no control of {', '.join(self.frameworks)}"
        missing = [need for need in check.needs if need in self.without]
        if missing:
            return f"needs {' and '.join(map(_NEEDED.__getitem__, missing))}, and was left out for that"
        if check.id not in registry.registered():
            return NOT_YET
        return ""


@dataclass(frozen=True, slots=True)
class Item:
    """One check over one scope: a row of the report, an item of pytest."""

    check: str
    scope: Scope

    @property
    def suite(self) -> str:
        """Return the suite the check belongs to."""
        return catalogue.load().checks[self.check].suite

    def __str__(self) -> str:
        return f"{self.check}[{self.scope}]"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will look at, and what it will not."""

    items: tuple[Item, ...]
    not_run: tuple[NotRun, ...]


def plan(target: Target, selection: Selection) -> Plan:
    """Return the items of a run, tenants' first, and every other check with the reason it is left out.

    Raises CallerError on an unknown suite, check or framework, ConfigurationError on a waiver file or an overlay that
    cannot be understood, StoreNotFound, UnknownTenant.
    """
    known = target.catalogue
    _ = target.waivers  # before anything runs: a waiver that nobody understands must not be ignored
    _check_names("suite", selection.suites, registry.SUITES)
    _check_names("check", selection.checks, known.checks)
    _check_names("framework", selection.frameworks, known.frameworks)
    _check_names("need", selection.without, catalogue.NEEDS)
    chosen: list[Check] = []
    left_out: list[NotRun] = []
    for check in known.checks.values():
        reason = selection.reason_against(check)
        if reason:
            left_out.append(NotRun(check.id, reason))
        else:
            chosen.append(check)
    items = [Item(check.id, scope) for scope in target.scopes for check in chosen if check.scope == "tenant"]
    if any(check.scope == "tenant" for check in chosen) and not target.scopes:
        left_out += [NotRun(check.id, "the store has no tenant") for check in chosen if check.scope == "tenant"]
    items += [Item(check.id, Scope()) for check in chosen if check.scope == "store"]
    return Plan(tuple(items), tuple(sorted(left_out, key=lambda entry: entry.check)))


def run(
    spec: TargetSpec,
    planned: Plan,
    executor: Executor,
    *,
    whole: Plan | None = None,
    progress: Callable[[CheckResult], None] = lambda _: None,
) -> tuple[CheckResult, ...]:
    """Run every item and return the results in the plan's order. One job opens a tenant once for all its checks.

    `whole` is the plan that `planned` is a part of: what is compared over tenants is compared over all of its own.
    """
    scopes = dict.fromkeys(item.scope for item in (whole or planned).items if item.scope.tenant)
    learnt = survey(spec, scopes, executor) if needs_survey(planned) else Survey()
    futures: list[Future[list[CheckResult]]] = [
        executor.submit(run_job, spec, items, learnt) for items in jobs(planned.items)
    ]
    results: dict[tuple[str, Scope], CheckResult] = {}
    for future in as_completed(futures):
        for result in future.result():
            results[result.check, result.scope] = result
            progress(result)
    return tuple(results[item.check, item.scope] for item in planned.items)


def needs_survey(planned: Plan) -> bool:
    """Tell whether any item compares values over tenants."""
    return any(item.check in SURVEYED for item in planned.items)


def run_job(spec: TargetSpec, items: tuple[Item, ...], learnt: Survey) -> list[CheckResult]:
    """Run items that share a scope, in a worker."""
    target = Target(spec)
    view = TenantView(target, items[0].scope) if items[0].scope.tenant else None
    return [run_item(item, target, view, learnt) for item in items]


def run_item(item: Item, target: Target, view: TenantView | None, learnt: Survey) -> CheckResult:
    """Run one check over one scope and fold what it found into one result. Never raises for what a check does."""
    check = catalogue.load().checks[item.check]
    started = _milliseconds()
    with Context(check, item.scope, target, view, learnt) as context:
        found = tuple(_collect(context, registry.registered()[item.check]))
        covering = target.waivers.of(check.id, item.scope)
        findings = (
            apply(found, covering, lambda other: passes(other, item.scope, target, learnt)) if covering else found
        )
        status = aggregate(findings)
        if status is Status.PASS and check.evidence is Evidence.DECLARED:
            status = Status.DECLARED
        return CheckResult(
            check=check.id,
            version=check.version,
            scope=item.scope,
            status=status,
            severity=_severity(check.severity, findings, status),
            evidence=check.evidence,
            started=started,
            ended=_milliseconds(),
            findings=findings,
            inputs=context.inputs,
            parameters=context.parameters,
            optional=bool(context.optional_reason),
        )


def examine(item: Item, target: Target, learnt: Survey) -> tuple[Finding, ...]:
    """Return what one check finds over one scope, with no waiver applied. Never raises for what a check does."""
    check = catalogue.load().checks[item.check]
    view = TenantView(target, item.scope) if item.scope.tenant else None
    with Context(check, item.scope, target, view, learnt) as context:
        return tuple(_collect(context, registry.registered()[item.check]))


def passes(check_id: str, scope: Scope, target: Target, learnt: Survey) -> bool:
    """Tell whether a compensating check passes, by its own evidence: no waiver counts for it."""
    if check_id not in registry.registered():
        return False
    over = scope if catalogue.load().checks[check_id].scope == "tenant" else Scope()
    return aggregate(examine(Item(check_id, over), target, learnt)) is Status.PASS


def _collect(context: Context, function: registry.CheckFunction) -> Iterator[Finding]:
    where = str(context.scope)
    try:
        empty = True
        for finding in function(context):
            empty = False
            yield _no_higher(finding, context.check.severity)
        if empty:
            yield not_evaluated(where, "nothing was examined")
    except NoEvidence as exc:
        yield not_evaluated(where, exc.message, fix=exc.hint)
    except SealproofError as exc:
        yield Finding(Status.ERROR, where, f"{type(exc).__name__}: {exc.message}", fix=exc.hint)
    except Exception as exc:  # noqa: BLE001 - a check that breaks is a result of its own, and fails the run
        yield Finding(Status.ERROR, where, _where_it_broke(exc), fix="report this: it is a fault of the check")


def _where_it_broke(exc: Exception) -> str:
    # Neither the message nor local variables: an unforeseen exception may quote a value.
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{type(exc).__name__} at {frame.name}, line {frame.lineno}"


def _no_higher(finding: Finding, declared: Severity) -> Finding:
    if finding.severity is not None and not declared.at_least(finding.severity):
        return replace(finding, severity=None)
    return finding


def _severity(declared: Severity, findings: Iterable[Finding], status: Status) -> Severity:
    levels = [finding.severity or declared for finding in findings if finding.status is status]
    return max(levels, key=lambda level: float(level.score), default=declared)


def jobs(items: Iterable[Item]) -> list[tuple[Item, ...]]:
    """Group what shares its evidence: a tenant that is opened once, the one load run. Longest jobs first."""
    shared: dict[str, list[Item]] = {}
    for item in items:
        key = item.suite if item.suite == "load" else f"{item.scope}" if item.scope.tenant else item.check
        shared.setdefault(key, []).append(item)
    return sorted((tuple(group) for group in shared.values()), key=lambda group: group[0].suite != "load")


def _check_names(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        message = f"unknown {what} {', '.join(unknown)}"
        raise CallerError(message, hint=f"known: {', '.join(sorted(known))}", names=tuple(unknown))


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
