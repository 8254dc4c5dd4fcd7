"""Render a report again from its results, or verify one that somebody hands you.

sealproof report render RESULTS.json --output DIR
sealproof report verify DIR --key PUBLIC_KEY_FILE
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.compliance import catalogue
from sealproof.errors import CallerError
from sealproof.findings import verdict
from sealproof.loader.files import read_public
from sealproof.reports.verify import verify
from sealproof.reports.write import render_directory
from sealproof.signing import fingerprint, public_from_pem

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser

_RESULTS_MAX = 256 * 1024 * 1024  # bytes
_PEM_MAX = 4096  # bytes


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", metavar="ACTION", choices=("render", "verify"), help="render | verify")
    parser.add_argument("path", metavar="PATH", help="render: a results.json; verify: a report's directory")
    parser.add_argument("--output", metavar="DIR", default="", help="render: where to write")
    parser.add_argument(
        "--key", metavar="FILE", action="append", default=[], help="verify: a pinned public key in PEM (repeatable)"
    )
    parser.add_argument("--previous", metavar="FILE", default="", help="verify: the predecessor's attestation")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Render or verify."""
    return _render(args) if args.action == "render" else _verify(args)


def _render(args: Arguments) -> int:
    if not args.output:
        message = "report render needs a directory to write to"
        raise CallerError(message, hint="sealproof report render RESULTS.json --output DIR")
    names = render_directory(_read(args.path, _RESULTS_MAX), Path(args.output), catalogue.load())
    console.answer(f"wrote {', '.join(names)} to {args.output}, UNSIGNED: only the run itself signs")
    return 0


def _verify(args: Arguments) -> int:
    if not args.key:
        message = "report verify needs a key that you trust: one found beside the report proves nothing"
        raise CallerError(message, hint="sealproof report verify DIR --key PUBLIC_KEY_FILE")
    pinned = [public_from_pem(_read(path, _PEM_MAX), name=path) for path in args.key]
    previous = _read(args.previous, _RESULTS_MAX) if args.previous else None
    run_result = verify(Path(args.path), pinned, previous=previous)
    outcome = verdict(run_result.results, run_result.gate)
    code = int(outcome.exit_code)
    if args.json:
        number = run_result.number
        console.answer_json({"verified": True, "run": run_result.run_id, "number": number, "exit_code": code})
        return 0
    signers = ", ".join(fingerprint(key) for key in pinned)
    met = "gate met" if not outcome.gating else f"gate NOT met, {console.counted(outcome.gating, 'item')}"
    console.answer(f"verified: run {run_result.number} ({run_result.run_id}), pinned key {signers}")
    console.answer(f"its verdict: {met} (exit code {code})")
    return 0


def _read(path: str, limit: int) -> bytes:
    data = read_public(path, limit=limit)
    if data is None:
        message = f"there is no file {path}"
        raise CallerError(message, hint="sealproof report --help")
    return data
