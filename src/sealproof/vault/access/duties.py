"""Duties that must stay apart: nobody asks for a rotation and approves it, nobody holds keys and tends the log.

Looked at is what the rules allow, by tenant and environment, through roles and to everybody; conditions and
denying rules do not help, because they come and go. The store's owner holds all duties until the policy names
none: that is how a store begins, and SEC-016 says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import DutiesConflict
from sealproof.vault.access.interface import Operation
from sealproof.vault.access.rules import ANY, ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.vault.access.policy import Policy
    from sealproof.vault.access.rules import Rule

APART = (
    (Operation.ROTATE, Operation.APPROVE),
    (Operation.KEY_ADMIN, Operation.AUDIT_ADMIN),
)
"""Who has one of a pair has not the other, on the same tenant and environment."""


class Union(NamedTuple):
    """Two duties in one hand."""

    subject: str
    first: Operation
    second: Operation
    rules: tuple[str, str]
    """The rules that grant them."""

    def __str__(self) -> str:
        return f"{self.subject} would have {self.first} (rule {self.rules[0]}) and {self.second} (rule {self.rules[1]})"


def unions(policy: Policy) -> list[Union]:
    """Return every pair of duties that the policy unites, for each subject that it names; `*` for everybody."""
    found = {union for subject in _subjects(policy) for union in _of_subject(policy, subject)}
    return sorted(found)


def check_duties(before: Policy | None, after: Policy) -> None:
    """Refuse a change that unites duties. What was united before may stay, so that it can be mended step by step.

    Raises DutiesConflict.
    """
    known = {union[:3] for union in unions(before)} if before is not None else set()
    added = [union for union in unions(after) if union[:3] not in known]
    if added:
        message = f"duties that must stay apart: {'; '.join(str(union) for union in added[:3])}"
        names = tuple(dict.fromkeys(union.subject for union in added))
        raise DutiesConflict(message, hint=f"grant one of them to somebody else than {names[0]}", names=names)


def _subjects(policy: Policy) -> set[str]:
    members = {member for group in policy.roles.values() for member in group}
    return members | {rule.subject for rule in policy.rules if not rule.subject.startswith(ROLE)}


def _of_subject(policy: Policy, subject: str) -> Iterator[Union]:
    principals = {subject, ANY, *(ROLE + role for role, members in policy.roles.items() if subject in members)}
    rules = [rule for rule in policy.rules if rule.allows and rule.subject in principals]
    for first, second in APART:
        for one in rules:
            for other in rules:
                if first in one.operations and second in other.operations and _overlap(one, other):
                    yield Union(subject, first, second, (one.id, other.id))


def _overlap(one: Rule, other: Rule) -> bool:
    return all(
        ANY in (mine, theirs) or mine == theirs
        for mine, theirs in ((one.tenant, other.tenant), (one.environment, other.environment))
    )
