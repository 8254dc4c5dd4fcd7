"""SEC-012: no secret in the source tree.

One pass over the work tree, each file read once (`scan.files` says which files, `scan.sweep` how):

1. Live values, of every tenant's secrets that are no configuration and have 8 characters or more: as they stand,
   in base64, hex, percent-encoded, JSON-escaped. They stay in this process.
2. Key files: sealproof's own formats, private keys in PEM and of SSH programs.
3. Image, compose and CI files, and the logs and histories that builds leave: fixed values under names that speak of
   a secret, and lines that give away whatever they are given (`scan.build_files`).
4. Tokens of known formats (detect-secrets) and, as a hint of low severity, hard-coded passwords in Python (bandit),
   in a child process with a time limit for each file.

Allow comments of other tools hide nothing; where one stands on a line that is found, the finding says so.

Speed: 20 MB of text with 1,000 live values takes about 2 s on 2 shared cores, start of the scanners
included; a tree of Python sources takes longer where bandit has reason to parse (0.4 MB/s).

Archives are looked into (`scan.archives`), and so are plain environment files that git ignores.

Limits: files over `scan_file_bytes` are not looked into; a binary file is searched for values and
keys, not for tokens; the index is not read where it differs from the work tree; a value in line-wrapped base64,
split over lines or put together by code is not found. Build files are read line by line and known by their names:
a secret under a name that says nothing, or in a script that a build calls, is not found there. What was not looked at
is counted and listed.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.scan.detectors import Detectors
from sealproof.checks.scan.files import Listing, Skip, list_files
from sealproof.checks.scan.live_values import CHARACTERS_MIN, LiveValues, Place
from sealproof.checks.scan.remedies import out_of_the_tree, renew, typed
from sealproof.checks.scan.sweep import Spot, Sweep
from sealproof.checks.scan.wording import NAMED_MAX, named, some
from sealproof.findings import Finding, Severity, failed, not_applicable, not_evaluated, passed
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_FINDINGS_MAX = 200  # of one kind; the rest are one finding with their number
_INSTALL = "pip install 'sealproof[ci]'"
_IN_MEMORY = "values in sealed files and in memory only: sealproof run --tenant TENANT -- COMMAND hands them over"
_VALUES, _KEYS, _BUILDS, _TOKENS, _HINTS, _SKIPPED = (
    "live values", "key files", "build and CI files", "tokens", "hard-coded passwords", "files not looked at"
)  # fmt: skip


@check("SEC-012")
def source_tree(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each secret in the tree, and what was and was not looked at."""
    source = ctx.target.source
    limit = ctx.limit("scan_file_bytes")
    with Detectors(seconds=ctx.limit("scan_file_seconds")) as detectors:
        live = LiveValues(ctx.every_tenant())
        listing = list_files(source, keys=os.path.join(ctx.target.root, "keys"))
        sweep = Sweep(listing, live.needles, detectors, limit=limit)
        sweep.run()
    if not sweep.files:
        yield not_evaluated("source tree", f"no file of {source} was looked at", fix="name the tree: --source DIR")
    yield from _live_values(ctx, live, sweep)
    yield from _key_files(ctx, sweep)
    yield from _build_files(ctx, sweep)
    yield from _tokens(ctx, sweep, detectors)
    yield from _hints(sweep, detectors)
    yield from _gaps(sweep, detectors)
    yield from _not_looked_at(listing, live, sweep)
    yield from row_findings(ctx)


def _live_values(ctx: Context, live: LiveValues, sweep: Sweep) -> Iterator[Finding]:
    finds = [(place, spot, how) for place, found in sweep.values.items() for spot, how in found.spots.items()]
    yield from some(
        [_value(ctx, *find) for find in finds],
        _VALUES,
        command(ctx, "check", "--check", "SEC-012"),
        limit=_FINDINGS_MAX,
    )
    for place, found in sweep.values.items():
        more = found.count - len(found.spots)
        if more:
            observed = f"its live value stands on {more} more lines"
            yield failed(str(place), observed, expected=_expected(place), fix=renew(ctx, place))
    for closed in live.closed[:NAMED_MAX]:
        yield not_evaluated(f"{_VALUES} of {closed.scope}", closed.reason, fix=closed.hint)
    if live.closed[NAMED_MAX:]:
        more = len(live.closed) - NAMED_MAX
        yield not_evaluated(_VALUES, f"{more} more scopes do not open", fix=live.closed[0].hint)
    if live.places and not sweep.values and sweep.files:
        yield passed(_VALUES, f"none of {live.places} stands in {sweep.files} files ({sweep.size} bytes)")
    elif not live.places and not live.closed:
        yield not_applicable(_VALUES, f"no secret has a value of {CHARACTERS_MIN} characters or more")


def _value(ctx: Context, place: Place, spot: Spot, spelling: str) -> Finding:
    where = "stands here" if spot.line or not spot.shown.startswith("(") else "is part of a file's name"
    observed = f"the live value of {place} {where}, {spelling}{_comments(spot)}"
    if spot.entry.ignored:
        observed += ", in a plain file that git ignores"
        return failed(str(spot), observed, expected=_IN_MEMORY, fix=_delete(ctx, spot))
    return failed(str(spot), observed, expected=_expected(place), fix=renew(ctx, place))


def _delete(ctx: Context, spot: Spot) -> str:
    """Return the command against a plain file that nobody was given: without it, what it held is sealed or nowhere."""
    return f"shred -u {shlex.quote(typed(ctx.target.source, spot.entry.path))}"


def _expected(place: Place) -> str:
    return (
        f"the line removed, and the value renewed so that every copy of it is dead "
        f"(if {place.name} is no secret: class config in the manifest)"
    )


