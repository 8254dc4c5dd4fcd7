"""Make reports of results that are there: rendered again, a tenant's edition, or merged from parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealproof.cli import console
from sealproof.cli.reporting.sources import pins, read, read_run, signing_keys
from sealproof.compliance import catalogue
from sealproof.errors import CallerError
from sealproof.findings import verdict
from sealproof.reports import attestation
from sealproof.reports.edition import edition
from sealproof.reports.formats import SHORT_NAMES, render_one
from sealproof.reports.kept import keep_report
from sealproof.reports.merge import merge as put_together
from sealproof.reports.verify import require_catalogue, verify
from sealproof.reports.write import write_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealproof.cli.arguments import Arguments
    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey


def render(path: Path, args: Arguments) -> int:
    """Render one format, or a whole directory; with a key, only of what that key signed already."""
    keys = signing_keys(args.sign_key)
    run = _signed_before(path, keys) if keys else read_run(path)
    if args.tenant:
        run = edition(run, args.tenant)
    if args.format:
        return _one(run, args)
    if not args.output:
        message = "report render needs a directory to write to, or one format"
        raise CallerError(message, hint="sealproof report render RESULTS.json --output DIR")
    _said(write_report(Path(args.output), run, catalogue.load(), keys), args.output)
    return 0


def merge(paths: Sequence[Path], args: Arguments) -> int:
    """Verify each part, put them together, write and sign the whole. Returns the whole run's exit code."""
    if not args.output:
        message = "report merge needs a directory to write to"
        raise CallerError(message, hint="sealproof report merge DIR DIR … --key FILE --output DIR --sign-key FILE")
    trusted = pins(args.key, "merge")
    keys = signing_keys(args.sign_key)
    parts = [(verify(path, trusted), read(path / attestation.NAME)) for path in paths]
    run = put_together(parts, catalogue.load())
    names = write_report(Path(args.output), run, catalogue.load(), keys)
    if keys:
        verify(Path(args.output), [key.public for key in keys])
        keep_report(Path(args.root), run, Path(args.output))
    outcome = verdict(run.results, run.gate)
    gating = console.counted(outcome.gating, "item")
    met = f"gate NOT met: {gating} at or above {run.gate.value}" if outcome.gating else "gate met"
    console.answer(f"merged {console.counted(len(parts), 'part')}, {console.counted(len(run.results), 'item')}: {met}")
    _said(names, args.output)
    return int(outcome.exit_code)


def _one(run: RunResult, args: Arguments) -> int:
    require_catalogue(run, catalogue.load())
    data = render_one(SHORT_NAMES[args.format], run, catalogue.load())
    if args.output:
        Path(args.output).write_bytes(data)
        console.say(f"wrote {args.output}, UNSIGNED")
    else:
        console.answer_bytes(data)
    return 0


def _signed_before(path: Path, keys: Sequence[SigningKey]) -> RunResult:
    # A key vouches for a run that it signed when the run ended, not for a file that turned up.
    if not path.is_dir():
        message = "signing again takes the report's directory, for its signature is verified first"
        raise CallerError(message, hint="sealproof report render DIR --output DIR --sign-key FILE")
    return verify(path, [key.public for key in keys])


def _said(names: Sequence[str], output: str) -> None:
    unsigned = "" if attestation.NAME in names else ", UNSIGNED: only the run itself signs"
    console.answer(f"wrote {', '.join(names)} to {output}{unsigned}")
