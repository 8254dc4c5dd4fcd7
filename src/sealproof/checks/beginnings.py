"""When a store began: a young one owes no year of history, no review and no backup yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.vault.custodian import DAY

if TYPE_CHECKING:
    from sealproof.checks.context import Context


def store_began(ctx: Context) -> int:
    """Return when the store's master key was made, in unix seconds.

    Raises NoEvidence where `keys/` are not: whoever cannot tell how old a store is cannot call it young.
    """
    try:
        return ctx.target.custodian.keyring.master_created()
    except SealproofError as exc:
        raise NoEvidence(f"how old the store is cannot be told: {exc.message}", hint=exc.hint) from exc


def young(ctx: Context, began: int, days: int) -> bool:
    """Tell whether less than `days` have passed since `began`."""
    return ctx.now - began < days * DAY
