"""SEC-001: secrets are ciphertext at rest.

Parses the sealed file without a key, and looks through the tenant's directory, to any depth, for what plain text
usually hides under. What lies in the store beside its tenants is looked through with the first tenant's first file.
With a key at hand the values of the sealed file are looked for as well, also in the files that the store itself lays
there (SEC-012 looks for tokens in those). Archives are SEC-007's.
"""

from __future__ import annotations

import os
import shlex
from itertools import chain
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.scan.live_values import LiveValues
from sealproof.checks.scan.remedies import renew
from sealproof.checks.scan.wording import named
from sealproof.checks.security._plain_text import READ_MAX, around_tenants, below_tenant, environment_of, judge
from sealproof.envelope.parse import parse
from sealproof.errors import DataError
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.checks.security._plain_text import PlainFile

_RENEWED_MAX = 5  # values whose renewal is part of the command; of more, the names are told


@check("SEC-001")
def ciphertext_at_rest(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the sealed file and one for each plain twin."""
    yield from _plain_twins(ctx)
    if _is_first(ctx):
        yield from _links(ctx)
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    try:
        envelope = parse(view.sealed)
    except DataError as exc:
        tenant, environment = view.scope.tenant, view.scope.environment
        yield failed(
            view.path,
            exc.message,
            expected="a sealed file of the sealproof-env/1 format",
            fix=f"sealproof seal {tenant} --environment {environment} FILE (from the source of the values)",
        )
    else:
        yield passed(view.path, f"{counted(len(envelope.entries), 'secret')}, all sealed")


def _plain_twins(ctx: Context) -> Iterator[Finding]:
    root, tenant = ctx.target.root, ctx.tenant.scope.tenant
    needles = LiveValues([ctx.tenant]).needles
    around = around_tenants(root, frozenset(ctx.target.custodian.store.tenants())) if _is_first(ctx) else ()
    for path in chain(below_tenant(root, tenant), around):
        try:
            found = judge(root, path, needles)
        except OSError as exc:
            yield not_evaluated(path, f"cannot be read: {(exc.strerror or 'input/output error').lower()}")
            continue
        if found is not None:
            yield _told(ctx, found)


def _links(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each link where a tenant would be: what it leads to is entered by nobody."""
    for name in ctx.target.custodian.store.strays():
        path = os.path.join(ctx.target.root, "tenants", name)
        if os.path.islink(path):
            reason = "a symbolic link, which is not followed: what a tenant of that name holds was not looked at"
            yield not_evaluated(f"tenants/{name}", reason, fix=f"ls -la {shlex.quote(path)}")


def _is_first(ctx: Context) -> bool:
    return ctx.tenant.scope == ctx.target.scopes[0]


def _told(ctx: Context, found: PlainFile) -> Finding:
    place = os.path.join(ctx.target.root, found.path)
    if not found.is_whole:
        reason = f"nothing in its first {READ_MAX} bytes, and it has more"
        return not_evaluated(found.path, reason, fix=f"mv -i {shlex.quote(place)} ~/")
    what = "with NAME=value lines lies beside the sealed one"
    if found.live:
        what = f"holds the live value of {named([place.name for place in found.live])}"
    fix, expected = _mended(ctx, found, place)
    return failed(found.path, f"a plain file {what}", expected=expected, fix=fix)


def _mended(ctx: Context, found: PlainFile, place: str) -> tuple[str, str]:
    """Return the fix and what it is to reach: what has no sealed twin is sealed, every other file is deleted.

    A twin is never sealed over the values in use: what it holds may be older, or another environment's.
    """
    environment, tenant = environment_of(found.path), ctx.tenant.scope.tenant
    if environment and not found.live and environment not in ctx.target.custodian.store.environments(tenant):
        words = ("seal", tenant, place, "--environment", environment, "--remove")
        return command(ctx, *words), f"ciphertext only: {environment} has no sealed file yet"
    renewed = dict.fromkeys(renew(ctx, live) for live in found.live)
    gone = f"shred -u {shlex.quote(place)}"
    fix = " && ".join((gone, *renewed)) if len(renewed) <= _RENEWED_MAX else gone
    return fix, "ciphertext only: the file deleted, and every value that stood in it renewed"
