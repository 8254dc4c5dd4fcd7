"""Render, verify, merge and compare reports.

sealproof report render RESULTS.json --output DIR            every format again, UNSIGNED without a key
sealproof report render RESULTS.json --format sarif          one format, to standard output or --output FILE
sealproof report render RESULTS.json --tenant T --output DIR one tenant's edition
sealproof report verify DIR --key PUBLIC_KEY_FILE            signature, digests, counts, every file rendered again
sealproof report verify DIR --chain --key FILE               every run kept below DIR, without a gap
sealproof report merge DIR DIR … --key FILE --output DIR     the parts of `check --shard k/n` into one signed run
sealproof report diff BEFORE AFTER                           new, fixed, still failing; 1 if anything fails newly
sealproof report pin KEY.pub … --from DAY --until DAY        a file of report keys with their days, to --output FILE
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.reporting import compare, make, trusted
from sealproof.errors import CallerError
from sealproof.findings import Severity
from sealproof.loader.files import open_root
from sealproof.reports.formats import SHORT_NAMES

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser

_LEVELS = tuple(level.value for level in Severity)
_ACTIONS = ("render", "verify", "merge", "diff", "pin")


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", metavar="ACTION", choices=_ACTIONS, help=" | ".join(_ACTIONS))
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a results.json, or a report's directory")
    parser.add_argument("--output", metavar="PATH", default="", help="where to write")
    parser.add_argument("--format", choices=tuple(SHORT_NAMES), default="", help="render: one format alone")
    parser.add_argument("--tenant", metavar="T", default="", help="render: this tenant's edition")
    parser.add_argument("--sign-key", metavar="FILE", default="", help="render, merge: private Ed25519 key in PEM")
    parser.add_argument(
        "--key", metavar="FILE", action="append", default=[], help="verify, merge: pinned public keys (repeatable)"
    )
    parser.add_argument("--previous", metavar="FILE", default="", help="verify: the predecessor's attestation")
    parser.add_argument("--max-age-hours", metavar="N", type=int, default=0, help="verify: refuse an older report")
    parser.add_argument(
        "--require-gate", choices=_LEVELS, default="", help="verify: refuse a run that was gated less strictly"
    )
    parser.add_argument("--require-complete", action="store_true", help="verify: refuse a run that left checks out")
    parser.add_argument("--chain", action="store_true", help="verify: every run kept below the directory")
    parser.add_argument("--cadence-hours", metavar="N", type=int, default=0, help="verify --chain: the longest gap")
    parser.add_argument("--from", dest="first", metavar="DAY", default="", help="pin: first day, in UTC")
    parser.add_argument("--until", dest="last", metavar="DAY", default="", help="pin: last day, in UTC")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Do one of the actions."""
    if args.action == "diff":
        before, after = _count(args, 2)
        return compare.compare(before, after, as_json=args.json)
    if args.action == "merge":
        return make.merge([Path(path) for path in args.paths], args)
    if args.action == "pin":
        return _pin(args)
    (path,) = _count(args, 1)
    if args.action == "render":
        return make.render(path, args)
    return trusted.verify_chain(path, args) if args.chain else trusted.verify_one(path, args)


def _pin(args: Arguments) -> int:
    pins = trusted.pin(args.paths, first=args.first, last=args.last).encode()
    if args.output:
        with open_root(os.path.dirname(args.output) or ".") as directory:
            directory.replace(os.path.basename(args.output), pins, mode=0o644)
        console.say(f"wrote {args.output}")
    else:
        console.answer_bytes(pins)
    return 0


def _count(args: Arguments, number: int) -> list[Path]:
    if len(args.paths) != number:
        message = f"report {args.action} takes {console.counted(number, 'path')}, {len(args.paths)} were given"
        raise CallerError(message, hint="sealproof report --help")
    return [Path(path) for path in args.paths]
