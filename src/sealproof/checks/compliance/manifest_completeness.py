"""CMP-006: every secret has an owner, class and purpose.

Compares the manifest with the readable names of the sealed files; no key is needed. An entry counts
as an orphan only if its secret is in none of the tenant's environments.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.days import has_expired
from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed
from sealproof.vault import inventory, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.checks.tenant import TenantView
    from sealproof.vault.manifest import Entry

_EXPECTED = "one entry with owner, class, purpose, rotation and expiry for each secret, and one secret for each entry"


@check("CMP-006")
def manifest_completeness(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each secret without a full entry and each orphan, and one for all that are described."""
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    names = [entry.name for entry in view.envelope.entries if "." not in entry.name]
    entries = view.manifest
    complete = 0
    for name in names:
        problem = _problem(ctx, name, entries.get(name))
        complete += problem is None
        if problem:
            yield problem
    yield from _orphans(ctx)
    if complete:
        yield passed(_path(view), f"{complete} secrets of {view.scope.environment} are described in full")
    if not names and not entries:
        yield not_applicable(_path(view), "there is no secret to describe")


def _problem(ctx: Context, name: str, entry: Entry | None) -> Finding | None:
    view = ctx.tenant
    path = os.path.join(ctx.target.root, _path(view))
    if entry is None:
        fix = command(ctx, "manifest", view.scope.tenant)
        return failed(view.resource(name), f"{_path(view)} has no entry for it", expected=_EXPECTED, fix=fix)
    gaps = entry.gaps()
    if gaps:
        fix = f"set {', '.join(gaps)} under [{name}] in {path}"
        return failed(view.resource(name), f"its entry lacks {', '.join(gaps)}", expected=_EXPECTED, fix=fix)
    if has_expired(entry.expires, ctx.now):
        return failed(
            view.resource(name),
            f"its entry expired on {entry.expires}",
            expected="an expiry in the future, or never",
            fix=f"renew or remove the secret, then set expires under [{name}] in {path}",
        )
    return None


def _orphans(ctx: Context) -> Iterator[Finding]:
    view = ctx.tenant
    try:
        present = set(inventory.secret_names(ctx.target.custodian.store, view.scope.tenant))
    except SealproofError as exc:
        reason = f"orphans are unknown: another environment cannot be read: {exc.message}"
        yield not_evaluated(_path(view), reason, fix=exc.hint)
        return
    for name in sorted(view.manifest.keys() - present):
        yield failed(
            f"{_path(view)} [{name}]",
            "no environment of the tenant has this secret",
            expected=_EXPECTED,
            fix=command(ctx, "manifest", view.scope.tenant, "--prune"),
        )


def _path(view: TenantView) -> str:
    return f"tenants/{view.scope.tenant}/{manifest.FILE_NAME}"
