"""CMP-012: access is reviewed, leavers are out.

A grant is reviewed by a signed record that names its rule; a rule is never changed in place, so its id says which
grant it was. The identity list is the store's own: the people whom the policy key vouched for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.days import day_of
from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.shelves import Believed, believed
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.access.rules import ANY, ROLE
from sealproof.vault.custodian import DAY
from sealproof.vault.records.interface import ACCESS_REVIEW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.access.policy import Policy

_POLICY = "policy.json"


@check("CMP-012")
def access_review(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each grant that is due for review, and one for each identity."""
    limit = ctx.limit("grant_review_days")
    try:
        in_force = PolicyFile(ctx.target.root).load()
    except SealproofError as exc:
        raise NoEvidence(f"who may do what is unknown: {exc.message}", hint=exc.hint) from exc
    policy = in_force.policy
    reviews = believed(ctx, ACCESS_REVIEW)
    yield from reviews.doubts
    yield from _grants(ctx, policy, reviews, limit)
    yield from _identities(ctx, policy, reviews)


def _grants(ctx: Context, policy: Policy, reviews: Believed, limit: int) -> Iterator[Finding]:
    since = ctx.now - limit * DAY
    reviewed = {rule: record.at for record in reviews.records for rule in record.texts("rules")}
    fine = 0
    for rule in policy.rules:
        last = max(reviewed.get(rule.id, 0), rule.created)
        if last >= since:
            fine += 1
            continue
        observed = f"granted to {rule.subject} on {day_of(rule.created)}, last reviewed on {day_of(last)}"
        if rule.id not in reviewed:
            observed = f"granted to {rule.subject} on {day_of(rule.created)}, and never reviewed"
        fix = "sealproof record access-review --by NAME --key FILE --outcome TEXT"
        yield failed(f"{_POLICY} rule {rule.id}", observed, expected=f"a review within {limit} days", fix=fix)
    if fine:
        yield passed(_POLICY, f"{fine} grants were reviewed, or given, within {limit} days")
    if not policy.rules:
        yield not_applicable(_POLICY, "it grants nothing to anybody but the store's owner")


def _identities(ctx: Context, policy: Policy, reviews: Believed) -> Iterator[Finding]:
    people, known = reviews.people, 0
    subjects = sorted(
        {rule.subject for rule in policy.rules if rule.subject != ANY and not rule.subject.startswith(ROLE)}
        | {member for group in policy.roles.values() for member in group}
        | set(policy.owners)
    )
    if not people.names:
        yield not_evaluated("records/person", "there is no identity list", fix="sealproof record person --help")
        return
    for subject in subjects:
        left = people.left(subject, ctx.now)
        if left is not None:
            observed = f"{subject} left on {left}, and is still named in the policy"
            fix = command(ctx, "access", "revoke", "--subject", subject)
            yield failed(f"{_POLICY} {subject}", observed, expected="no grant for who has left", fix=fix)
        elif people.person(subject, ctx.now) is None:
            observed = "nobody of that name is on the identity list"
            fix = command(ctx, "record", "person", subject, "--public", "FILE")
            yield failed(f"{_POLICY} {subject}", observed, expected="a known identity", fix=fix)
        else:
            known += 1
    if known:
        yield passed("records/person", f"{known} identities of the policy are known, and none of them has left")
