"""CMP-009: names and metadata carry no personal data.

Looks at what is readable without a key: tenant and secret names, file names beside the sealed file, and the texts of
the manifest but for `owner` and `[tenant]`, which are declared for people. The audit log holds pseudonyms and keyed
digests only, and is CMP-002's.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.personal import found_in
from sealproof.checks.registry import check
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, passed
from sealproof.vault.records.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_EXPECTED = "opaque ids; people stand in fields that are declared for them"


@check("CMP-009")
def personal_data_in_names(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each text with personal data in it, and one for all without."""
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    people = _people(ctx)
    clean = 0
    for where, text in _texts(ctx):
        kinds = found_in(text, people)
        clean += not kinds
        if kinds:
            fix = "rename it to an opaque id, or rephrase it"
            yield failed(where, f"it looks like {' and '.join(kinds)}", expected=_EXPECTED, fix=fix)
    if clean:
        yield passed(view.path, f"{clean} names and texts carry no personal data that is recognised")


def _texts(ctx: Context) -> Iterator[tuple[str, str]]:
    view, tenant = ctx.tenant, ctx.tenant.scope.tenant
    yield f"tenants/{tenant}", tenant
    yield f"tenants/{tenant}/{view.scope.environment}", view.scope.environment
    for number, entry in enumerate(view.envelope.entries, 1):
        if "." not in entry.name:
            yield f"{view.path}, name {number}", entry.name
    for name in sorted(os.listdir(os.path.join(ctx.target.root, "tenants", tenant))):
        yield f"tenants/{tenant}, a file's name", name
    for name, described in sorted(view.manifest.items()):
        yield view.resource(name) + " purpose", described.purpose
        yield view.resource(name) + " reason", described.reason


def _people(ctx: Context) -> tuple[str, ...]:
    """Return the names that the store knows: registered people and owners of secrets."""
    owners = {entry.owner for entry in ctx.tenant.manifest.values()}
    try:
        return tuple(sorted(owners | set(Shelf(ctx.target.root).people().names)))
    except SealproofError:
        return tuple(sorted(owners))  # without a policy key nobody vouches for people; owners are still names
