"""Records about a store as it stands: what is reviewed or approved is looked up here, not typed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.verify import verify
from sealproof.vault.records.governed import digest_of
from sealproof.vault.records.interface import ACCESS_REVIEW, APPROVAL, AUDIT_REVIEW, Record

if TYPE_CHECKING:
    from sealproof.vault.records.interface import Fields


def approval(root: str, subject: str, *, by: str, at: int, author: str, reference: str) -> Record:
    """Return the approval of a governed file's present content. Raises CallerError."""
    fields = {"subject": subject, "digest": digest_of(root, subject), "author": author, "reference": reference}
    return Record(APPROVAL, by, at, fields)


def audit_review(root: str, tenant: str, *, by: str, at: int, outcome: str) -> Record:
    """Return the review of a tenant's whole log as it is now, which is verified first.

    Raises AuditLogBroken, UnknownTenant, KeyMissing.
    """
    verified = verify(root, tenant, pinned_key(root, tenant))
    checkpoint = verified.signed.checkpoint
    fields: Fields = {
        "tenant": tenant,
        "first": verified.first,
        "last": checkpoint.size - 1,
        "head": checkpoint.root.hex(),
        "outcome": outcome,
    }
    return Record(AUDIT_REVIEW, by, at, fields)


def access_review(root: str, *, by: str, at: int, outcome: str) -> Record:
    """Return the review of every grant in force. Raises PolicyMissing, PolicyRejected, StaleFile, KeyMissing."""
    in_force = PolicyFile(root).load()
    fields: Fields = {
        "policy": in_force.digest,
        "generation": in_force.policy.generation,
        "rules": tuple(rule.id for rule in in_force.policy.rules),
        "outcome": outcome,
    }
    return Record(ACCESS_REVIEW, by, at, fields)
