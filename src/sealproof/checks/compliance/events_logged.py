"""CMP-001: required events are logged.

Causes each event of the catalogue in a scratch store, through the manager that applications use, and looks for the
record that it must leave. Then looks whether the tenant has a log at all: events of a tenant that is only ever read by
the pure loader leave no record, and nobody can tell that from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.compliance._probes import probed
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.checks.trails import records
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context


@check("CMP-001")
def events_logged(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each event, and one for the tenant's own log."""
    for event, recorded in probed().items():
        if recorded:
            yield passed(event, "it left its record")
        else:
            fix = "report this: it is a fault of the vault"
            yield failed(event, "it left no record", expected="a durable record of each event", fix=fix)
    tenant = ctx.tenant.scope.tenant
    try:
        count = sum(1 for _ in records(ctx.target.root, tenant))
    except NoEvidence as exc:
        reason = f"{exc.message}: read and change it through the manager or the agent"
        yield not_evaluated(f"audit/{tenant}", reason)
        return
    yield passed(f"audit/{tenant}", counted(count, "record"))
