"""Decide quickly: rules by who asks for what where, then by the secret's name. No loop over all rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.vault.access.interface import Decision, Operation
from sealproof.vault.access.rules import ANY, ROLE
from sealproof.vault.audit.interface import Established

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealproof.vault.access.interface import Request, Subject
    from sealproof.vault.access.policy import Policy
    from sealproof.vault.access.rules import Rule

OWNER = Decision(allowed=True, rule="owner", reason="the store's owner may do everything")
_NOT_MATCHED = Decision(allowed=False, rule="", reason="no rule allows it")
_TABLES_MAX = 4096
_USER_LEVEL = list(Established).index(Established.UID)


class Index:
    """The rules of one policy, arranged to be asked."""

    def __init__(self, policy: Policy) -> None:
        self._owners = frozenset(policy.owners)
        self._rules: dict[tuple[str, str], list[Rule]] = {}
        for rule in policy.rules:
            self._rules.setdefault((rule.subject, rule.tenant), []).append(rule)
        self._roles: dict[str, list[str]] = {}
        for role, members in policy.roles.items():
            for member in members:
                self._roles.setdefault(member, []).append(ROLE + role)
        self._tables: dict[tuple[str, str, str, str], _Table] = {}

    def decide(  # noqa: PLR0917 - asked for each secret: keywords would cost a tenth of the answer
        self,
        subject: Subject,
        tenant: str,
        environment: str,
        name: str,
        operation: str,
        now: int,
        approved: bool = False,  # noqa: FBT001, FBT002 - see above
    ) -> Decision:
        """Return the answer. An empty `name` or `environment` asks about all of them at once.

        That takes rules for all of them, and one that denies a part denies it. Only `list` without a name takes any
        rule: the caller leaves out, one by one, the names that may not be listed.
        """
        table = self._tables.get((subject.name, tenant, environment, operation))
        if table is None:
            table = self._table(subject.name, tenant, environment, operation)
        if table.denying is not None:
            for rule in table.denying.matching(name):
                if rule.counts(subject, now, approved=approved):
                    return rule.decision
        if table.owner and subject.level >= _USER_LEVEL:
            return OWNER
        candidates = table.allowing.matching(name)
        for rule in candidates:
            if rule.counts(subject, now, approved=approved):
                return rule.decision
        return _refusal(candidates, subject, now, approved=approved, owner=table.owner)

    def matching(self, request: Request) -> list[Rule]:
        """Return every rule that matches a request, denying ones first, whatever its conditions say."""
        table = self._table(request.subject.name, request.tenant, request.environment, request.operation)
        denying = [] if table.denying is None else table.denying.matching(request.name)
        return [*denying, *table.allowing.matching(request.name)]

    def principals(self, subject: str) -> list[str]:
        """Return whom a rule may name to mean this subject: itself, its roles, everybody."""
        return [subject, *self._roles.get(subject, ()), ANY]

    def _table(self, subject: str, tenant: str, environment: str, operation: str) -> _Table:
        rules = [
            rule
            for principal in self.principals(subject)
            for scope in (tenant, ANY)
            for rule in self._rules.get((principal, scope), ())
            if operation in rule.operations
            and (rule.environment in (environment, ANY) or not (environment or rule.allows))
        ]
        denying = [rule for rule in rules if not rule.allows]
        allowing = [rule for rule in rules if rule.allows]
        listing = operation == Operation.LIST
        table = _Table(
            _Names(denying, partly=not listing) if denying else None,
            _Names(allowing, partly=listing),
            subject in self._owners,
        )
        if len(self._tables) >= _TABLES_MAX:  # whoever invents subjects makes others' answers no slower than this
            self._tables.clear()
        self._tables[subject, tenant, environment, operation] = table
        return table


class _Names:
    """Rules by the names that they match. A pattern has one `*`, so it is a beginning and an end.

    No name stands for all of them: rules named `*` match it and, with `partly`, those for some of them, too.
    """

    __slots__ = ("_exact", "_patterns", "_shapes", "_whole")

    def __init__(self, rules: Sequence[Rule], *, partly: bool) -> None:
        self._whole = [rule for rule in rules if partly or rule.name == ANY]
        self._exact: dict[str, list[Rule]] = {}
        self._patterns: dict[tuple[str, str], list[Rule]] = {}
        for rule in rules:
            begin, star, end = rule.name.partition(ANY)
            if star:
                self._patterns.setdefault((begin, end), []).append(rule)
            else:
                self._exact.setdefault(rule.name, []).append(rule)
        self._shapes = sorted({(len(begin), len(end)) for begin, end in self._patterns})

    def matching(self, name: str) -> list[Rule]:
        """Return the rules that match `name`."""
        if not name:
            return self._whole
        found = self._exact.get(name, [])
        length = len(name)
        for begin, end in self._shapes:
            if begin + end <= length:
                more = self._patterns.get((name[:begin], name[length - end :] if end else ""))
                if more is not None:
                    found = found + more if found else more
        return found


class _Table(NamedTuple):
    """All that can answer for one subject, tenant, environment and operation."""

    denying: _Names | None
    allowing: _Names
    owner: bool


def _refusal(candidates: list[Rule], subject: Subject, now: int, *, approved: bool, owner: bool) -> Decision:
    """Say what came nearest to allowing it."""
    if owner:
        return Decision(allowed=False, rule="", reason=f"{subject.name} owns the store, and is only claimed here")
    if not candidates:
        return _NOT_MATCHED
    return Decision(allowed=False, rule="", reason=candidates[0].unmet(subject, now, approved=approved))
