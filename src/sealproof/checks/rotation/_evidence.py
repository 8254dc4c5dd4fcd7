"""What the rotation checks look at besides the sealed file: the ledger, the journal, and digests of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.holdings import keyring_of
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import EvidenceRejected, SealproofError
from sealproof.rotation.digests import FILE_NAME, ValueDigests, read_key
from sealproof.rotation.engine import KIND
from sealproof.vault.journal import ABANDONED

if TYPE_CHECKING:
    from sealproof.checks.context import Context
    from sealproof.vault.journal import Operation
    from sealproof.vault.keys.ledger import Ledger


def ledger_of(ctx: Context) -> Ledger:
    """Return the key ledger. Raises NoEvidence where it cannot be read, or is not what was written."""
    try:
        return ctx.target.ledger
    except SealproofError as exc:
        raise NoEvidence(f"the key ledger cannot be read: {exc.message}", hint=exc.hint) from exc


def rotations_of(ctx: Context) -> dict[str, list[Operation]]:
    """Return the rotations of the tenant's environment by secret name, oldest first.

    Raises NoEvidence where the journal cannot be read, JournalBroken where it is not what was written.
    """
    scope = ctx.tenant.scope
    prefix = f"{scope.tenant}/{scope.environment}/"
    found: dict[str, list[Operation]] = {}
    try:
        for operation in ctx.target.journal:
            if operation.kind == KIND and operation.scope.startswith(prefix):
                found.setdefault(operation.scope.removeprefix(prefix), []).append(operation)
    except EvidenceRejected:
        raise
    except SealproofError as exc:
        raise NoEvidence(f"the rotation journal cannot be read: {exc.message}", hint=exc.hint) from exc
    return found


def digests_of(ctx: Context) -> ValueDigests:
    """Return what values are compared with. Raises NoEvidence where there is no key for it; none is made."""
    scope = ctx.tenant.scope
    with keyring_of(ctx.target.root) as keys:
        try:
            key = read_key(keys)
        except SealproofError as exc:
            raise NoEvidence(f"values cannot be compared: {exc.message}", hint=exc.hint) from exc
    if key is None:
        message = f"values cannot be compared: keys/{FILE_NAME} is gone"
        raise NoEvidence(message, hint="restore keys/ from its backup")
    return ValueDigests(key, scope.tenant, scope.environment)


def has_flipped(operation: Operation) -> bool:
    """Tell whether a rotation has made its value the present one, for good or for a while."""
    return operation.has("grace")


def left_value(operation: Operation) -> tuple[str, int]:
    """Return digest and version of the value that an ended rotation left as the present one, by its own words."""
    if operation.last == ABANDONED:  # the old value came back, as a version of its own
        return operation.text("before"), operation.number("version") + 1
    return operation.text("digest"), operation.number("version")
