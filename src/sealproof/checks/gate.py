"""The gate: plan, run, decide, and leave signed evidence. The command line and pytest both come here."""

from __future__ import annotations

import json
import os
import secrets
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import sealproof
from sealproof.checks import runner
from sealproof.checks.runner import Plan, Selection
from sealproof.checks.target import Target, TargetSpec
from sealproof.checks.waiving import counted
from sealproof.compliance import catalogue
from sealproof.compliance.profiles import parameters
from sealproof.errors import EvidenceRejected, SealproofError
from sealproof.findings import CheckResult, RunResult, Severity, Verdict, verdict
from sealproof.loader.files import read_private, read_public
from sealproof.reports.verify import verify
from sealproof.reports.write import write_report
from sealproof.signing import SigningKey, sha256, verify_dsse
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealproof.settings import Settings

ATTESTATION = "attestation.dsse.json"
DEFAULT_THREADS = 4
_AGED = ("password", "token", "key", "connection")
_KEY_MAX = 4096  # bytes
_ATTESTATION_MAX = 64 * 1024 * 1024  # bytes


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
    """A predecessor's attestation; empty means the one in `report_dir`, where there is one."""
    workers: int = 0
    """Worker processes; 0 means threads of this one."""
    now: int | None = None
    """Unix seconds to judge ages by; None means the host's clock."""
    waivers: str = ""
    """The waiver file; empty means the store's own, where there is one."""

    def target(self) -> Target:
        """Return the target, with the store's own settings applied. Raises ConfigurationError, StoreNotFound."""
        settings = settings_of(self.root)
        return Target(
            TargetSpec(
                root=self.root,
                source=self.source,
                profile=self.profile or settings.profile,
                tenants=self.tenants,
                now=self.now,
                overrides=_tightened(settings),
                waivers=self.waivers,
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
    planned = runner.plan(target, gate.selection)
    with gate.executor() as executor:
        results = runner.run(
            target.spec, planned, executor, progress=lambda result: progress(len(planned.items), result)
        )
    return assemble(gate, target, planned, results, started=started)


def assemble(gate: Gate, target: Target, planned: Plan, results: Sequence[CheckResult], *, started: int) -> RunResult:
    """Return the run's single result, linked to its predecessor. Raises EvidenceRejected (see `chain`)."""
    known = catalogue.load()
    number, previous, notes = chain(gate)
    return RunResult(
        run_id=secrets.token_hex(16),
        number=number,
        previous=previous,
        tool_version=sealproof.__version__,
        catalogue_version=known.version,
        catalogue_digest=known.digest,
        profile=target.spec.profile or "by environment",
        gate=gate.level,
        report_level=gate.report_level,
        started=started,
        ended=milliseconds(),
        frameworks=gate.selection.frameworks,
        tenants=target.tenants,
        rollback=_rollback(),
        results=tuple(results),
        not_run=planned.not_run,
        notes=(*notes, *target.waivers.notes()),
        waivers=counted(target.waivers.all, results),
        waiver_file=target.waivers.digest,
    )


def decide(run: RunResult) -> Verdict:
    """Return the run's verdict."""
    return verdict(run.results, run.gate)


def write(gate: Gate, run: RunResult) -> tuple[str, ...]:
    """Write the run's report where the gate says, and verify what was written.

    Raises EvidenceRejected if a named key cannot be used or the report does not verify.
    """
    keys = report_keys(gate)
    names = write_report(Path(gate.report_dir), run, catalogue.load(), keys)
    if keys:
        verify(Path(gate.report_dir), [key.public for key in keys])
    return names


def report_keys(gate: Gate) -> list[SigningKey]:
    """Return the key to sign with: named, from the environment, or the store's own; none means UNSIGNED.

    Raises EvidenceRejected if a key was named and cannot be used.
    """
    named = gate.sign_key or os.environ.get("SEALPROOF_REPORT_KEY_FILE", "")
    own = f"{gate.root}/keys/signing/report.key"
    path = named or own
    try:
        text = read_private(path, limit=_KEY_MAX)
        if text is not None:
            return [SigningKey.from_pem(text, name=path)]
    except SealproofError as exc:
        message = f"report key {path} cannot be used: {exc.message}"
        raise EvidenceRejected(message, hint=exc.hint) from exc
    if named:
        message = f"report key {path} cannot be used: there is no such file"
        raise EvidenceRejected(message, hint="--sign-key FILE, a private Ed25519 key in PEM")
    return []


def chain(gate: Gate) -> tuple[int, str, tuple[str, ...]]:
    """Return this run's number, its predecessor's digest, and notes: runs form a chain without gaps.

    Raises EvidenceRejected if a predecessor was named and is not signed by this run's key.
    """
    path = gate.previous or (f"{gate.report_dir}/{ATTESTATION}" if gate.report_dir else "")
    if not path or (not gate.previous and not os.path.exists(path)):
        return 1, "", ("this run starts a chain",)
    data = read_public(path, limit=_ATTESTATION_MAX)
    if data is None:
        message = f"there is no previous attestation at {path}"
        raise EvidenceRejected(message, hint="--previous FILE")
    try:
        payload = verify_dsse(data, [key.public for key in report_keys(gate)])
        number = int(json.loads(payload)["predicate"]["run"]["number"])
    except (EvidenceRejected, KeyError, TypeError, ValueError) as exc:
        if gate.previous:
            message = f"the previous attestation {path} is not signed by this run's report key"
            raise EvidenceRejected(message, hint="sealproof report verify DIR --key PUBLIC_KEY_FILE") from exc
        return 1, "", ("the report found in place is not signed by this run's key: this run starts a chain",)
    return number + 1, sha256(data).hex(), ()


def milliseconds() -> int:
    """Return unix milliseconds."""
    return time.time_ns() // 1_000_000


def _tightened(settings: Settings) -> dict[str, int]:
    """Return the parameters that the store's settings make stricter than their defaults, never looser."""
    wanted = {f"max_age_days_{kind}": settings.rotation_interval_days for kind in _AGED} | {
        "kdf_iterations_tenant": settings.key_derivation_iterations
    }
    known = parameters()
    return {
        name: value
        for name, value in wanted.items()
        if value != known[name].default and known[name].at_least_as_strict(value, known[name].default)
    }


def _rollback() -> str:
    if os.environ.get("SEALPROOF_MIN_GENERATION"):
        return f"protected: generation at least {os.environ['SEALPROOF_MIN_GENERATION']}"
    if os.environ.get("SEALPROOF_STATE"):
        return "protected: high-water marks on this host"
    return "not protected"
