"""A scratch store under a policy: its owner may do everything, `reader` may read one tenant, `stranger` nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sealproof.checks.scratch import ENVIRONMENT, ScratchStore
from sealproof.checks.trails import records
from sealproof.settings import Settings
from sealproof.signing import sha256
from sealproof.vault.access.changes import granted
from sealproof.vault.access.control import AccessControl
from sealproof.vault.access.editor import PolicyEditor, found_policy
from sealproof.vault.access.interface import PLATFORM_TENANT, Operation, Subject
from sealproof.vault.access.rules import ANY, Conditions, Rule
from sealproof.vault.custody import AdvancedSecretManager

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.vault.access.policy import Policy
    from sealproof.vault.access.policyfile import InForce

TENANT, NAME = "scratch-a", "API_TOKEN"
READER, STRANGER = "reader", "stranger"


class Guarded:
    """The store, and who asks it for what. `attempts` is how many refusals lock a subject out."""

    def __init__(self, directory: str, *, attempts: int) -> None:
        self.store = ScratchStore(directory, (TENANT,))
        self.root = self.store.root
        self.settings = Settings(max_access_attempts=attempts)
        self.owner = Subject.this_user()
        self.key = self.store.custodian.keyring.new_signing_key("policy")
        found_policy(self.root, self.owner, self.key)
        self.editor(self.owner).change("grant", (TENANT,), self.grant(READER, Operation.LIST, Operation.READ), self.key)

    def editor(self, subject: Subject) -> PolicyEditor:
        """Return the policy's editor in a subject's hands."""
        return PolicyEditor(AccessControl(self.root, settings=self.settings), subject)

    def manager(self, name: str, *, clock: float = 0.0) -> AdvancedSecretManager:
        """Return the tenant's manager in the hands of whoever claims a name, at a clock that is so far ahead."""
        ahead = (lambda: time.time() + clock) if clock else time.time
        return AdvancedSecretManager(
            TENANT, environment=ENVIRONMENT, root=self.root, user_id=name, settings=self.settings, clock=ahead
        )

    def grant(self, name: str, *operations: Operation, tenant: str = TENANT) -> Callable[[InForce], Policy]:
        """Return what makes a policy with one more rule."""
        now = int(time.time())

        def rule(rule_id: str) -> Rule:
            return Rule(
                id=rule_id,
                allows=True,
                subject=name,
                tenant=tenant,
                environment=ENVIRONMENT,
                name=ANY,
                operations=tuple(sorted(operations)),
                conditions=Conditions(),
                created=now,
                by=self.owner.name,
            )

        def make(base: InForce) -> Policy:
            return granted(base, rule, now=now)[0]

        return make

    def policy_digest(self) -> bytes:
        """Return the digest of the policy file as it stands."""
        with open(f"{self.root}/policy.json", "rb") as file:
            return sha256(file.read())

    def denials(self) -> int:
        """Return how many refusals stand in the logs of the tenant and the platform."""
        return sum(
            entry.outcome == "deny" for tenant in (TENANT, PLATFORM_TENANT) for entry, _ in records(self.root, tenant)
        )
