"""Point the attack table at a store of your own, through an adapter that you write.

Everything happens in throw-away directories: the adapter makes its own store there. A store whose rows are
all held, or do not apply, exits with 0; one that is broken with 1; one where the harness broke with 3.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.errors import CallerError
from sealproof.findings import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealproof.checks.attacks.harness import Result
    from sealproof.checks.attacks.table import Row
    from sealproof.cli.arguments import Arguments, Parser

_OWN = {"sealed": "sealed:SealedStore", "dotenv": "dotenv_files:DotenvStore", "sops": "sops:SopsStore"}


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "adapter",
        nargs="?",
        default="sealed",
        help="FILE.py:Class, module:Class, or one that comes along: sealed, dotenv, sops",
    )
    parser.add_argument(
        "--row", action="append", default=[], metavar="ID", help="only this row, such as A1 (repeatable)"
    )
    parser.add_argument("--gating", action="store_true", help="only the rows that gate")
    parser.add_argument("--list", action="store_true", help="say what each row tries, and stop")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Run the rows, print a line for each, and return the exit code."""
    rows = _chosen(args)
    if args.list:
        return _list(rows)
    from sealproof.checks.attacks.harness import Verdict, run_rows  # noqa: PLC0415 - only where attacks are run

    adapter = args.adapter
    if adapter in _OWN:
        adapter = f"sealproof.checks.attacks.adapters.{_OWN[adapter]}"
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="sealproof-attack-") as directory:
        for row in rows:
            place = os.path.join(directory, row.id)
            os.mkdir(place, 0o700)
            results += run_rows(adapter, place, [row], path=[os.getcwd()])
            if not args.json:
                console.answer(_line(row, results[-1]))
    if args.json:
        console.answer_json({"rows": [_plain(row, result) for row, result in zip(rows, results, strict=True)]})
    verdicts = {result.verdict for result in results}
    if Verdict.ERROR in verdicts:
        return int(ExitCode.INTERNAL)
    return int(ExitCode.FINDINGS if Verdict.BROKEN in verdicts else ExitCode.OK)


def _chosen(args: Arguments) -> list[Row]:
    from sealproof.checks.attacks.table import BY_ID, ROWS  # noqa: PLC0415 - as above

    unknown = [name for name in args.row if name not in BY_ID]
    if unknown:
        message = f"the attack table has no row {', '.join(unknown)}"
        raise CallerError(message, hint="sealproof attack --list", names=tuple(unknown))
    return [row for row in ROWS if (not args.row or row.id in args.row) and (row.gating or not args.gating)]


def _list(rows: Iterable[Row]) -> int:
    from sealproof.checks.attacks.registry import tried  # noqa: PLC0415 - as above

    for row in rows:
        console.answer(f"{row.id:4} {'gates ' if row.gating else 'reports'} {row.check}  {row.title}: {tried(row.id)}")
    return int(ExitCode.OK)


def _line(row: Row, result: Result) -> str:
    """Return a row's line, and for one that is broken what was tried and which line of the threat model it attacks."""
    from sealproof.checks.attacks.harness import Verdict  # noqa: PLC0415 - as above
    from sealproof.checks.attacks.registry import tried  # noqa: PLC0415 - as above

    said = f": {result.said}" if result.said else ""
    more = f"\n{'':19} tried: {tried(row.id)} Threat model, line {row.threat}"
    line = f"{row.id:4} {result.verdict.value:14} {row.title}, {console.counted(result.count, 'attempt')}{said}"
    return line + (more if result.verdict is Verdict.BROKEN else "")


def _plain(row: Row, result: Result) -> dict[str, object]:
    from sealproof.checks.attacks.registry import tried  # noqa: PLC0415 - as above

    return {
        "row": row.id,
        "title": row.title,
        "gating": row.gating,
        "tried": tried(row.id),
        "threat": row.threat,
        "verdict": result.verdict.value,
        "attempts": result.count,
        "said": result.said,
        "milliseconds": result.milliseconds,
    }
