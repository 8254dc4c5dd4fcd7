"""`AccessControl`: may this subject do this, here, now? Deny by default, an explicit deny wins."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.grammar import check_environment, check_name, check_tenant
from sealproof.errors import CallerError, DataError
from sealproof.loader.tenant import DEFAULT_ENVIRONMENT, DEFAULT_ROOT
from sealproof.vault.access.approvals import Approvals
from sealproof.vault.access.attempts import Attempts
from sealproof.vault.access.changes import harmless
from sealproof.vault.access.index import Index
from sealproof.vault.access.interface import Decision, Operation, Request, Subject, check_operation
from sealproof.vault.access.policyfile import InForce, PolicyFile
from sealproof.vault.settings_file import settings_of
from sealproof.vault.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.settings import Settings
    from sealproof.vault.access.rules import Rule

STRICT_SIGNERS = 2  # two persons for each change of the policy, in the strict profile


class Considered(NamedTuple):
    """A rule that matches a request."""

    rule: Rule
    unmet: str
    """Why it does not count; empty if it does."""


class Explanation(NamedTuple):
    """A decision with everything that was weighed for it."""

    decision: Decision
    considered: tuple[Considered, ...]
    """Denying rules first."""


class AccessControl:
    """The access control of one store. `clock` gives unix seconds. Threads and tasks may share it.

    It decides and counts refusals; the audit record is made by whoever acts on the answer, such as
    `AdvancedSecretManager`. With `mending` it decides by a policy that is otherwise refused as `harmless` reads it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
        mending: bool = False,
    ) -> None:
        self.root = os.fspath(root) if root is not None else os.environ.get("SEALPROOF_ROOT") or DEFAULT_ROOT
        settings = settings_of(self.root) if settings is None else settings
        self.file = PolicyFile(self.root, signers=signers_of(settings), mending=mending)
        self.attempts = Attempts(self.root, limit=settings.max_access_attempts)
        self.approvals = Approvals(self.root)
        self._clock = clock
        self._held: _Standing | None = None

    def __repr__(self) -> str:
        return f"AccessControl({self.root!r})"

    async def check_permission(
        self,
        user_id: str | Subject,
        tenant_id: str,
        secret_name: str,
        operation: str,
        *,
        environment: str | None = None,
        approval: str = "",
    ) -> Decision:
        """Return whether `user_id` may do `operation` to a secret, and why. A string is only a claim.

        `environment` is `SEALPROOF_ENVIRONMENT`, then development, unless given; an empty `secret_name` asks about
        the tenant as a whole. A refusal counts towards `MAX_ACCESS_ATTEMPTS`.

        Raises InvalidName, CallerError on an unknown operation, and what `decide` raises.
        """
        subject = Subject.claimed(user_id) if isinstance(user_id, str) else user_id
        place = environment or os.environ.get("SEALPROOF_ENVIRONMENT") or DEFAULT_ENVIRONMENT
        name = check_name(secret_name) if secret_name else ""
        request = Request(subject, check_tenant(tenant_id), check_environment(place), name, check_operation(operation))
        return self.decide(request, approval=approval)

    def decide(self, request: Request, *, approval: str = "") -> Decision:
        """Return the decision, and count a refusal. The names are the caller's to check.

        Raises PolicyMissing, PolicyRejected, StaleFile, MalformedFile, KeyMissing, UnsafeFile, FileUnavailable: then
        nobody knows what is allowed, and nothing is.
        """
        standing = self._current()
        now = int(self._clock())
        until = self.attempts.locked_until(request.subject, request.tenant, now)
        if until:
            return _locked(until - now)
        decision = self._weigh(standing, request, approval, now)
        if not decision.allowed:
            self.attempts.refused(request.subject, request.tenant, now)
        return decision

    def allows(self, request: Request) -> bool:
        """Tell whether a request would be allowed without an approval. Counts nothing: for filtering a list."""
        return self._current().answers.decide(*request, int(self._clock())).allowed

    def explain(self, request: Request, *, approval: str = "") -> Explanation:
        """Return what `decide` would answer and all that it would weigh. Counts nothing."""
        standing = self._current()
        now = int(self._clock())
        approved = approval != "" and not self._flaw(standing, request, approval, now)
        until = self.attempts.locked_until(request.subject, request.tenant, now)
        decision = _locked(until - now) if until else self._weigh(standing, request, approval, now)
        considered = tuple(
            Considered(rule, rule.unmet(request.subject, now, approved=approved))
            for rule in standing.answers.matching(request)
        )
        return Explanation(decision, considered)

    def close(self) -> None:
        """Let the watched files go. The next question opens them again."""
        self._held = None
        self.attempts.close()

    @property
    def standing(self) -> object:
        """Return what the last decision rested on: another object once the policy or the keys in `signing/` changed."""
        return self._held

    def policy(self) -> InForce:
        """Return the policy in force. Raises as `decide` does."""
        return self._current().policy

    def _weigh(self, standing: _Standing, request: Request, approval: str, now: int) -> Decision:
        if not approval:
            return standing.answers.decide(*request, now)
        flaw = self._flaw(standing, request, approval, now)
        decision = standing.answers.decide(*request, now, not flaw)
        if decision.allowed or not flaw:
            return decision
        return Decision(allowed=False, rule=decision.rule, reason=f"{decision.reason}; {flaw}")

    def _flaw(self, standing: _Standing, request: Request, approval: str, now: int) -> str:
        """Return why an approval does not hold for a request; nothing if it does."""
        try:
            found = self.approvals.find(approval)
        except (CallerError, DataError) as exc:
            return exc.message
        flaw = found.flaw(request, now)
        if flaw:
            return flaw
        may = standing.answers.decide(
            found.by, request.tenant, request.environment, request.name, Operation.APPROVE, now
        )
        return "" if may.allowed else f"{found.by.name}, who gave approval {approval}, may not approve: {may.reason}"

    def _current(self) -> _Standing:
        held = self._held
        if held is None or not held.watch.holds():
            watch = Watch(self.file.watched)
            policy = self.file.load()
            held = self._held = _Standing(watch, policy, Index(harmless(policy.policy)))
        return held


class _Standing(NamedTuple):
    """The policy in force, arranged to be asked, for as long as its files stay as they are."""

    watch: Watch
    policy: InForce
    answers: Index


def signers_of(settings: Settings) -> int:
    """Return how many signatures a change of the policy needs."""
    return max(settings.policy_signers, STRICT_SIGNERS if settings.profile == "strict" else 1)


def _locked(seconds: int) -> Decision:
    reason = f"too many refused attempts, locked out for {seconds} s more"
    return Decision(allowed=False, rule="", reason=reason, locked=True)
