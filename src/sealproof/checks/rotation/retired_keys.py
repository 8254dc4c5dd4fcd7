"""ROT-005: retired keys only open, then go.

The ledger says which epochs are retired and since when; the sealed file says under which epoch it was last saved. A
destroyed key must be in no key file any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.days import day_of
from sealproof.checks.fixes import command
from sealproof.checks.holdings import tenant_path
from sealproof.checks.registry import check
from sealproof.checks.rotation._evidence import ledger_of
from sealproof.checks.tenant import NoEvidence
from sealproof.findings import Age, Finding, failed, not_applicable, not_evaluated, passed
from sealproof.vault.custodian import DAY
from sealproof.vault.keys.ledger import Purpose, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.keys.ledger import KeyRecord


@check("ROT-005")
def retired_keys(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each epoch that is no longer in use."""
    view = ctx.tenant
    ledger, days = ledger_of(ctx), ctx.limit("data_key_retired_days")
    for problem in ledger.problems:
        if problem.ref == view.scope.tenant:
            raise NoEvidence(f"{tenant_path(problem.ref)}: {problem.reason}", hint=problem.hint)
    epochs = ledger.of(Purpose.EPOCH, view.scope.tenant, view.scope.environment)
    ctx.saw(view.path, view.sealed)
    living = {key.epoch for key in epochs if key.state is not State.DESTROYED}
    gone = [key for key in epochs if key.state is not State.ACTIVE]
    for key in gone:
        yield _judge(ctx, key, living, days)
    if not gone:
        yield not_applicable(tenant_path(view.scope.tenant), "no key of this environment was ever retired")


def _judge(ctx: Context, key: KeyRecord, living: set[int], days: int) -> Finding:
    view = ctx.tenant
    where = f"{tenant_path(view.scope.tenant)} {view.scope.environment} epoch {key.epoch}"
    scope = (view.scope.tenant, "--environment", view.scope.environment)
    destroy = command(ctx, "key", "destroy", *scope)
    if key.state is State.DESTROYED:
        if key.epoch in living:
            observed = "the ledger says that it was destroyed, and its key file still holds it"
            return failed(where, observed, expected="a destroyed key is in no key file", fix=destroy)
        return passed(where, "destroyed, and in no key file")
    if view.envelope.epoch == key.epoch:
        observed = f"retired, and the file that was saved on {day_of(view.envelope.saved)} is sealed under it"
        fix = command(ctx, "key", "rotate", *scope)
        return failed(where, observed, expected="nothing is sealed under a retired key", fix=fix)
    if key.retired is None:
        return not_evaluated(where, "the journal does not say when it was retired", fix=destroy)
    age = Age(max(0, ctx.now - key.retired) // DAY, days)
    if ctx.now - key.retired > days * DAY:
        observed = f"retired on {day_of(key.retired)}, and still there"
        return failed(where, observed, expected=f"destroyed within {days} days", fix=destroy, age=age)
    return passed(where, f"retired on {day_of(key.retired)}, and only opens", age=age)
