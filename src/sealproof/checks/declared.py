"""A tenant's own declarations as checks read them: missing or unreadable is no evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.vault import declarations

if TYPE_CHECKING:
    from sealproof.checks.context import Context
    from sealproof.vault.declarations import TenantDeclaration


def declaration_of(ctx: Context) -> tuple[TenantDeclaration, str]:
    """Return what the tenant's manifest declares, and the manifest's path. Raises NoEvidence."""
    tenant = ctx.tenant.scope.tenant
    path = f"tenants/{tenant}/{declarations.FILE_NAME}"
    store = ctx.target.custodian.store
    try:
        text = store.read_beside(tenant, declarations.FILE_NAME, limit=declarations.FILE_MAX)
        ctx.saw(path, text or b"")
        return declarations.of_tenant(store, tenant), path
    except SealproofError as exc:
        raise NoEvidence(f"{path} cannot be read: {exc.message}", hint=exc.hint) from exc
