"""Change the policy as somebody: asked first, recorded before and after, signed, put in place in one step.

Every change stands in the log of the tenant `platform`, and in that of the tenant it concerns: `<change>.intent`
before, `<change>` after, with one request id. A refusal is recorded, too.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.errors import AccessDenied, SealproofError
from sealproof.signing import SEED_BYTES, SigningKey
from sealproof.vault.access.approvals import check_approval
from sealproof.vault.access.changes import first_policy
from sealproof.vault.access.interface import PLATFORM_TENANT, POLICY_KEY, Operation, Request
from sealproof.vault.access.policyfile import PolicyFile, Signing
from sealproof.vault.access.rules import ANY
from sealproof.vault.audit.interface import AuditRecord, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.keys.keyring import Keyring
from sealproof.vault.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from sealproof.vault.access.approvals import Approval
    from sealproof.vault.access.control import AccessControl
    from sealproof.vault.access.interface import Subject
    from sealproof.vault.access.policy import Policy
    from sealproof.vault.access.policyfile import InForce

INTENT = ".intent"
_NO_NUMBERS: Mapping[str, int] = {}


def found_policy(root: str, owner: Subject, key: SigningKey, *, clock: Callable[[], float] = time.time) -> None:
    """Give the store at `root` its first policy, and record that. Raises StoreExists, StaleFile, AuditUnavailable."""
    journal = _Journal(root, owner, (PLATFORM_TENANT,), clock)
    with journal.recording("policy.found") as numbers:
        PolicyFile(root).found(first_policy(owner.name, now=int(clock())), key)
        numbers["generation"] = 1


class PolicyEditor:
    """Changes the policy for one subject. `clock` gives unix seconds."""

    def __init__(self, control: AccessControl, subject: Subject, *, clock: Callable[[], float] = time.time) -> None:
        self._control = control
        self._subject = subject
        self._clock = clock

    def __repr__(self) -> str:
        return f"PolicyEditor({self._control.root!r}, {self._subject!r})"

    def change(
        self, word: str, tenants: Collection[str], make: Callable[[InForce], Policy], key: SigningKey
    ) -> Signing:
        """Put in place what `make` makes of the policy in force; `word` names the change in the log.

        The subject needs `policy.edit` on each of `tenants`, `*` being the platform. The change waits where it needs
        more signatures. Raises AccessDenied, DutiesConflict, ChangePending, Changed, PolicyRejected, AuditUnavailable.
        """
        with self._asked(word, tenants, Operation.POLICY_EDIT) as numbers:
            base = self._control.file.load()
            signing = self._control.file.propose(base, make(base), key)
            numbers |= {"generation": signing.policy.generation, "count": signing.signers}
            return signing

    def sign(self, key: SigningKey) -> Signing:
        """Add a signature to the change that waits. Raises as `change` does."""
        with self._asked("policy.sign", (ANY,), Operation.POLICY_EDIT) as numbers:
            signing = self._control.file.sign(key)
            numbers |= {"generation": signing.policy.generation, "count": signing.signers}
            return signing

    def countersign(self, key: SigningKey) -> Signing:
        """Add a signature to the policy in force. Nobody is asked: with too few, nobody would be let in by it.

        Raises as `PolicyFile.countersign` does.
        """
        with self._journal((PLATFORM_TENANT,)).recording("policy.sign") as numbers:
            signing = self._control.file.countersign(key)
            numbers |= {"generation": signing.policy.generation, "count": signing.signers}
            return signing

    def discard(self) -> bool:
        """Drop the change that waits, and tell whether there was one. Raises as `change` does."""
        with self._asked("policy.discard", (ANY,), Operation.POLICY_EDIT):
            return self._control.file.discard()

    def add_signer(self, keep: Callable[[SigningKey], None]) -> SigningKey:
        """Pin one more key whose signature counts, once `keep` has put its private half where its owner has it.

        The subject needs `key.admin` on the platform. Raises AccessDenied, and what `keep` raises.
        """
        with self._asked("policy.signer", (ANY,), Operation.KEY_ADMIN):
            key = SigningKey(os.urandom(SEED_BYTES))
            keep(key)
            Keyring(self._control.root).pin_signing_key(POLICY_KEY, key.public)
            return key

    def approve(self, approval: Approval, key: SigningKey) -> str:
        """Keep an approval that the subject gives, and return its path below the root.

        The subject needs `approve` on what it approves. Raises AccessDenied, DutiesConflict, CallerError.
        """
        check_approval(approval)
        request = Request(self._subject, approval.tenant, approval.environment, approval.name, Operation.APPROVE)
        with self._recorded("approve", (approval.tenant,), (request,)):
            return self._control.approvals.keep(approval, key)

    def unlock(self, name: str) -> int:
        """Let a subject try again before its lock ends, and return how many counts there were. Nobody unlocks itself.

        Raises AccessDenied.
        """
        if name == self._subject.name:
            message = f"{name} cannot lift a lock of {name}"
            raise AccessDenied(message, hint="ask another person; every lock ends within 15 minutes", names=(name,))
        with self._asked("unlock", (ANY,), Operation.POLICY_EDIT) as numbers:
            numbers["count"] = self._control.attempts.unlock(name)
            return numbers["count"]

    @contextmanager
    def _asked(self, word: str, tenants: Collection[str], operation: Operation) -> Iterator[dict[str, int]]:
        scopes = tuple(dict.fromkeys(PLATFORM_TENANT if tenant == ANY else tenant for tenant in tenants))
        requests = tuple(Request(self._subject, scope, "", "", operation) for scope in scopes)
        with self._recorded(word, scopes, requests) as numbers:
            yield numbers

    @contextmanager
    def _recorded(self, word: str, tenants: tuple[str, ...], requests: tuple[Request, ...]) -> Iterator[dict[str, int]]:
        journal = self._journal(tenants)
        for request in requests:
            decision = self._control.decide(request)
            if not decision:
                journal.note(word, Outcome.DENY)
                message = f"{self._subject.name} may not {request.operation} on {request.tenant}: {decision.reason}"
                raise AccessDenied(message, hint="sealproof access explain --help", names=(self._subject.name,))
        with journal.recording(word) as numbers:
            yield numbers

    def _journal(self, tenants: tuple[str, ...]) -> _Journal:
        known = set(LocalStore(self._control.root).tenants())
        logs = (PLATFORM_TENANT, *(tenant for tenant in tenants if tenant in known and tenant != PLATFORM_TENANT))
        return _Journal(self._control.root, self._subject, logs, self._clock)


class _Journal:
    """The records of one change, in the logs of all tenants that it concerns."""

    def __init__(self, root: str, subject: Subject, tenants: tuple[str, ...], clock: Callable[[], float]) -> None:
        self._root = root
        self._subject = subject
        self._tenants = tenants
        self._clock = clock
        self._request = os.urandom(8).hex()

    def note(self, word: str, outcome: Outcome, numbers: Mapping[str, int] = _NO_NUMBERS) -> None:
        """Write one durable record in each log. Raises AuditUnavailable, AuditLogBroken."""
        for tenant in self._tenants:
            with AuditLog(self._root, tenant, clock=self._clock) as log:
                subject, established = self._subject.name, self._subject.established
                record = AuditRecord(subject, established, word, outcome, request=self._request, numbers=numbers)
                log.append((record,))

    @contextmanager
    def recording(self, word: str) -> Iterator[dict[str, int]]:
        """Record the intent, and the outcome with the numbers that the block leaves."""
        numbers: dict[str, int] = {}
        self.note(f"{word}{INTENT}", Outcome.ALLOW)
        try:
            yield numbers
        except SealproofError:
            self.note(word, Outcome.ERROR)
            raise
        self.note(word, Outcome.ALLOW, numbers)