def _key_files(ctx: Context, sweep: Sweep) -> Iterator[Finding]:
    findings = [
        failed(
            str(spot),
            f"{kind} stands here{_comments(spot)}",
            expected="keys outside the source tree",
            fix=out_of_the_tree(ctx, spot.entry.path, tracked=spot.entry.tracked),
        )
        for spot, kind in sweep.keys.items()
    ]
    yield from some(findings, _KEYS, command(ctx, "check", "--check", "SEC-012"), limit=_FINDINGS_MAX)
    if not findings and sweep.files:
        yield passed(_KEYS, f"none in {sweep.files} files")


def _build_files(ctx: Context, sweep: Sweep) -> Iterator[Finding]:
    told = {*sweep.tokens, *sweep.keys} | {spot for found in sweep.values.values() for spot in found.spots}
    findings = [
        failed(
            str(spot),
            f"{found.what}{_comments(spot)}",
            expected="secrets handed over at run time, and printed, copied or carried away by no build",
            fix=found.fix,
            severity=Severity.HIGH,
            reason="judged by names and lines alone: whether the secret is a live one, they cannot tell",
        )
        for spot, every in sweep.builds.items()
        for found in every
        if not (found.fault.shows_value and spot in told)
    ]
    yield from some(findings, _BUILDS, command(ctx, "check", "--check", "SEC-012"), limit=_FINDINGS_MAX)
    if not sweep.build_files:
        yield not_applicable(_BUILDS, "the tree has no image, compose or CI file, and no build's log")
    elif not findings:
        yield passed(_BUILDS, f"nothing in {counted(sweep.build_files, 'file')}")


def _tokens(ctx: Context, sweep: Sweep, detectors: Detectors) -> Iterator[Finding]:
    tenant = ctx.target.tenants[0] if len(ctx.target.tenants) == 1 else "TENANT"
    load = command(ctx, "set", tenant, "NAME")
    fix = f"revoke it where it was issued, remove the line, load the new one at run time: {load}"
    findings = [
        failed(
            str(spot),
            f"{', '.join(dict.fromkeys(names))} (by its format){_comments(spot)}",
            expected="no token in the source tree",
            fix=_delete(ctx, spot) if spot.entry.ignored else fix,
        )
        for spot, names in sweep.tokens.items()
    ]
    yield from some(findings, _TOKENS, fix, limit=_FINDINGS_MAX)
    if not findings and sweep.files and not (sweep.unfinished or detectors.missing or detectors.broken):
        yield passed(_TOKENS, f"none in {sweep.files} files")


def _hints(sweep: Sweep, detectors: Detectors) -> Iterator[Finding]:
    findings = []
    for entry, found in sweep.hints.items():
        lines = named([str(line) for line in dict.fromkeys(hint.line for hint in found)])
        tests = ", ".join(sorted({hint.detector for hint in found}))
        findings.append(
            failed(
                sweep.shown(entry.path),
                f"a name that speaks of a password stands beside a fixed text: line {lines} (bandit {tests})",
                expected="passwords loaded at run time",
                fix="read it from the environment: sealproof run --tenant TENANT -- COMMAND",
                severity=Severity.LOW,
                reason="only the name hints at a secret; the text may be anything",
            )
        )
    yield from some(findings, _HINTS, "bandit -r . -t B105,B106,B107", limit=_FINDINGS_MAX)
    if not findings and sweep.files and not (sweep.unfinished or detectors.missing or detectors.broken):
        yield passed(_HINTS, "none in the Python files")


def _gaps(sweep: Sweep, detectors: Detectors) -> Iterator[Finding]:
    """Yield what should have been looked at and was not."""
    if detectors.missing:
        yield not_evaluated(_TOKENS, f"not installed: {', '.join(detectors.missing)}", fix=_INSTALL)
    if detectors.broken:
        yield not_evaluated(_TOKENS, detectors.broken, fix="python -m sealproof.checks.scan.worker < /dev/null")
    for path, reason in sweep.unread:
        fix = f"look into it: tar tf or unzip -l {shlex.quote(path)}"
        yield not_evaluated(path, f"the archive was not looked at to its end: {reason}", fix=fix)
    for path in sweep.unfinished:
        yield not_evaluated(path, "not finished: the scanners took longer than the limit for one file, or broke on it")


def _not_looked_at(listing: Listing, live: LiveValues, sweep: Sweep) -> Iterator[Finding]:
    """Yield what was left out for a reason: counted, and named as far as a report can."""
    for skip in Skip:
        count = listing.skipped.counts[skip]
        if count:
            names = named([sweep.shown_name(name) for name in listing.skipped.samples[skip]], count)
            yield not_applicable(_SKIPPED, f"{count} {skip.value}: {names}")
    for note in listing.notes:
        yield not_applicable(_SKIPPED, note)
    if live.short:
        reason = f"{len(live.short)} under {CHARACTERS_MIN} characters, not looked for: {named(live.short)}"
        yield not_applicable(_VALUES, reason)
    if sweep.lookalike_count:
        shown = named([str(spot) for spot in sweep.lookalikes], sweep.lookalike_count)
        yield not_applicable(_TOKENS, f"{sweep.lookalike_count} taken for samples or values to fill in: {shown}")
    if sweep.unparsed:
        yield not_applicable(
            _HINTS, f"{counted(len(sweep.unparsed), 'file')} could not be parsed: {named(sweep.unparsed)}"
        )


def _comments(spot: Spot) -> str:
    return f"; {' and '.join(spot.comments)} on the line is no permission here" if spot.comments else ""
