"""CMP-003: timestamps can be trusted.

Three witnesses: the times in the audit logs, the times in the sealed files, and the kernel's own word on its clock.
All times here are unix time, which is UTC by definition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.days import day_of
from sealproof.checks.hostclock import host_clock
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.checks.trails import logs, records
from sealproof.envelope.freshness import CLOCK_SKEW
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_FIX = "timedatectl set-ntp true"


@check("CMP-003")
def timestamps(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the host's clock, one for each log, one for the sealed files."""
    limit = ctx.limit("clock_skew_ms")
    yield _host(limit)
    for tenant in logs(ctx):
        try:
            yield _log(ctx, tenant, limit)
        except NoEvidence as exc:
            yield not_evaluated(f"audit/{tenant}", exc.message, fix=exc.hint)
    yield from _files(ctx)


def _host(limit: int) -> Finding:
    clock = host_clock()
    where = "the host's clock"
    if clock is None:
        return not_evaluated(where, "this system does not say whether its clock is kept in step")
    if not clock.synchronised:
        observed = "the kernel says that nothing keeps it in step"
        return failed(where, observed, expected="a clock that is synchronised", fix=_FIX)
    if clock.error_ms > limit:
        observed = f"the kernel estimates that it is {clock.error_ms} ms off"
        return failed(where, observed, expected=f"at most {limit} ms", fix=_FIX)
    return passed(where, f"synchronised, and {clock.error_ms} ms off by the kernel's own estimate")


def _log(ctx: Context, tenant: str, limit: int) -> Finding:
    where, latest, count = f"audit/{tenant}", 0, 0
    expected = f"times that never go back by more than {limit} ms, and none from the future"
    fix = "find out which writer's clock was off, and synchronise it"
    for entry, _ in records(ctx.target.root, tenant):
        count += 1
        back = max(latest - entry.at, entry.numbers.get("back", 0))
        if back > limit:
            observed = f"record {entry.sequence} was written when the clock had gone back {back} ms"
            return failed(where, observed, expected=expected, fix=fix)
        latest = max(latest, entry.at)
    if latest > ctx.now * 1000 + CLOCK_SKEW * 1000:
        observed = f"its newest record is of {day_of(latest // 1000)}, which is ahead of the clock"
        return failed(where, observed, expected=expected, fix=fix)
    return passed(where, f"{counted(count, 'record')} in the order of their times")


def _files(ctx: Context) -> Iterator[Finding]:
    fine = 0
    for view in ctx.every_tenant():
        try:
            newest = max((int(entry.updated) for entry in view.envelope.entries), default=0)
        except NoEvidence as exc:
            yield not_evaluated(view.path, exc.message, fix=exc.hint)
            continue
        if newest > ctx.now + CLOCK_SKEW:
            observed = f"a secret was sealed on {day_of(newest)}, which is ahead of the clock"
            yield failed(view.path, observed, expected="times that have been", fix=_FIX)
        else:
            fine += 1
    if fine:
        yield passed("sealed files", f"no time from the future in {counted(fine, 'file')}")
