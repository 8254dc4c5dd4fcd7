"""The store on local files: `tenants/<tenant>/.env[.<environment>].enc` below a root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.envelope.grammar import FILE_MAX, check_environment, check_tenant, is_environment, is_tenant
from sealproof.errors import Changed
from sealproof.loader.files import Directory, open_root
from sealproof.loader.tenant import DEFAULT_ENVIRONMENT, file_name, find_sealed, read_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_MODE = 0o644  # ciphertext is meant to be committed and deployed; nobody else may write it


class LocalStore:
    """A `Store` in a directory. Every path below the root is entered without following links."""

    def __init__(self, root: str) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"LocalStore({self.root!r})"

    def open(self) -> Directory:
        """Open the root. Raises StoreNotFound, FileUnavailable."""
        return open_root(self.root)

    def tenants(self) -> list[str]:
        """Return the tenants, sorted. A name outside the grammar is no tenant, nor is a file or a link."""
        return self._among_tenants(Directory.directories)

    def strays(self) -> list[str]:
        """Return what bears a tenant's name and is no directory, sorted: nobody looks at what it holds or leads to."""
        return sorted(set(self._among_tenants(Directory.names)) - set(self.tenants()))

    def environments(self, tenant: str) -> list[str]:
        """Return the environments that `tenant` has a file for, sorted."""
        with self.open() as root:
            tenants = root.enter("tenants")
            if tenants is None:
                return []
            with tenants:
                directory = tenants.enter(check_tenant(tenant))
                if directory is None:
                    return []
                with directory:
                    return sorted(_environments(directory.names()))

    def read(self, tenant: str, environment: str) -> bytes | None:
        """Return the sealed bytes, or None. Raises UnsafeFile, LimitExceeded, FileUnavailable."""
        with self.open() as root:
            return find_sealed(root, check_tenant(tenant), check_environment(environment))

    def write(self, tenant: str, environment: str, data: bytes, *, expected: bytes | None) -> None:
        """Put `data` in place under an exclusive lock, if what is there still is `expected`.

        Raises Changed, FileUnavailable; the earlier file is then still in place.
        """
        name = file_name(check_environment(environment))
        with self.tenant_directory(tenant) as directory:
            directory.lock()
            directory.sweep()
            if directory.read(name, limit=FILE_MAX, private=False) != expected:
                message = f"{tenant}/{environment} was changed by someone else meanwhile"
                raise Changed(message, hint="run the command again: it starts from the newest file")
            directory.replace(name, data, mode=_MODE)

    def read_beside(self, tenant: str, name: str, *, limit: int) -> bytes | None:
        """Return a file of the tenant's directory such as its manifest, or None. Makes nothing."""
        with self.open() as root:
            return read_beside(root, check_tenant(tenant), name, limit=limit)

    def rewrite_beside(self, tenant: str, name: str, change: Callable[[bytes], bytes], *, limit: int) -> None:
        """Replace a public file of the tenant's directory by what `change` makes of it, alone meanwhile.

        A file that is not there is empty. Raises UnsafeFile, LimitExceeded, FileUnavailable, and what `change` raises;
        the earlier file is then still in place.
        """
        with self.tenant_directory(tenant) as directory:
            directory.lock()
            directory.sweep()
            before = directory.read(name, limit=limit, private=False) or b""
            after = change(before)
            if after != before:
                directory.replace(name, after, mode=_MODE)

    def _among_tenants(self, names: Callable[[Directory], list[str]]) -> list[str]:
        with self.open() as root:
            tenants = root.enter("tenants")
            if tenants is None:
                return []
            with tenants:
                return [name for name in names(tenants) if is_tenant(name)]

    def tenant_directory(self, tenant: str) -> AbstractContextManager[Directory]:
        """Open the tenant's directory, made if there was none."""
        with self.open() as root, root.make("tenants") as tenants:
            return tenants.make(check_tenant(tenant))


def _environments(names: list[str]) -> Iterator[str]:
    for name in names:
        if name == file_name(DEFAULT_ENVIRONMENT):
            yield DEFAULT_ENVIRONMENT
        elif name.startswith(".env.") and name.endswith(".enc"):
            environment = name.removeprefix(".env.").removesuffix(".enc")
            if is_environment(environment) and environment != DEFAULT_ENVIRONMENT:
                yield environment
