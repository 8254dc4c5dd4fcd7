"""SEC-015: the access policy is default-deny and least privilege.

Reads the policy in force: its parser is the strict schema and its signature is verified on the way; what no rule
allows is denied, there is no switch for it. Then each allowing rule: none gives every secret to everybody, and one
that is older than the profile's window has been used in it. A record in the audit log of one of the rule's operations,
in its tenant and environment, is a use, whoever's it was: records hold pseudonyms, and a check does not resolve them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.days import day_of
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.checks.trails import logs, records
from sealproof.errors import DataError, SealproofError
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.access.rules import ANY
from sealproof.vault.custodian import DAY
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.access.rules import Rule

_POLICY = "policy.json"
_LEAST = "each grant names who, what and where, and is used"
Used = set[tuple[str, str, str]]
"""Tenant, environment and operation of every record in the window."""


@check("SEC-015")
def least_privilege(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for the policy as a whole, and one for each rule that gives too much or is not used."""
    days = ctx.limit("grant_unused_days")
    try:
        policy = PolicyFile(ctx.target.root).load().policy
    except DataError as exc:
        yield failed(_POLICY, exc.message, expected="a policy of the strict schema, signed", fix=exc.hint)
        return
    except SealproofError as exc:
        raise NoEvidence(f"who may do what is unknown: {exc.message}", hint=exc.hint) from exc
    yield passed(_POLICY, f"generation {policy.generation} parses, is signed, and denies what no rule allows")
    allowing = [rule for rule in policy.rules if rule.allows]
    for rule in allowing:
        if rule.subject == ANY and rule.name == ANY:
            yield _failed(rule, "gives every secret to everybody")
    since = ctx.now - days * DAY
    old = [rule for rule in allowing if rule.created < since]
    if not old:
        yield passed(_POLICY, f"{counted(len(allowing), 'grant')}, none older than {days} days")
        return
    try:
        used = _used(ctx, since)
    except NoEvidence as exc:
        grants = counted(len(old), "grant is", "grants are")
        yield not_evaluated(_POLICY, f"whether {grants} used is unknown: {exc.message}", fix=exc.hint)
        return
    unused = [rule for rule in old if not _is_used(rule, used)]
    for rule in unused:
        yield _failed(rule, f"granted on {day_of(rule.created)}, and not used within {days} days")
    if len(unused) < len(old):
        yield passed(_POLICY, f"{len(old) - len(unused)} older grants were used within {days} days")


def _failed(rule: Rule, observed: str) -> Finding:
    return failed(f"{_POLICY} rule {rule.id}", observed, expected=_LEAST, fix=f"sealproof access revoke {rule.id}")


def _used(ctx: Context, since: int) -> Used:
    found: Used = set()
    for tenant in logs(ctx):
        for entry, _ in records(ctx.target.root, tenant):
            if entry.at >= since * 1000:
                found.add((tenant, entry.scope.partition("/")[2], entry.operation))
    return found


def _is_used(rule: Rule, used: Used) -> bool:
    operations = {str(operation) for operation in rule.operations}
    return any(
        operation in operations and rule.tenant in (ANY, tenant) and rule.environment in (ANY, environment)
        for tenant, environment, operation in used
    )
