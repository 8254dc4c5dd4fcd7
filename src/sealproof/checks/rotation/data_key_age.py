"""ROT-002: data keys are within their cryptoperiod.

Looks at the key ledger (`keys/tenant_keys/`), not at file dates: a copied file is not a new key. The
ledger proves itself under the tenant's key-encrypting key before its dates are believed. A data key
is as old as the epoch key that wraps it, at most; the key that authenticates the file is derived from
it and has the same age.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.days import day_of
from sealproof.checks.fixes import command
from sealproof.checks.holdings import keyring_of, tenant_path
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.envelope.freshness import CLOCK_SKEW
from sealproof.findings import Age, Finding, failed, passed
from sealproof.loader.storekeys import proved_owner
from sealproof.vault.custodian import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.checks.tenant import TenantView
    from sealproof.envelope.parse import Envelope


@check("ROT-002")
def data_key_age(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the epoch under which the file is sealed."""
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    envelope = view.envelope
    created = _created(view, envelope.epoch)
    days = min(ctx.limit("data_key_days"), ctx.limit("mac_key_days"))
    problem = _problem(envelope, created, created + days * DAY, ctx.now)
    resource = f"{tenant_path(view.scope.tenant)} {view.scope.environment} epoch {envelope.epoch}"
    age = Age(max(0, ctx.now - created) // DAY, days)
    if problem:
        fix = command(ctx, "key", "rotate", view.scope.tenant, "--environment", view.scope.environment)
        expected = f"seals within {days} days of {day_of(created)}, when the key was made"
        yield failed(resource, problem, expected=expected, fix=fix, age=age)
    else:
        yield passed(resource, f"made on {day_of(created)}, may seal until {day_of(created + days * DAY)}", age=age)


def _created(view: TenantView, epoch: int) -> int:
    """Return when the file's epoch key was made, from the proved ledger. Raises NoEvidence."""
    tenant, environment = view.scope.tenant, view.scope.environment
    with keyring_of(view.target.root) as keys:
        proved = proved_owner(keys, tenant)
        if proved is None:
            message = f"{tenant_path(tenant)} is not there: the ledger says when a key was made"
            raise NoEvidence(message, hint="restore keys/ from its backup")
    for record in proved[0].epochs:
        if (record.environment, record.epoch) == (environment, epoch):
            return record.created
    message = f"{tenant_path(tenant)} does not know epoch {epoch} of {environment}, which the file names"
    raise NoEvidence(message, hint="restore keys/ from its backup")


def _problem(envelope: Envelope, created: int, end: int, now: int) -> str:
    """Say how the key was used outside its period, or return an empty text."""
    sealed = max((int(entry.updated) for entry in envelope.entries), default=0)
    latest = max(sealed, envelope.saved)
    if created > now + CLOCK_SKEW:
        return f"the ledger says that the key was made on {day_of(created)}, which is ahead of the clock"
    if latest > end:
        return f"sealed on {day_of(latest)}, after the key's period had ended on {day_of(end)}"
    if now > end:
        return f"the key's period ended on {day_of(end)}, and the file is still sealed under it"
    return ""
