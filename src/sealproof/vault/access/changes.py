"""Changes of a policy: each gives the next generation, and none may unite duties or open the store to everybody."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealproof.errors import CallerError, LimitExceeded, MalformedFile
from sealproof.vault.access.duties import check_duties
from sealproof.vault.access.interface import PLATFORM_TENANT, Operation
from sealproof.vault.access.policy import MEMBERS_MAX, OWNERS_MAX, ROLES_MAX, RULES_MAX, Policy
from sealproof.vault.access.rules import ANY
from sealproof.vault.access.text import read_rule, refused, rule_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sealproof.vault.access.policyfile import InForce
    from sealproof.vault.access.rules import Rule


def first_policy(owner: str, *, now: int) -> Policy:
    """Return the policy that a store begins with: its owner may do everything, nobody else anything."""
    return Policy(1, "", now, (owner,), {}, ())


def granted(base: InForce, make: Callable[[str], Rule], *, now: int) -> tuple[Policy, Rule]:
    """Return the next policy, with the rule that `make` gives for its id.

    Raises CallerError, DutiesConflict, LimitExceeded.
    """
    rule = make(_free_id(base.policy))
    _check(rule)
    rules = tuple(sorted((*base.policy.rules, rule), key=lambda one: one.id))
    _limit("rules", len(rules), RULES_MAX)
    return _next(base, now, rules=rules), rule


def harmless(policy: Policy) -> Policy:
    """Return a policy without what none may hold any more, never looser: what allowed goes, what denied denies more."""
    if not any(refused(rule) for rule in policy.rules):
        return policy
    return replace(policy, rules=_mended(policy.rules, {rule.id for rule in policy.rules}))


def revoked(base: InForce, rule_ids: Collection[str], *, now: int) -> Policy:
    """Return the next policy, without some rules.

    In a policy that is refused for some of its rules only these can be revoked, as `harmless` reads them: a denying
    one stays, for every name, and can be revoked once the policy holds again.

    Raises CallerError on an id that it does not have, or that has to wait.
    """
    wrong = [rule.id for rule in base.policy.rules if refused(rule)]
    if wrong and not set(rule_ids) <= set(wrong):
        message = f"the policy is refused for {', '.join(wrong)}, so these are to be revoked first"
        raise CallerError(message, hint=f"sealproof access revoke {' '.join(wrong)}", names=tuple(wrong))
    if wrong:
        return _next(base, now, rules=_mended(base.policy.rules, rule_ids))
    missing = sorted(set(rule_ids) - {rule.id for rule in base.policy.rules})
    if missing:
        message = f"the policy has no rule {', '.join(missing)}"
        raise CallerError(message, hint="sealproof access list", names=tuple(missing))
    return _next(base, now, rules=tuple(rule for rule in base.policy.rules if rule.id not in rule_ids))


def with_role(base: InForce, role: str, *, add: Collection[str], remove: Collection[str], now: int) -> Policy:
    """Return the next policy, with members of a role added and removed. A role without members goes.

    Raises CallerError if nothing would change, DutiesConflict, LimitExceeded.
    """
    before = base.policy.roles.get(role, ())
    after = tuple(sorted((set(before) | set(add)) - set(remove)))
    if after == before:
        message = f"role {role} is so already"
        raise CallerError(message, hint="sealproof access list")
    _limit("members", len(after), MEMBERS_MAX)
    roles = {name: members for name, members in base.policy.roles.items() if name != role}
    if after:
        roles[role] = after
    _limit("roles", len(roles), ROLES_MAX)
    return _next(base, now, roles=dict(sorted(roles.items())))


def with_owners(base: InForce, owners: Collection[str], *, now: int) -> Policy:
    """Return the next policy, with other owners. Raises CallerError if they are the same, LimitExceeded."""
    after = tuple(sorted(set(owners)))
    if after == base.policy.owners:
        message = "the owners are these already"
        raise CallerError(message, hint="sealproof access list")
    _limit("owners", len(after), OWNERS_MAX)
    return _next(base, now, owners=after)


def without_subject(base: InForce, subject: str, *, now: int) -> Policy:
    """Return the next policy, without any rule, role or ownership of `subject`: somebody has left.

    Raises CallerError if the policy does not name it.
    """
    policy = base.policy
    members = {role: tuple(one for one in group if one != subject) for role, group in policy.roles.items()}
    after = replace(
        policy,
        owners=tuple(owner for owner in policy.owners if owner != subject),
        roles={role: group for role, group in members.items() if group},
        rules=tuple(rule for rule in policy.rules if rule.subject != subject),
    )
    if after == policy:
        message = f"the policy does not name {subject}"
        raise CallerError(message, hint="sealproof access list", names=(subject,))
    return _next(base, now, owners=after.owners, roles=after.roles, rules=after.rules)


def _mended(rules: tuple[Rule, ...], rule_ids: Collection[str]) -> tuple[Rule, ...]:
    """Return `rules` with those of `rule_ids` that are refused mended: without what allowed, denying every name."""
    wrong = {rule.id for rule in rules if refused(rule) and rule.id in rule_ids}
    kept = (rule for rule in rules if rule.id not in wrong or not rule.allows)
    return tuple(replace(rule, name=ANY) if rule.id in wrong else rule for rule in kept)


def _check(rule: Rule) -> None:
    """Read the rule as the file's reader will, and refuse what no one should be granted by hand."""
    try:
        read_rule(rule_json(rule))
    except MalformedFile as exc:
        raise CallerError(exc.message, hint="sealproof access grant --help") from None
    if rule.allows and rule.subject == ANY and rule.name == ANY:
        message = "everybody would be allowed every secret"
        raise CallerError(message, hint="name the subject, a role, or the secrets")


def _next(base: InForce, now: int, **parts: object) -> Policy:
    policy = replace(
        base.policy,
        generation=base.policy.generation + 1,
        previous=base.digest,
        saved=now,
        **parts,  # type: ignore[arg-type]  # fields of Policy, each given by name above
    )
    check_duties(base.policy, policy)
    if not policy.owners and not any(_edits(rule) for rule in policy.rules):
        message = "nobody could change the policy any more"
        raise CallerError(message, hint="first: sealproof access grant SUBJECT platform --env '*' --as policy-editor")
    return policy


def _edits(rule: Rule) -> bool:
    """Tell whether a rule lets somebody change the policy, which is asked for the store, in no environment."""
    everywhere = rule.environment == ANY and rule.tenant in (PLATFORM_TENANT, ANY)
    return everywhere and rule.allows and Operation.POLICY_EDIT in rule.operations


def _free_id(policy: Policy) -> str:
    """Return an id that no earlier rule has had: the generation that brings it."""
    return f"g{policy.generation + 1}"


def _limit(what: str, count: int, limit: int) -> None:
    if count > limit:
        message = f"the policy would have {count} {what}, the limit is {limit}"
        raise LimitExceeded(message, hint="sealproof access list, and revoke what nobody needs")
