"""CMP-007: the processing record is present.

Looks at `[tenant.processing]` of the tenant's manifest. A person wrote it, and whether it is true is theirs to
answer for: what is found here is `declared`, never a pass.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sealproof.checks.days import day_of
from sealproof.checks.declared import declaration_of
from sealproof.checks.registry import check
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed
from sealproof.vault.declarations import PROCESSING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_EXPECTED = f"{', '.join(PROCESSING)} filled in, and dated within the profile's period"


@check("CMP-007")
def processing_record(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the tenant's record."""
    declared, path = declaration_of(ctx)
    where = f"{path} [tenant.processing]"
    limit = ctx.limit("processing_record_days")
    if declared.personal_data is False and declared.reason:
        yield not_applicable(where, f"the manifest says that no personal data is in reach: {declared.reason}")
        return
    if declared.processing is None:
        reason = "nobody wrote down what is processed, nor that no personal data is in reach"
        yield not_evaluated(where, reason, fix=f"fill in [tenant.processing] in {ctx.target.root}/{path}")
        return
    gaps = declared.processing.gaps()
    fix = f"fill in {', '.join(gaps) or 'dated'} under [tenant.processing] in {ctx.target.root}/{path}"
    if gaps:
        yield failed(where, f"it lacks {', '.join(gaps)}", expected=_EXPECTED, fix=fix)
        return
    age = (date.fromisoformat(day_of(ctx.now)) - date.fromisoformat(declared.processing.dated)).days
    if age < 0:
        yield failed(where, f"it is dated ahead, on {declared.processing.dated}", expected=_EXPECTED, fix=fix)
    elif age > limit:
        observed = f"last looked over on {declared.processing.dated}, {age} days ago"
        yield failed(where, observed, expected=f"at most {limit} days", fix=fix)
    else:
        yield passed(where, f"whole, and last looked over on {declared.processing.dated}")
