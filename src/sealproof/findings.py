"""What a check says, and what a run adds up to: frozen data, no I/O.

The seven states and their effect are the control catalogue's. `verdict` is the one place where
states become an exit code; the report verifier recounts with the same function.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Status(Enum):
    """The state of one finding, and of one check over one scope."""

    PASS = "pass"  # noqa: S105 - a state: evidence was collected and meets the condition
    FAIL = "fail"  # evidence was collected and does not
    NOT_EVALUATED = "not_evaluated"  # the evidence was missing or unreadable
    ERROR = "error"  # the check itself broke
    NOT_APPLICABLE = "not_applicable"  # ruled out, with a reason
    WAIVED = "waived"  # a valid waiver covers exactly this finding; the check still ran
    DECLARED = "declared"  # a signed human record was found, its truth was not tested


class Severity(Enum):
    """How bad a failure is; ordered by `score`, the SARIF security-severity."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def score(self) -> str:
        """The SARIF `security-severity` of this level, as text (a report holds no floats)."""
        return _SCORES[self]

    def at_least(self, floor: Severity) -> bool:
        """Tell whether this level reaches `floor`."""
        return _ORDER[self] >= _ORDER[floor]


_SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.INFO: "0.0",
}
_ORDER = {level: rank for rank, level in enumerate(reversed(Severity))}


class Evidence(Enum):
    """What kind of evidence a check collects."""

    CONFIGURATION = "C"  # read from a file or mode bits
    ARTEFACT = "A"  # cryptographically or byte-wise verified
    TESTED = "T"  # the behaviour was provoked on scratch copies and observed
    DECLARED = "D"  # a signed human record exists and is in date


class ExitCode(IntEnum):
    """Exit codes of the command line and of pytest; they follow pytest's own."""

    OK = 0
    FINDINGS = 1  # findings at or above the gate; also: a file was refused, a merge conflicts
    INTERRUPTED = 2
    INTERNAL = 3  # also: a check broke, or something outside gave no answer
    USAGE = 4  # usage or configuration
    NOTHING_RAN = 5
    NOT_EVALUATED = 6  # a gating check could not be evaluated
    EVIDENCE = 7  # report, signature or self-verification failed


EXIT_PRECEDENCE = (
    ExitCode.INTERNAL,
    ExitCode.EVIDENCE,
    ExitCode.USAGE,
    ExitCode.FINDINGS,
    ExitCode.NOT_EVALUATED,
    ExitCode.NOTHING_RAN,
)
"""Which code wins when several hold."""


@dataclass(frozen=True, slots=True)
class Age:
    """How old a secret or key is against the limit that judges it: what the age charts are drawn from."""

    days: int
    """Whole days since it was made or last changed."""
    limit: int
    """Days that it may reach."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about one resource. Never quotes a secret's value."""

    status: Status
    resource: str
    """What was looked at, as `tenant/environment/NAME`, a path below the store or source, or a topic."""
    observed: str
    expected: str = ""
    fix: str = ""
    """A command that can be typed, or one imperative sentence."""
    severity: Severity | None = None
    """Lower than the check's declaration, never higher; None means as declared."""
    reason: str = ""
    """Why the severity was lowered, the check not evaluated or not applicable."""
    age: Age | None = None
    """Of the secret or key looked at; of several that pass, of the one nearest its limit."""
    waived_by: str = ""
    """The id of the waiver that covers it: a waived finding is a failed one, kept as it was found."""


def passed(resource: str, observed: str, *, age: Age | None = None) -> Finding:
    """Evidence about `resource` was collected and meets the condition."""
    return Finding(Status.PASS, resource, observed, age=age)


def failed(
    resource: str,
    observed: str,
    *,
    expected: str,
    fix: str,
    severity: Severity | None = None,
    reason: str = "",
    age: Age | None = None,
) -> Finding:
    """Evidence about `resource` was collected and does not meet the condition."""
    return Finding(Status.FAIL, resource, observed, expected, fix, severity, reason, age)


def not_evaluated(resource: str, reason: str, *, fix: str = "") -> Finding:
    """The evidence about `resource` was missing or unreadable."""
    return Finding(Status.NOT_EVALUATED, resource, "no evidence", fix=fix, reason=reason)


def not_applicable(resource: str, reason: str) -> Finding:
    """The condition cannot apply to `resource`, for a reason that is printed."""
    return Finding(Status.NOT_APPLICABLE, resource, "", reason=reason)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one item looks at: one tenant's environment, or (both empty) the whole store."""

    tenant: str = ""
    environment: str = ""

    def __str__(self) -> str:
        if not self.tenant:
            return "store"
        if self.environment in ("", "development"):
            return self.tenant
        return f"{self.tenant}.{self.environment}"


