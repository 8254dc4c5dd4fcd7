"""ROT-003: wrapping and master keys are within their cryptoperiod.

Looks at the key ledger, which proves itself, and never at file dates. The master derives the tenants' wrapping keys;
each of them is as old as its tenant's salt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.days import day_of
from sealproof.checks.fixes import command
from sealproof.checks.holdings import may_name
from sealproof.checks.registry import check
from sealproof.checks.rotation._evidence import ledger_of
from sealproof.envelope.freshness import CLOCK_SKEW
from sealproof.findings import Age, Finding, failed, not_evaluated, passed
from sealproof.vault.custodian import DAY
from sealproof.vault.keys.ledger import Purpose, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.keys.ledger import KeyRecord


@check("ROT-003")
def master_key_age(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the master and one for each tenant's wrapping key."""
    ledger = ledger_of(ctx)
    limits = {Purpose.MASTER: ctx.limit("master_key_days"), Purpose.TENANT: ctx.limit("wrapping_key_days")}
    for key in ledger.keys:
        if key.purpose in limits and key.state is State.ACTIVE:
            yield _judge(ctx, key, limits[key.purpose])
    for problem in ledger.problems:
        if problem.ref == "master" or "/" not in problem.ref:
            known = problem.ref == "master" or may_name(ctx.target, problem.ref)
            where = problem.ref if known else "another tenant's wrapping key"
            yield not_evaluated(where, problem.reason if known else "cannot be read", fix=problem.hint)


def _judge(ctx: Context, key: KeyRecord, days: int) -> Finding:
    master = key.purpose is Purpose.MASTER
    where = "keys/master.key" if master else f"keys/tenant_keys/{key.tenant}.key"
    if key.tenant and not may_name(ctx.target, key.tenant):
        where = "another tenant's wrapping key"
    fix = command(ctx, "key", "rotate-master")
    if key.created is None:
        return not_evaluated(where, "nobody knows when it was made", fix=fix)
    age = Age(max(0, ctx.now - key.created) // DAY, days)
    expected = f"at most {days} days old"
    if key.created > ctx.now + CLOCK_SKEW:
        observed = f"made on {day_of(key.created)}, which is ahead of the clock"
        return failed(where, observed, expected=expected, fix=fix, age=age)
    if ctx.now - key.created > days * DAY:
        return failed(where, f"made on {day_of(key.created)}", expected=expected, fix=fix, age=age)
    return passed(where, f"made on {day_of(key.created)}", age=age)
