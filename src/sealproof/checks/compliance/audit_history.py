"""CMP-004: audit history is kept long enough, and no longer.

A log that was never pruned covers all there ever was. One that was begins at the cut, and what was dropped must have
been older than the period. Beyond the retention, with a month for a schedule to come round, nothing may be left
unless a legal hold says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.days import day_of
from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.checks.trails import records
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.vault.audit.happenings import HELD, PRUNED, RELEASED
from sealproof.vault.custodian import DAY
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.audit.lines import Entry


@check("CMP-004")
def audit_history(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the beginning of the tenant's log, and one for its oldest personal data."""
    tenant = ctx.tenant.scope.tenant
    period = ctx.limit("audit_days")
    ctx.limit("audit_ready_days")  # what lies in the store is at hand: the period itself covers it
    kept = max(settings_of(ctx.target.root).audit_retention_days, period)
    slack = ctx.limit("audit_prune_days")
    oldest, cut, held = _read(ctx, tenant)
    if oldest is None:
        yield not_evaluated(f"audit/{tenant}", "it holds no record yet")
        return
    yield _long_enough(tenant, oldest, cut, period)
    yield _no_longer(ctx, tenant, oldest, kept + slack, held=held)


def _read(ctx: Context, tenant: str) -> tuple[Entry | None, Entry | None, bool]:
    oldest: Entry | None = None
    cut: Entry | None = None
    held = False
    try:
        for entry, _ in records(ctx.target.root, tenant):
            oldest = oldest or entry
            if entry.operation == PRUNED:
                cut = entry
            held = entry.operation == HELD or (held and entry.operation != RELEASED)
    except NoEvidence as exc:
        raise NoEvidence(exc.message, hint=command(ctx, "audit", "verify", tenant)) from exc
    return oldest, cut, held


def _long_enough(tenant: str, oldest: Entry, cut: Entry | None, period: int) -> Finding:
    where, since = f"audit/{tenant}", day_of(oldest.at // 1000)
    if oldest.sequence == 0:
        return passed(where, f"whole since it began on {since}")
    if cut is None:
        observed = f"it begins at record {oldest.sequence}, and no record says why"
        return failed(where, observed, expected="a log from its beginning, or a recorded pruning", fix=_VERIFY)
    days = (cut.at - oldest.at) // 1000 // DAY
    if days < period:
        observed = f"when it was pruned on {day_of(cut.at // 1000)}, {days} days were left of it"
        fix = "keep the exports of what was pruned, and raise AUDIT_RETENTION_DAYS"
        return failed(where, observed, expected=f"{period} days of history", fix=fix)
    return passed(where, f"it begins on {since}; {days} days were left when it was last pruned")


_VERIFY = "sealproof audit verify"


def _no_longer(ctx: Context, tenant: str, oldest: Entry, most: int, *, held: bool) -> Finding:
    where = f"audit/{tenant} oldest record"
    days = (ctx.now - oldest.at // 1000) // DAY
    if days <= most:
        return passed(where, f"{max(days, 0)} days old")
    if held:
        return passed(where, f"{days} days old, kept under a legal hold")
    return failed(
        where,
        f"{days} days old",
        expected=f"at most {most} days, or a legal hold",
        fix=command(ctx, "audit", "prune", tenant, "--export", "DIR"),
    )
