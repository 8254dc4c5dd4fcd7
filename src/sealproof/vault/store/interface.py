"""The contract of a store: bytes by tenant and environment, changed only by compare-and-set."""

from __future__ import annotations

from typing import Protocol


class Store(Protocol):
    """Keeps sealed bytes. It never holds a key and never looks inside."""

    def tenants(self) -> list[str]:
        """Return the tenants, sorted."""
        ...

    def environments(self, tenant: str) -> list[str]:
        """Return the environments that `tenant` has a file for, sorted."""
        ...

    def read(self, tenant: str, environment: str) -> bytes | None:
        """Return the sealed bytes, or None. Raises UnsafeFile, LimitExceeded, FileUnavailable."""
        ...

    def write(self, tenant: str, environment: str, data: bytes, *, expected: bytes | None) -> None:
        """Put `data` in place if what is there still is `expected` (None: nothing).

        Raises Changed if it is not, FileUnavailable; the earlier state is then untouched.
        """
        ...
