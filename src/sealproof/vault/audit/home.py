"""Where a log and its keys lie: `audit/<tenant>/` and `keys/audit/<tenant>/` below a store's root.

audit/.reserve                      what a full disk is recorded from, for the whole store
audit/<tenant>/<first>.jsonl        segments, named by the sequence number they begin with
audit/<tenant>/start.jsonl          what a pruned log begins with
keys/audit/<tenant>/log.key         turns secret names into digests
keys/audit/<tenant>/epoch-<n>.key   the signing key of the epoch under way; its predecessors are destroyed
keys/audit/<tenant>/subjects/       one key a person or program; destroying it erases the pseudonym
keys/signing/audit-<tenant>.pub     the first public key: what a verifier pins
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import check_tenant, is_tenant
from sealproof.errors import AuditLogBroken, KeyMissing, UnknownTenant
from sealproof.loader.files import Directory, open_root, unavailable
from sealproof.signing import public_from_pem, public_to_pem
from sealproof.vault.audit.mark import read_mark

if TYPE_CHECKING:
    from collections.abc import Iterator

_PEM_MAX = 4096  # bytes


class Home:
    """The directories of one log, entered without following links and held open for a writer."""

    def __init__(self, root: str, tenant: str) -> None:
        """Open them, made where they are missing. Raises StoreNotFound, KeyMissing, UnsafeFile, FileUnavailable."""
        self.tenant = check_tenant(tenant)
        self.path = f"{root}/audit/{tenant}"
        with ExitStack() as opened:
            store = opened.enter_context(open_root(root))
            keys = store.enter("keys")
            if keys is None:
                message = f"{root} has no keys/ to sign an audit log with"
                raise KeyMissing(message, hint="work where the store was made, or restore keys/ from its backup")
            opened.enter_context(keys).check_private()
            self.store = opened.enter_context(_made(store, "audit"))
            self.log = opened.enter_context(_made(self.store, tenant))
            self.signing = opened.enter_context(_made(keys, "signing"))
            audit_keys = opened.enter_context(_made(keys, "audit"))
            self.keys = opened.enter_context(_made(audit_keys, tenant))
            self.subjects = opened.enter_context(_made(self.keys, "subjects"))
            for directory in (self.log, self.signing, self.keys, self.subjects):
                directory.check_private()
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Close what is open."""
        self._opened.close()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the log for this process alone, and see that it is still the one at its path.

        Raises AuditLogBroken if the directory was moved or replaced under us.
        """
        flock(self.log.fd, LOCK_EX)
        try:
            self._check_in_place()
            yield
        finally:
            flock(self.log.fd, LOCK_UN)

    def pinned(self) -> bytes | None:
        """Return the first public key; None if this log was never begun."""
        name = f"audit-{self.tenant}.pub"
        text = self.signing.read(name, limit=_PEM_MAX, private=True)
        return None if text is None else public_from_pem(text, name=f"{self.signing.path}/{name}")

    def pin(self, public: bytes) -> None:
        """Keep the first public key, in the file that verifiers are given."""
        self.signing.replace(f"audit-{self.tenant}.pub", public_to_pem(public))

    def _check_in_place(self) -> None:
        here = os.fstat(self.log.fd)
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            there = None
        except OSError as exc:
            raise unavailable(self.path, exc) from exc
        if there is None or (there.st_ino, there.st_dev) != (here.st_ino, here.st_dev):
            message = f"{self.path} is no longer the directory that this log was opened in"
            raise AuditLogBroken(message, hint=f"find out who moved it: ls -la {os.path.dirname(self.path)}")


@contextmanager
def reading(root: str, tenant: str) -> Iterator[Directory]:
    """Open a log's directory to read, while no writer is in the middle of a batch.

    Raises AuditLogBroken if the store's own `keys/` know of a log that is not there, StoreNotFound, UnknownTenant,
    UnsafeFile, FileUnavailable.
    """
    with descended(root, "audit", check_tenant(tenant)) as log:
        if log is None:
            raise _absent(root, tenant)
        yield log


def _absent(root: str, tenant: str) -> AuditLogBroken | UnknownTenant:
    if not _is_begun(root, tenant):
        return UnknownTenant(f"{root} has no audit log of {tenant}", hint=f"ls {root}/audit")
    message = f"the audit log of {tenant} is gone from {root}/audit: keys/ remember that it was begun"
    return AuditLogBroken(message, hint="find out who took it away; put it back from a backup or an export")


def audited_tenants(root: str) -> list[str]:
    """Return the tenants that there is a log of, sorted. Raises StoreNotFound, UnsafeFile, FileUnavailable."""
    with descended(root, "audit") as audit:
        return [] if audit is None else [name for name in audit.names() if is_tenant(name)]


def known_logs(root: str) -> list[str]:
    """Return the tenants that there is a log of, or that the store's own `keys/` know one of, sorted.

    Raises StoreNotFound, UnsafeFile, MalformedFile, FileUnavailable.
    """
    present = set(audited_tenants(root))
    named = set(present)
    with descended(root, "keys", "signing") as signing:
        pinned = () if signing is None else signing.names()
    with descended(root, "keys", "audit") as audit:
        named.update(() if audit is None else audit.names())
    named.update(name.removeprefix("audit-").removesuffix(".pub") for name in pinned if name.startswith("audit-"))
    return sorted(name for name in named if is_tenant(name) and (name in present or _is_begun(root, name)))


def _is_begun(root: str, tenant: str) -> bool:
    """Tell whether `keys/` hold the public key that a log's first epoch was pinned by, or a mark of its records."""
    with descended(root, "keys", "signing") as signing:
        is_pinned = signing is not None and f"audit-{tenant}.pub" in signing.names()
    return is_pinned or seen_mark(root, tenant) > 0


