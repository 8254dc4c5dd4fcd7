"""Verify reports with keys that were pinned before, and write such pins."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sealproof.cli import console
from sealproof.cli.reporting.sources import pins, read
from sealproof.errors import EvidenceRejected
from sealproof.findings import NOT_YET, Severity, verdict
from sealproof.reports import chain
from sealproof.reports.trust import PinnedKey, day, read_pins, write_pins
from sealproof.reports.verify import verify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealproof.cli.arguments import Arguments
    from sealproof.findings import RunResult

_NAMED: Final = 5  # names that one line holds


def verify_one(path: Path, args: Arguments) -> int:
    """Verify one report and say its verdict."""
    trusted = pins(args.key, "verify")
    previous = read(args.previous) if args.previous else None
    run = verify(path, trusted, previous=previous)
    _young_enough(run, args.max_age_hours)
    _broad_enough(run, args)
    outcome = verdict(run.results, run.gate)
    code = int(outcome.exit_code)
    if args.json:
        known = {"verified": True, "run": run.run_id, "number": run.number, "exit_code": code}
        console.answer_json(known | _extent(run) | {"counts": dict(outcome.counts)})
        return 0
    met = "gate met" if not outcome.gating else f"gate NOT met, {console.counted(outcome.gating, 'item')}"
    signers = ", ".join(str(key) for key in trusted)
    console.answer(f"verified: run {run.number} ({console.visible(run.run_id)}), pinned key {signers}")
    if run.shard:
        console.answer(f"it is part {run.shard} of a plan, and says nothing about the rest")
    if run.edition:
        console.answer(f"it is the edition of tenant {console.visible(run.edition)}")
    console.answer(f"it looked at {_told(_extent(run))}")
    console.answer(f"its verdict: {met} (exit code {code})")
    return 0


def verify_chain(path: Path, args: Arguments) -> int:
    """Verify every kept run and that none is missing; with a cadence, that none is late. Names what is wrong."""
    links = chain.verify_chain(path, pins(args.key, "verify"))
    if not links:
        message = f"no run is kept below {path}"
        raise EvidenceRejected(message, hint="sealproof check --report-dir DIR keeps runs where ROOT/reports/ is")
    gaps = chain.late(links, now=time.time_ns() // 1_000_000, cadence_hours=args.cadence_hours)
    if args.cadence_hours and gaps:
        told = ", ".join(f"{gap.hours} h after run {gap.after}" for gap in gaps)
        message = f"the chain has no gap in its numbers, and is late: {told}"
        raise EvidenceRejected(message, hint=f"run the checks every {args.cadence_hours} hours", names=(str(path),))
    for link in links:
        _broad_enough(link.run, args)
    narrow = [str(link.run.number) for link in links if _left_out(link.run)]
    first, last = links[0].run, links[-1].run
    if args.json:
        runs = [
            {"number": link.run.number, "run": link.run.run_id, "attestation": link.attestation} | _extent(link.run)
            for link in links
        ]
        console.answer_json({"verified": True, "runs": runs})
    else:
        told = console.counted(len(links), "run")
        console.answer(f"verified: {told}, {first.number} to {last.number}, each names the one before")
        if narrow:
            console.answer(f"checks were left out of run{'s' if len(narrow) > 1 else ''} {', '.join(narrow)}")
    return 0


def _left_out(run: RunResult) -> list[str]:
    """Return the checks that whoever ran it left out."""
    return [entry.check for entry in run.not_run if entry.reason != NOT_YET]


def _extent(run: RunResult) -> dict[str, object]:
    """Return how much the run looked at: a verdict says nothing about the rest."""
    checks = {result.check for result in run.results}
    return {
        "checks_run": len(checks),
        "checks_known": len(checks | {entry.check for entry in run.not_run}),
        "left_out": _left_out(run),
        "tenants": list(run.tenants),
        "gate": run.gate.value,
        "profile": run.profile,
    }


def _told(extent: Mapping[str, Any]) -> str:
    tenants = extent["tenants"]
    who = console.counted(len(tenants), "tenant") if len(tenants) > _NAMED else ", ".join(tenants) or "no tenant"
    return (
        f"{extent['checks_run']} of {extent['checks_known']} checks, over {console.visible(who)}; "
        f"gate {extent['gate']}, profile {console.visible(extent['profile'])}"
    )


def _broad_enough(run: RunResult, args: Arguments) -> None:
    left_out = _left_out(run)
    if args.require_complete and (left_out or run.shard):
        what = f"part {run.shard} of a plan" if run.shard else f"without {', '.join(left_out[:_NAMED])}"
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        message = f"run {run.number} is true and not complete: {what}{more}"
        raise EvidenceRejected(message, hint="ask for a run of all checks: sealproof check --report-dir DIR")
    if args.require_gate and not Severity(args.require_gate).at_least(run.gate):
        message = f"run {run.number} is true, and was gated at {run.gate.value}: {args.require_gate} is asked for"
        raise EvidenceRejected(message, hint=f"sealproof check --gate {args.require_gate} --report-dir DIR")


def _young_enough(run: RunResult, hours: int) -> None:
    # A true report of last month, put in the place of today's, verifies: only its age gives it away.
    age = (time.time_ns() // 1_000_000 - run.ended) // 3_600_000
    if hours and age >= hours:
        message = f"the report is true and {age} h old, {hours} h are allowed: an earlier run was put in its place"
        raise EvidenceRejected(message, hint="fetch the newest report, or run the checks again", names=(run.run_id,))


def pin(paths: Sequence[str], *, first: str, last: str) -> str:
    """Return a file of report keys for the public keys at `paths`."""
    days = day(first, name="--from"), day(last, name="--until")
    keys = [key for path in paths for key in read_pins(read(path), name=path)]
    return write_pins([PinnedKey(key.public, days[0] or key.first, days[1] or key.last) for key in keys])
