"""Look for what is wrong, decide the gate, and leave signed evidence.

Exit codes: 0 gate met, 1 findings at or above the gate, 3 a check broke, 4 usage or configuration,
5 no check ran, 6 a gating check could not be evaluated, 7 report or signature failed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sealproof.checks import evidence
from sealproof.checks import gate as gates
from sealproof.checks.runner import Selection
from sealproof.cli import arguments, console
from sealproof.cli.everywhere import say_strays
from sealproof.cli.progress import Progress
from sealproof.compliance import catalogue
from sealproof.errors import CallerError
from sealproof.findings import RunResult, Severity, Status
from sealproof.findings import gates as gates_result
from sealproof.reports import attestation, results

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser
    from sealproof.findings import CheckResult, Finding

_LEVELS = tuple(level.value for level in Severity)
_SHOWN = (Status.FAIL, Status.ERROR, Status.NOT_EVALUATED)


def configure(parser: Parser) -> None:
    """Declare the options."""
    _repeatable(parser, "--suite", "NAME", "only this suite")
    _repeatable(parser, "--check", "ID", "only this check")
    _repeatable(parser, "--tenant", "T", "only this tenant")
    _repeatable(parser, "--framework", "F", "only checks that map to it")
    parser.add_argument(
        "--without",
        choices=catalogue.NEEDS,
        action="append",
        default=[],
        help="leave out the checks that need it, such as custody (keys/ and the audit log) in a clone (repeatable)",
    )
    parser.add_argument("--gate", choices=_LEVELS, default="high", help="fail at this severity (default: high)")
    parser.add_argument("--report-level", choices=_LEVELS, default="info", help="report from this severity on")
    parser.add_argument("--profile", default="", help="development, production or strict (default: by environment)")
    parser.add_argument("--source", metavar="DIR", default="", help="source tree to scan (default: around the store)")
    parser.add_argument("--workers", metavar="N", type=int, default=0, help="worker processes (default: threads)")
    parser.add_argument("--waivers", metavar="FILE", default="", help="accepted findings (default: the store's own)")
    parser.add_argument("--report-dir", metavar="DIR", default="", help="write every format and the attestation there")
    parser.add_argument("--sign-key", metavar="FILE", default="", help="private Ed25519 key in PEM to sign with")
    parser.add_argument("--previous", metavar="FILE", default="", help="the predecessor's attestation")
    parser.add_argument(
        "--previous-key", metavar="FILE", default="", help="public keys that may have signed the predecessor"
    )
    parser.add_argument("--shard", metavar="K/N", default="", help="only part K of N: see `sealproof report merge`")
    parser.add_argument("--run-id", metavar="ID", default="", help="what the parts of one run share (a pipeline's id)")
    parser.add_argument(
        "--tenant-report-dir", metavar="DIR", default="", help="write each tenant its own edition below DIR"
    )
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Run the gate and say what it found."""
    gate = _gate(args)
    evidence.require_place(gate)
    say_strays(args.root)
    with Progress("checking") as progress:
        outcome = gates.run_gate(
            gate, progress=lambda total, result: progress.advance(total, f"{result.check}[{result.scope}]")
        )
    if args.json:
        sys.stdout.write(results.encode(outcome, catalogue.load()).decode() + "\n")
    else:
        _print(outcome)
    if gate.report_dir:
        names = evidence.write(gate, outcome)
        if not outcome.previous:
            console.say("this run starts a chain: it names no predecessor")
        console.say(f"wrote {', '.join(names)} to {gate.report_dir}")
        if attestation.NAME not in names:
            console.say("sealproof: warning: no report key was found, so the report is UNSIGNED")
    if args.tenant_report_dir:
        tenants = evidence.write_editions(gate, outcome, Path(args.tenant_report_dir))
        console.say(f"wrote the editions of {', '.join(tenants) or 'no tenant'} below {args.tenant_report_dir}")
    return int(gates.decide(outcome).exit_code)


def _repeatable(parser: Parser, option: str, metavar: str, text: str) -> None:
    parser.add_argument(option, metavar=metavar, action="append", default=[], help=f"{text} (repeatable)")


def _gate(args: Arguments) -> gates.Gate:
    if args.shard and args.tenant_report_dir:
        message = "a part of a run has no tenants' editions: the whole has them"
        raise CallerError(message, hint="sealproof report render RESULTS.json --tenant T --output DIR, after the merge")
    if not 0 <= args.workers <= 64:  # noqa: PLR2004 - more processes than that only wait for each other
        message = f"--workers {args.workers} is out of range"
        raise CallerError(message, hint="--workers N, from 1 to 64")
    return gates.Gate(
        root=args.root,
        source=args.source,
        profile=args.profile,
        tenants=tuple(args.tenant),
        selection=Selection(
            suites=tuple(args.suite),
            checks=tuple(name.upper() for name in args.check),
            frameworks=tuple(args.framework),
            without=tuple(args.without),
        ),
        level=Severity(args.gate),
        report_level=Severity(args.report_level),
        report_dir=args.report_dir,
        sign_key=args.sign_key,
        previous=args.previous,
        previous_key=args.previous_key,
        shard=args.shard,
        run_id=args.run_id,
        workers=args.workers,
        waivers=args.waivers,
    )


def _print(outcome: RunResult) -> None:
    titles = catalogue.load().checks
    for result in outcome.results:
        if result.status in _SHOWN and result.severity.at_least(outcome.report_level):
            gating = "" if gates_result(result, outcome.gate) else ", below the gate"
            console.answer(f"{_word(result)} {result.check}[{result.scope}] {result.severity.value}{gating}")
            console.answer(f"  {titles[result.check].title}")
            for finding in result.findings:
                if finding.status is result.status:
                    _print_finding(finding)
    for waiver in outcome.waivers:
        if not waiver.refused and waiver.covers:
            console.say(f"waived by {waiver.id}: {waiver.check}[{waiver.scope}] {waiver.resource}, to {waiver.expires}")
    for note in outcome.notes:
        console.say(note)
    final = gates.decide(outcome)
    states = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in final.counts if count)
    items = console.counted(final.gating, "item")
    met = f"gate NOT met: {items} at or above {outcome.gate.value}" if final.gating else "gate met"
    if outcome.shard:
        plan = console.counted(outcome.shard.items, "item")
        console.answer(f"part {outcome.shard} of a plan of {plan}: it says nothing about the rest.")
    verdict = f"{met}. {states}" if states else "no check ran"
    console.answer(f"{verdict}. {final.evaluated} of {final.total} items evaluated.")
    left_out = console.counted(len(outcome.not_run), "check of the catalogue was", "checks of the catalogue were")
    console.answer(f"rollback: {outcome.rollback}. {left_out} not looked at.")


def _print_finding(finding: Finding) -> None:
    console.answer(f"    {console.visible(finding.resource)}: {console.visible(finding.observed or finding.reason)}")
    if finding.reason and finding.observed:
        console.answer(f"      because   {console.visible(finding.reason)}")
    if finding.expected:
        console.answer(f"      expected  {console.visible(finding.expected)}")
    if finding.fix:
        console.answer(f"      fix       {console.visible(finding.fix)}")


def _word(result: CheckResult) -> str:
    return {Status.FAIL: "FAIL", Status.ERROR: "BROKE", Status.NOT_EVALUATED: "NO EVIDENCE"}[result.status]
