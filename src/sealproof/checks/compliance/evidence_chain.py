"""CMP-018: the evidence chain has no gap.

Looks at the predecessor's attestation: the signature, its number, and the earlier runs that it vouches for. What lies
further back than those is proved by their own attestations, where they were kept: `report verify`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from sealproof.checks.beginnings import store_began
from sealproof.checks.days import day_of
from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.report_keys import believed_keys
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import EvidenceRejected, SealproofError
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed
from sealproof.loader.files import read_public
from sealproof.reports.predecessor import predecessor
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import PastRun
    from sealproof.reports.trust import PinnedKey

_HOUR = 3600  # seconds
_GRACE = 3600  # seconds; a daily job does not end to the second when yesterday's did
_FILE_MAX = 64 * 1024 * 1024  # bytes


@check("CMP-018")
def evidence_chain(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the predecessor, one for the numbers, one for the cadence."""
    limit = ctx.limit("run_cadence_hours")
    path = ctx.target.spec.previous
    data = read_public(path, limit=_FILE_MAX) if path else None
    if data is None:
        yield _first(ctx, limit)
        return
    ctx.saw("the predecessor's attestation", data)
    try:
        runs = predecessor(data, _believed(ctx))
    except EvidenceRejected as exc:
        fix = command(ctx, "report", "verify", "DIR", "--key", "PUBLIC_KEY_FILE")
        yield failed("the predecessor", exc.message, expected="an attestation by this store's report key", fix=fix)
        return
    newest = runs[-1]
    observed = f"run {newest.number} of {day_of(newest.ended // 1000)}, signed by this store's report key"
    yield passed("the predecessor", observed)
    yield from _judge(ctx, runs, limit)


def _first(ctx: Context, limit: int) -> Finding:
    where = "the predecessor"
    try:
        began = store_began(ctx)
    except NoEvidence as exc:
        return not_evaluated(where, f"no earlier run is here, and {exc.message}", fix="--previous FILE")
    if ctx.now - began <= limit * _HOUR + _GRACE:
        return not_applicable(where, f"the store began on {day_of(began)}: its first runs start the chain")
    reason = "no earlier run is here: this run cannot say anything about a period"
    return not_evaluated(where, reason, fix=command(ctx, "check", "--report-dir", "DIR"))


def _judge(ctx: Context, runs: tuple[PastRun, ...], limit: int) -> Iterator[Finding]:
    numbers = [run.number for run in runs]
    gap = next(((one, other) for one, other in pairwise(numbers) if other != one + 1), None)
    if gap:
        observed = f"run {gap[0]} is followed by run {gap[1]}"
        yield failed("run numbers", observed, expected="numbers without a gap", fix="find the missing run's report")
    else:
        yield passed("run numbers", f"runs {numbers[0]} to {numbers[-1]}, without a gap")
    times = [*(run.ended // 1000 for run in runs), ctx.now]
    longest = max(later - earlier for earlier, later in pairwise(times))
    hours = counted(max(longest, 0) // _HOUR, "hour")
    if longest > limit * _HOUR + _GRACE:
        expected = f"at most {counted(limit, 'hour')}"
        yield failed("cadence", f"{hours} between two runs", expected=expected, fix="run the gate on a schedule")
    else:
        yield passed("cadence", f"at most {hours} between two of the last {len(runs)} runs")


def _believed(ctx: Context) -> list[bytes | PinnedKey]:
    """Return the public keys that may have signed. Raises NoEvidence where there is none."""
    spec = ctx.target.spec
    try:
        found = believed_keys(spec.root, spec.report_key, spec.previous_key)
    except SealproofError as exc:
        raise NoEvidence(f"whose signature counts is unknown: {exc.message}", hint=exc.hint) from exc
    if not found:
        message = "no report key is here to verify the predecessor with"
        raise NoEvidence(message, hint="--previous-key FILE")
    return found
