"""SEC-017: the audit log is intact.

Every tenant's log is verified from its first record, or from the pruning that it begins behind, to its head: form,
sequence and links of every line, every epoch's signature, and the public key that the store pinned. A log that the
store's keys know of and that is gone fails. What the result may claim is the verifier's own sentence: without an anchor
kept elsewhere, a cut tail cannot be seen, and the result says so. Anchors are read from `audit-anchors/` beside the
store, where there is such a directory.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.trails import logs
from sealproof.errors import AuditLogBroken, DataError, SealproofError
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.vault.audit.anchors import read_anchor
from sealproof.vault.audit.home import pinned_key, reading
from sealproof.vault.audit.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.audit.notes import Checkpoint

ANCHORS = "audit-anchors"
"""The directory beside the store in which `audit anchor --output` may keep anchors; `TENANT.anchor` each."""


@check("SEC-017")
def audit_log_is_intact(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each log."""
    tenants = logs(ctx)
    for tenant in tenants:
        yield _judged(ctx, tenant)
    if not tenants:
        away = not os.path.lexists(os.path.join(ctx.target.root, "keys"))
        fix = "run this where the store's logs and keys are kept" if away else command(ctx, "audit", "verify")
        yield not_evaluated("audit", "there is no audit log here", fix=fix)


def _judged(ctx: Context, tenant: str) -> Finding:
    where = f"audit/{tenant}"
    fix = command(ctx, "audit", "verify", tenant)
    expected = "every record linked, in sequence and signed, from the first to the head"
    broken = f"{fix}; treat it as an incident, keep the files"
    try:
        with reading(ctx.target.root, tenant):
            pass  # one that is gone is missed with whatever is left of its keys
        pinned = pinned_key(ctx.target.root, tenant)
        anchors = _anchors(ctx, tenant)
    except AuditLogBroken as exc:
        return failed(where, exc.message, expected=expected, fix=broken)
    except SealproofError as exc:
        return not_evaluated(where, f"what it is verified against cannot be had: {exc.message}", fix=exc.hint)
    try:
        verified = verify(ctx.target.root, tenant, pinned, anchors=anchors)
    except DataError as exc:
        return failed(where, exc.message, expected=expected, fix=broken)
    except SealproofError as exc:
        return not_evaluated(where, exc.message, fix=exc.hint)
    records = f"{verified.size - verified.first} records, {verified.signatures} signatures"
    return passed(where, f"{records}: {verified.claim()}")


def _anchors(ctx: Context, tenant: str) -> list[Checkpoint]:
    beside = os.path.join(os.path.dirname(os.path.abspath(ctx.target.root)), ANCHORS, f"{tenant}.anchor")
    return [read_anchor(beside).checkpoint] if os.path.lexists(beside) else []
