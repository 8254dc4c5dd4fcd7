"""Records about a store as it stands: what is reviewed or approved is looked up here, not typed in."""

from __future__ import annotations

from sealproof.vault.records.governed import digest_of
from sealproof.vault.records.interface import APPROVAL, Record


def approval(root: str, subject: str, *, by: str, at: int, author: str, reference: str) -> Record:
    """Return the approval of a governed file's present content. Raises CallerError."""
    fields = {"subject": subject, "digest": digest_of(root, subject), "author": author, "reference": reference}
    return Record(APPROVAL, by, at, fields)
