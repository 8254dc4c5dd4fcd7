"""Work through every tenant of a store, or the one that was named: what is wrong with one stops no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.cli import console
from sealproof.errors import SealproofError, UnknownTenant
from sealproof.vault.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator


class Place(NamedTuple):
    """One file of the store, or a tenant whose files cannot be listed."""

    tenant: str
    environment: str
    error: SealproofError | None = None

    def __str__(self) -> str:
        return f"{self.tenant}/{self.environment}" if self.environment else self.tenant


def say_strays(root: str) -> None:
    """Say what lies among the tenants of the store and is none."""
    for name in LocalStore(root).strays():
        console.say(
            f"sealproof: warning: {root}/tenants/{name} is no directory, so it is no tenant and was passed over"
        )


def places(root: str, tenant: str = "", environment: str = "") -> Iterator[Place]:
    """Yield the files that are asked for, by tenant; without a tenant, those of all, and say what is none.

    Raises StoreNotFound, FileUnavailable, UnknownTenant where one was named that has no file.
    """
    store = LocalStore(root)
    if not tenant:
        say_strays(root)
    for name in [tenant] if tenant else store.tenants():
        try:
            found = store.environments(name)
        except SealproofError as exc:
            yield Place(name, "", exc)
            continue
        if tenant and not found:
            message = f"{root} has no tenant {tenant}"
            raise UnknownTenant(message, hint="sealproof list")
        yield from (Place(name, one) for one in ([environment] if environment else found))
