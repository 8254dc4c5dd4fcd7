"""Who may work on a tenant at the same time. What must not meet takes the tenant, or every tenant, for itself.

    alone     erasing a tenant, restoring one, restoring all of them: nothing else of these, and nothing beside
    beside    a new epoch, a tenant's backup: next to each other, and never next to an erasure or a restore

Nobody waits: who comes second is refused, and told to come again. An erasure that was broken off has the tenant
until it is finished, whoever is alive: what else is begun would bring back what has to go.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.errors import OperationUnderWay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.vault.journal import Journal

ERASE = "tenant.erase"
_EVERY = "every tenant"  # no tenant's own name: those have no spaces


@contextmanager
def alone(journal: Journal, tenant: str) -> Iterator[None]:
    """Have one tenant until the block is left; every tenant where it is empty. Raises OperationUnderWay."""
    if tenant:
        with journal.lease(_EVERY, shared=True), journal.lease(tenant):
            yield
    else:
        with journal.lease(_EVERY):
            yield


@contextmanager
def beside(journal: Journal, tenant: str) -> Iterator[None]:
    """Share one tenant with others who do. Raises OperationUnderWay, also if its erasure is not finished."""
    with journal.lease(_EVERY, shared=True), journal.lease(tenant, shared=True):
        refuse_half_erased(journal, tenant)
        yield


def refuse_half_erased(journal: Journal, *tenants: str) -> None:
    """Raise OperationUnderWay if the erasure of one of `tenants` was begun and is not finished."""
    for tenant in tenants:
        if journal.unfinished(ERASE, tenant):
            message = f"the erasure of {tenant} is not finished"
            raise OperationUnderWay(message, hint="sealproof key resume", names=(tenant,))
