"""CMP-017: environments are apart.

Compares production with the tenant's other environments: values by a digest under a key that is drawn for this check
and dropped with it, keys in memory, and whoever the access policy lets read.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence, TenantView
from sealproof.errors import PolicyMissing, SealproofError
from sealproof.findings import Finding, Scope, failed, not_applicable, not_evaluated, passed
from sealproof.vault.access.interface import Operation
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.access.rules import ANY
from sealproof.vault.manifest import SecretClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

PRODUCTION = ("production", "prod")
"""The names that an environment with real data has."""
_KEY_BYTES = 32


@check("CMP-017")
def environments_apart(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each value and key that production shares, and one for each environment that is apart."""
    view = ctx.tenant
    ctx.saw(view.path, view.sealed)
    here = view.scope.environment
    every = ctx.target.custodian.store.environments(view.scope.tenant)
    others = [name for name in every if name != here and (name in PRODUCTION) != (here in PRODUCTION)]
    if not others:
        yield not_applicable(view.path, "there is no production environment beside another")
        return
    yield from _principals(ctx, others)
    key = os.urandom(_KEY_BYTES)
    ours = _digests(view, key)
    for name in others:
        other = TenantView(ctx.target, Scope(view.scope.tenant, name))
        try:
            yield from _compare(ctx, ours, other, key)
        except NoEvidence as exc:
            yield not_evaluated(other.path, exc.message, fix=exc.hint)


def _compare(ctx: Context, ours: dict[bytes, list[str]], other: TenantView, key: bytes) -> Iterator[Finding]:
    view, apart = ctx.tenant, True
    theirs = _digests(other, key)
    for digest in ours.keys() & theirs.keys():
        for name in ours[digest]:
            apart = False
            yield failed(
                view.resource(name),
                f"the same value is {theirs[digest][0]} in {other.scope.environment}",
                expected="a value of its own in each environment",
                fix=command(ctx, "set", view.scope.tenant, name, "--environment", view.scope.environment, "--generate"),
            )
    shared = {line.key for line in view.keys} & {line.key for line in other.keys}
    if shared and not _host_key_of_both(view, other):
        apart = False
        yield failed(
            view.path,
            f"the key that opens it opens {other.scope.environment}, too",
            expected="a key of its own in each environment",
            fix=command(ctx, "key", "rotate", view.scope.tenant, "--environment", view.scope.environment),
        )
    if apart:
        yield passed(view.path, f"no value and no key is shared with {other.scope.environment}")


def _principals(ctx: Context, others: list[str]) -> Iterator[Finding]:
    """Yield a finding for each subject that reads both here and in an environment that must be apart."""
    tenant, here = ctx.tenant.scope.tenant, ctx.tenant.scope.environment
    try:
        rules = PolicyFile(ctx.target.root).load().policy.rules
    except PolicyMissing:
        return  # nobody is granted anything
    except SealproofError as exc:
        yield not_evaluated("policy.json", f"who reads where is unknown: {exc.message}", fix=exc.hint)
        return
    reads: dict[str, dict[str, str]] = {}
    for rule in rules:
        if rule.allows and rule.tenant == tenant and Operation.READ in rule.operations:
            for place in (here, *others):
                if rule.environment in (place, ANY):
                    reads.setdefault(rule.subject, {}).setdefault(place, rule.id)
    for subject, places in sorted(reads.items()):
        shared = [place for place in others if place in places]
        if here in places and shared:
            observed = f"{subject} reads in {here} and in {shared[0]}, too"
            fix = command(ctx, "access", "revoke", places[here])
            expected = "a principal of its own in each environment"
            yield failed(f"policy.json rule {places[here]}", observed, expected=expected, fix=fix)


def _host_key_of_both(view: TenantView, other: TenantView) -> bool:
    """Tell whether the shared key is a recipient's identity, which was given both files on purpose: CI's, say."""
    return all(line.kind == "x25519" for line in (*view.keys, *other.keys))


def _digests(view: TenantView, key: bytes) -> dict[bytes, list[str]]:
    found: dict[bytes, list[str]] = {}
    for name, value in view.values.items():
        if "." not in name and value and view.kind(name) is not SecretClass.CONFIG:
            found.setdefault(hmac.new(key, value, hashlib.sha256).digest(), []).append(name)
    return found
