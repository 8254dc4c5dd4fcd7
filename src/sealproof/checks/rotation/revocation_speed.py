"""ROT-010: emergency revocation is fast enough.

A drill in a process of its own: scratch tenants get new keys, the old ones are destroyed, and none of them opens a file
any more. The time is scaled to as many files as the store has; handing the new key files to hosts is not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.isolation import run_apart
from sealproof.checks.registry import check
from sealproof.checks.rotation._drills import revocation_drill
from sealproof.checks.trials import Trials
from sealproof.errors import ToolFailed
from sealproof.findings import Finding, failed, passed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_MINUTE = 60  # seconds
_TENANTS = 4  # enough to scale from; each stretches a key


@check("ROT-010")
def revocation_speed(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the refusals, and one for the time."""
    minutes = ctx.limit("revocation_minutes")
    directory = ctx.scratch()
    answer = run_apart(revocation_drill, directory, {"directory": directory, "tenants": _TENANTS}).returned()
    trials = Trials()
    trials.add(answer)
    yield trials.finding("revocation drill", expected="a revoked key opens nothing, and the new one does")
    taken = answer.get("milliseconds") if isinstance(answer, dict) else None
    if not isinstance(taken, int):
        message = "the revocation drill did not say how long it took"
        raise ToolFailed(message, hint="sealproof doctor")
    files = max(len(ctx.target.scopes), 1)
    whole = taken / 1000 * files / _TENANTS
    observed = f"{_TENANTS} files in {taken / 1000:.1f} s, so about {whole:.0f} s for the {files} that are looked at"
    expected = f"within {minutes} minutes"
    if whole > minutes * _MINUTE:
        fix = "split the store, or rotate tenants side by side: sealproof key rotate TENANT"
        yield failed("time to revoke", observed, expected=expected, fix=fix)
    else:
        yield passed("time to revoke", observed)
