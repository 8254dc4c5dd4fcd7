"""LOD-002: tenants stay apart under load.

Every secret of the scratch store is a random canary that no other tenant has. Locust's users ask for
all of them at the same time, and hold every single answer, ramp-up included, against what it should
have been: exactly its own canary, and no trace of another tenant's in body or headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.load._measurement import Measurement, measurement
from sealproof.checks.registry import check
from sealproof.checks.trials import REINSTALL
from sealproof.findings import Finding, failed, not_evaluated, passed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context


@check("LOD-002")
def tenant_isolation(ctx: Context) -> Iterator[Finding]:
    """Yield what was foreign and what was missing; a pass only over enough answers, some of each tenant."""
    run = measurement(ctx)
    least = ctx.limit("load_min_samples")
    if run.foreign:
        observed = f"{run.foreign} of {run.requests} answers held another tenant's canary"
        yield failed("load/foreign", observed, expected="not one", fix=REINSTALL)
    if run.missing:
        observed = f"{run.missing} of {run.requests} answers were not exactly their own canary"
        yield failed("load/missing", observed, expected="not one", fix=REINSTALL)
    if not run.foreign and not run.missing:
        yield _apart(run, least)


def _apart(run: Measurement, least: int) -> Finding:
    answered = sum(run.tenants.values())
    if run.silent:
        return not_evaluated("load/tenants", f"not one answer was had for {', '.join(run.silent)}")
    if answered < least:
        return not_evaluated("load/tenants", f"{answered} answers were had, a verdict needs {least}")
    fewest = min(run.tenants.values())
    observed = f"{answered} answers for {len(run.tenants)} tenants, {fewest} or more each: all exactly their own canary"
    return passed("load/tenants", observed)