@contextmanager
def undisturbed(directory: Directory) -> Iterator[None]:
    """Keep writers out for as long as it takes to look at the names and sizes in a log's directory.

    Raises FileUnavailable.
    """
    try:
        flock(directory.fd, LOCK_SH)
        try:
            yield
        finally:
            flock(directory.fd, LOCK_UN)
    except OSError as exc:
        raise unavailable(directory.path, exc) from exc


def pinned_key(root: str, tenant: str) -> bytes:
    """Return the first public key of a log, from the store's own `keys/`.

    It proves nothing against someone who could write there. Raises KeyMissing, StoreNotFound, UnsafeFile.
    """
    name = f"audit-{check_tenant(tenant)}.pub"
    with descended(root, "keys", "signing") as directory:
        text = None if directory is None else directory.read(name, limit=_PEM_MAX, private=True)
    if text is None:
        message = f"{root} has no public audit key of {tenant}"
        raise KeyMissing(message, hint=f"sealproof audit verify {tenant} --key PUBLIC_KEY_FILE")
    return public_from_pem(text, name=f"{root}/keys/signing/{name}")


def seen_mark(root: str, tenant: str) -> int:
    """Return how many records the store's own `keys/` remember of a log; 0 where there are none to ask.

    Raises StoreNotFound, UnsafeFile, MalformedFile, FileUnavailable.
    """
    with descended(root, "keys", "audit", check_tenant(tenant)) as directory:
        return 0 if directory is None else read_mark(directory)


@contextmanager
def descended(root: str, *parts: str) -> Iterator[Directory | None]:
    """Open a directory below the store's root; None if there is none.

    Raises StoreNotFound, UnsafeFile, FileUnavailable.
    """
    with ExitStack() as opened:
        directory: Directory | None = opened.enter_context(open_root(root))
        for part in parts:
            directory = None if directory is None else directory.enter(part)
            if directory is not None:
                opened.enter_context(directory)
        yield directory


def _made(parent: Directory, name: str) -> Directory:
    found = parent.enter(name)
    if found is None:
        found = parent.make(name)
        try:
            os.fsync(parent.fd)
        except OSError as exc:
            raise unavailable(parent.path, exc) from exc
    return found
