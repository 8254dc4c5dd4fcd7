"""ROT-001: secrets are younger than their class allows.

The age counts from the time that each value was last changed, which stands beside it in the sealed
file and is bound to it: sealing an equal value again changes nothing, and a copied file is not a new
secret. Needs no key.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.days import day_of, has_expired
from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.envelope.freshness import CLOCK_SKEW
from sealproof.findings import Age, Finding, failed, not_applicable, passed
from sealproof.vault import manifest
from sealproof.vault.custodian import DAY
from sealproof.vault.manifest import SecretClass
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.envelope.parse import Entry as SealedEntry

AGED = (SecretClass.PASSWORD, SecretClass.TOKEN, SecretClass.KEY, SecretClass.CONNECTION)
"""Classes that grow old; configuration does not."""


@check("ROT-001")
def secret_age(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each secret that is too old or exempt, and one for all that are young enough."""
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    young: list[Age] = []
    secrets = [entry for entry in view.envelope.entries if "." not in entry.name and view.kind(entry.name) in AGED]
    for secret in secrets:
        finding = _judge(ctx, secret)
        if finding is None:
            young.append(_age(ctx, secret))
        else:
            yield finding
    if young:
        oldest = max(age.days for age in young)
        observed = f"{counted(len(young), 'secret')} within the limits, the oldest is {oldest} days old"
        yield passed(view.path, observed, age=min(young, key=lambda age: age.limit - age.days))
    if not secrets:
        yield not_applicable(view.path, "the file holds no secret, only configuration")


def _judge(ctx: Context, secret: SealedEntry) -> Finding | None:
    """Return what is wrong with one secret's age, why it has none, or None for a secret that is young enough."""
    view = ctx.tenant
    entry = view.manifest.get(secret.name)
    limit, exempt = _limit(ctx, secret.name)
    updated = int(secret.updated)
    if entry is not None and has_expired(entry.expires, ctx.now):
        path = os.path.join(ctx.target.root, "tenants", view.scope.tenant, manifest.FILE_NAME)
        fix = f"{_fix(ctx, secret.name)}, then set expires under [{secret.name}] in {path}"
        observed = f"the manifest let it expire on {entry.expires}"
        return _failed(ctx, secret.name, observed, "a secret that has not expired", fix)
    if updated > ctx.now + CLOCK_SKEW:
        observed = f"changed on {day_of(updated)}, which is ahead of the clock"
        return _failed(ctx, secret.name, observed, "a time that has been", _fix(ctx, secret.name))
    if exempt:
        return not_applicable(view.resource(secret.name), f"the manifest says that it is not rotated: {exempt}")
    if ctx.now - updated > limit * DAY:
        observed = f"last changed on {day_of(updated)}, {(ctx.now - updated) // DAY} days ago"
        expected, age = f"at most {limit} days", _age(ctx, secret)
        return _failed(ctx, secret.name, observed, expected, _fix(ctx, secret.name), age=age)
    return None


def _age(ctx: Context, secret: SealedEntry) -> Age:
    """Return how old a secret is against its limit; a time slightly ahead of the clock is now."""
    return Age(max(0, ctx.now - int(secret.updated)) // DAY, _limit(ctx, secret.name)[0])


def _limit(ctx: Context, name: str) -> tuple[int, str]:
    """Return the days a secret may live by its class and manifest, and the manifest's reason if it lives for ever."""
    view = ctx.tenant
    limits = {kind: ctx.limit(f"max_age_days_{kind.value}") for kind in AGED}
    entry = view.manifest.get(name)
    if entry is None:
        return limits[view.kind(name)], ""
    exempt = entry.reason if entry.rotation == 0 else ""
    return min(limits[view.kind(name)], manifest.rotation_limit(entry, limits)), exempt


def _failed(ctx: Context, name: str, observed: str, expected: str, fix: str, *, age: Age | None = None) -> Finding:
    return failed(ctx.tenant.resource(name), observed, expected=expected, fix=fix, age=age)


def _fix(ctx: Context, name: str) -> str:
    """Return the command for a new value; a connection string is typed, since only its password may be drawn."""
    scope = ctx.tenant.scope
    generate = () if ctx.tenant.kind(name) is SecretClass.CONNECTION else ("--generate",)
    return command(ctx, "set", scope.tenant, name, "--environment", scope.environment, *generate)