@dataclass(frozen=True, slots=True)
class Input:
    """A public input of a check: its name and the SHA-256 of ciphertext or public bytes, in hex."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found over one scope."""

    check: str
    version: int
    scope: Scope
    status: Status
    severity: Severity
    """The worst severity among failing or unevaluated findings; as declared where there is none."""
    evidence: Evidence
    started: int
    """Unix milliseconds."""
    ended: int
    """Unix milliseconds."""
    findings: tuple[Finding, ...]
    inputs: tuple[Input, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    """The profile makes the check optional: missing evidence does not gate."""


NOT_YET: Final = "this release does not look at it yet"
"""Why a check did not run where nobody had left it out."""


@dataclass(frozen=True, slots=True)
class NotRun:
    """A check of the catalogue that this run did not look at, and why."""

    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class AddedFramework:
    """A framework of a store's own, as its overlay states it."""

    id: str
    title: str
    edition: str
    publisher: str
    controls: tuple[tuple[str, str], ...]
    """Each control's id and title."""
    outside: tuple[str, ...]
    """What it asks that software cannot show."""


@dataclass(frozen=True, slots=True)
class AddedMapping:
    """Further controls of one framework that a check gives evidence for, as a store's overlay states it."""

    check: str
    framework: str
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Additions:
    """What a store's overlay adds to the catalogue (`sealproof.compliance.additions`)."""

    frameworks: tuple[AddedFramework, ...] = ()
    mappings: tuple[AddedMapping, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.frameworks or self.mappings)


NOTHING_ADDED = Additions()


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of a plan a run looked at, so that the parts can be held against the whole."""

    index: int
    """From 1."""
    of: int
    """How many parts there are."""
    plan: str
    """SHA-256 in hex over the whole plan (`sealproof.checks.shards`)."""
    items: int
    """Items of the whole plan."""

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"


@dataclass(frozen=True, slots=True)
class Waiver:
    """An accepted finding, and what became of the acceptance in this run. Days are whole days in UTC."""

    id: str
    check: str
    scope: Scope
    resource: str
    """Exactly the finding's resource: there are no patterns."""
    reason: str
    owner: str
    approver: str
    created: str
    """The day it begins, YYYY-MM-DD."""
    expires: str
    """The last day on which it holds, YYYY-MM-DD."""
    reference: str
    compensating: str = ""
    """A check that must pass over the same scope, or the waiver does not apply."""
    days_left: int = 0
    """Days after the run's own day on which it still holds; below 0 it has expired."""
    refused: str = ""
    """Why it does not apply, though it stands in the file; empty where it does."""
    covers: int = 0
    """Findings of this run that it covers."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """Everything one run found: the single source of every report format."""

    run_id: str
    number: int
    """Place in the chain of runs, from 1."""
    previous: str
    """SHA-256 of the previous run's attestation in hex, or empty: this run starts a chain."""
    tool_version: str
    catalogue_version: str
    catalogue_digest: str
    profile: str
    gate: Severity
    report_level: Severity
    started: int
    """Unix milliseconds, as claimed by the host's clock."""
    ended: int
    """Unix milliseconds, as claimed by the host's clock."""
    frameworks: tuple[str, ...]
    """Frameworks the run was narrowed to; empty means all."""
    tenants: tuple[str, ...]
    rollback: str
    """Whether a freshness anchor was in force: "protected …" or "not protected"."""
    results: tuple[CheckResult, ...]
    not_run: tuple[NotRun, ...]
    notes: tuple[str, ...] = ()
    history: tuple[PastRun, ...] = ()
    """Earlier runs of the chain as their attestations state them, oldest first; the predecessor is last."""
    shard: Shard | None = None
    """Set where the run is one part of a plan: it says nothing about the other parts."""
    parts: tuple[str, ...] = ()
    """SHA-256 of each part's attestation in hex, where the run was merged from parts."""
    edition: str = ""
    """The tenant whose edition this is; empty: the operator's, which names every tenant."""
    waivers: tuple[Waiver, ...] = ()
    """Every waiver of the file, whether it applied or not."""
    lead: str = ""
    """The id of the framework that leads the report (`COMPLIANCE_LEVEL`); empty: none does."""
    waiver_file: str = ""
    """SHA-256 of the waiver file in hex; empty where there is none."""
    additions: Additions = NOTHING_ADDED
    """What the store's overlay adds to the catalogue."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a run: one exit code, and how many items are in each state."""

    exit_code: ExitCode
    counts: tuple[tuple[str, int], ...]
    gating: int
    """Items that fail the gate."""
    evaluated: int
    """Items that collected evidence (pass, fail, waived)."""
    total: int
    """Items that could have: everything but not_applicable."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """One earlier run of a chain: enough to draw a trend, and to find the run itself."""

    number: int
    attestation: str
    """SHA-256 of its attestation in hex."""
    ended: int
    """Unix milliseconds, as claimed by the host's clock."""
    gate: Severity
    verdict: Verdict


def aggregate(findings: Iterable[Finding]) -> Status:
    """Fold the findings of one scope into one state; nothing examined is not_evaluated, never a pass."""
    present = {finding.status for finding in findings}
    for status in (Status.ERROR, Status.FAIL, Status.NOT_EVALUATED, Status.WAIVED, Status.PASS, Status.DECLARED):
        if status in present:
            return status
    return Status.NOT_APPLICABLE if present else Status.NOT_EVALUATED


def gates(result: CheckResult, gate: Severity) -> ExitCode:
    """Return the exit code that this one result asks for under `gate`."""
    if result.status is Status.ERROR:
        return ExitCode.INTERNAL
    if not result.severity.at_least(gate):
        return ExitCode.OK
    if result.status is Status.FAIL:
        return ExitCode.FINDINGS
    if result.status is Status.NOT_EVALUATED and not result.optional:
        return ExitCode.NOT_EVALUATED
    return ExitCode.OK


def decide(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that wins among `codes` by `EXIT_PRECEDENCE`."""
    present = set(codes)
    return next((code for code in EXIT_PRECEDENCE if code in present), ExitCode.OK)


def verdict(results: Iterable[CheckResult], gate: Severity) -> Verdict:
    """Count the states and decide the exit code; no result at all is `NOTHING_RAN`."""
    items = tuple(results)
    codes = [gates(item, gate) for item in items]
    counts = {status: sum(item.status is status for item in items) for status in Status}
    return Verdict(
        exit_code=decide(codes) if items else ExitCode.NOTHING_RAN,
        counts=tuple((status.value, counts[status]) for status in Status),
        gating=sum(code is not ExitCode.OK for code in codes),
        evaluated=counts[Status.PASS] + counts[Status.FAIL] + counts[Status.WAIVED],
        total=len(items) - counts[Status.NOT_APPLICABLE],
    )
