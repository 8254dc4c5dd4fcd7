"""The gate: plan, run, decide, and leave signed evidence. The command line and pytest both come here."""

from __future__ import annotations

import os
import secrets
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING

import sealproof
from sealproof.checks import evidence, runner
from sealproof.checks.report_keys import named_key
from sealproof.checks.runner import Plan, Selection
from sealproof.checks.shards import Part, part_of
from sealproof.checks.target import Target, TargetSpec
from sealproof.checks.waiving import counted
from sealproof.compliance import additions, catalogue, limits
from sealproof.errors import ConfigurationError
from sealproof.findings import CheckResult, RunResult, Severity, Shard, Verdict, verdict
from sealproof.signing import sha256
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


DEFAULT_THREADS = 4


@dataclass(frozen=True, slots=True)
class Gate:
    """Everything that a caller chooses about a run."""

    root: str
    source: str = ""
    profile: str = ""
    tenants: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)
    level: Severity = Severity.HIGH
    """Findings at or above this level fail the gate."""
    report_level: Severity = Severity.INFO
    report_dir: str = ""
    sign_key: str = ""
    previous: str = ""
    """A predecessor's attestation; empty: the newest run that the store keeps, else the one in `report_dir`."""
    previous_key: str = ""
    """A file of public keys that may have signed the predecessor, beside the store's own report keys."""
    shard: str = ""
    """`k/n`: run only that part of the plan."""
    run_id: str = ""
    """What all parts of one run share, such as a pipeline's id; empty: made of the plan."""
    workers: int = 0
    """Worker processes; 0 means threads of this one."""
    now: int | None = None
    """Unix seconds to judge ages by; None means the host's clock."""
    waivers: str = ""
    """The waiver file; empty means the store's own, where there is one."""

    @property
    def report_key(self) -> str:
        """The private report key that was named, by option or environment."""
        return self.sign_key or named_key()

    def target(self) -> Target:
        """Return the target, with the store's own settings applied. Raises ConfigurationError, StoreNotFound."""
        if self.source and not os.path.isdir(self.source):
            message = f"there is no source directory {self.source}"
            raise ConfigurationError(message, hint="--source DIR", names=(self.source,))
        settings = settings_of(self.root)
        return Target(
            TargetSpec(
                root=self.root,
                source=self.source,
                profile=self.profile or settings.profile,
                tenants=self.tenants,
                now=self.now,
                overrides=limits.overrides(self.root, settings),
                additions=additions.of_store(self.root),
                waivers=self.waivers,
                previous=evidence.predecessor_path(self)[0],
                previous_key=self.previous_key,
                report_key=self.report_key,
            )
        )

    def executor(self) -> Executor:
        """Return where the checks run: forked processes for a fleet, else a few threads."""
        if self.workers:
            return ProcessPoolExecutor(self.workers, mp_context=get_context("fork"))
        return ThreadPoolExecutor(DEFAULT_THREADS)


def run_gate(gate: Gate, *, progress: Callable[[int, CheckResult], None] = lambda _total, _result: None) -> RunResult:
    """Plan and run a gate. `progress` is told the number of items and each result as it comes."""
    started = milliseconds()
    target = gate.target()
    part = planned(gate, target)
    count = len(part.plan.items)
    with gate.executor() as executor:
        results = runner.run(
            target.spec, part.plan, executor, whole=part.whole, progress=lambda result: progress(count, result)
        )
    return assemble(gate, target, part.plan, results, started=started, shard=part.shard)


def planned(gate: Gate, target: Target) -> Part:
    """Return what the gate will run, and the whole plan that it is of. Raises CallerError, and as `runner.plan`."""
    return part_of(runner.plan(target, gate.selection), gate.shard)


def assemble(
    gate: Gate,
    target: Target,
    plan: Plan,
    results: Sequence[CheckResult],
    *,
    started: int,
    shard: Shard | None = None,
) -> RunResult:
    """Return the run's single result, linked to its predecessor. Raises EvidenceRejected (see `evidence.place`)."""
    known = catalogue.load()
    place = evidence.place(gate)
    return RunResult(
        run_id=_run_id(gate, shard, place.previous),
        number=place.number,
        previous=place.previous,
        tool_version=sealproof.__version__,
        catalogue_version=known.version,
        catalogue_digest=known.digest,
        profile=target.spec.profile or "by environment",
        gate=gate.level,
        report_level=gate.report_level,
        started=started,
        ended=milliseconds(),
        frameworks=gate.selection.frameworks,
        lead=limits.lead(settings_of(gate.root)),
        tenants=target.tenants,
        rollback=_rollback(),
        results=tuple(results),
        not_run=plan.not_run,
        notes=(*place.notes, *target.waivers.notes()),
        history=place.history,
        shard=shard,
        waivers=counted(target.waivers.all, results),
        waiver_file=target.waivers.digest,
        additions=target.spec.additions,
    )


def decide(run: RunResult) -> Verdict:
    """Return the run's verdict."""
    return verdict(run.results, run.gate)


def _run_id(gate: Gate, shard: Shard | None, previous: str) -> str:
    """Return a new id, or for a part one that its siblings reach too, without speaking to each other."""
    if shard is None:
        return gate.run_id or secrets.token_hex(16)
    return gate.run_id or sha256(f"{shard.plan} {shard.of} {previous}".encode()).hex()[:32]


def milliseconds() -> int:
    """Return unix milliseconds."""
    return time.time_ns() // 1_000_000


def _rollback() -> str:
    if os.environ.get("SEALPROOF_MIN_GENERATION"):
        return f"protected: generation at least {os.environ['SEALPROOF_MIN_GENERATION']}"
    if os.environ.get("SEALPROOF_STATE"):
        return "protected: high-water marks on this host"
    return "not protected"
