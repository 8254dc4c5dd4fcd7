"""CMP-008: storage stays in allowed regions.

Compares the store's `[locations]` with the tenant's `regions`. Both are declarations: where a disk stands, no program
on it can prove.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.declared import declaration_of
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.vault.declarations import FILE_NAME, PLACES, locations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.declarations import TenantDeclaration


@check("CMP-008")
def storage_regions(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each place: data, keys, backups and logs."""
    declared, path = declaration_of(ctx)
    try:
        known = locations(ctx.target.root)
    except SealproofError as exc:
        raise NoEvidence(f"{FILE_NAME} cannot be read: {exc.message}", hint=exc.hint) from exc
    if not declared.regions:
        fix = f'set regions = ["…"] under [tenant] in {ctx.target.root}/{path}'
        yield not_evaluated(f"{path} [tenant]", "nobody said which regions are allowed", fix=fix)
        return
    for place in PLACES:
        yield _judge(ctx, place, known.get(place, ""), declared, path)


def _judge(ctx: Context, place: str, region: str, declared: TenantDeclaration, path: str) -> Finding:
    where = f"{FILE_NAME} [locations] {place}"
    if not region:
        fix = f"set {place} under [locations] in {ctx.target.root}/{FILE_NAME}"
        return not_evaluated(where, "nobody said where it lies", fix=fix)
    if region in declared.regions:
        return passed(where, f"in {region}, which is allowed")
    safeguard = declared.safeguards.get(region, "")
    if safeguard:
        return passed(where, f"in {region}, a transfer under a safeguard: {safeguard}")
    return failed(
        where,
        f"in {region}, which is not allowed",
        expected=f"one of {', '.join(declared.regions)}, or a safeguard for the transfer",
        fix=f"move it, or name the safeguard under [tenant.safeguards] in {ctx.target.root}/{path}",
    )
