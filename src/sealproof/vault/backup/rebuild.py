"""Build a store anew from a backup of a whole one, where there is none: beside its place first, then one rename.

Everything lies as it did, `keys/` included; then each tenant's file is sealed again under a new data key and a
higher generation. Until the rename there is no store at the place; killed before it, the next call begins anew.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from sealproof.envelope import seal as sealing
from sealproof.errors import CallerError, StoreExists
from sealproof.loader.files import Directory, open_root, unavailable
from sealproof.vault.backup import header as headers
from sealproof.vault.backup.create import CREATE
from sealproof.vault.backup.header import WHOLE_STORE
from sealproof.vault.backup.opening import container
from sealproof.vault.backup.restore import RESTORE, Restored
from sealproof.vault.custodian import Custodian

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.vault.backup.entries import Entry
    from sealproof.vault.backup.header import Identity
    from sealproof.vault.journal import Reached

STAGING = ".rebuilding"
_PUBLIC_DIRECTORY = 0o755


def rebuild(
    path: str,
    identity: Identity,
    root: str,
    *,
    clock: Callable[[], float],
    reached: Reached,
    above: int = 0,
    advance: Callable[[str], None] = lambda _: None,
) -> list[Restored]:
    """Make the store at `root`, which must not be there or be empty, from a backup of a whole store.

    Raises StoreExists, CallerError if the container is of one tenant, CannotOpen, EvidenceRejected, KeyMissing if
    the store's passphrase (`MASTER_SECRET_KEY`) is needed, FileUnavailable.
    """
    if os.path.isdir(root) and os.listdir(root):
        message = f"{root} is not empty, so no store is built there"
        raise StoreExists(message, hint="sealproof backup restore FILE --into ANOTHER_DIRECTORY")
    staging = f"{os.path.abspath(root)}{STAGING}"
    shutil.rmtree(staging, ignore_errors=True)
    with container(path) as found:
        if found.header.scope != WHOLE_STORE:
            message = f"{path} is a backup of {found.header.scope} alone, not of a whole store"
            raise CallerError(message, hint="sealproof init, then sealproof backup restore FILE")
        key = headers.unlock(found.header, identity)
        found.each(key, lambda _: None)  # all of it is proved before any of it is written
        try:
            os.mkdir(staging, _PUBLIC_DIRECTORY)
            os.chmod(staging, _PUBLIC_DIRECTORY)
        except OSError as exc:
            raise unavailable(staging, exc) from exc

        def lay(entry: Entry) -> None:
            _lay(staging, entry)
            reached(f"{RESTORE}:laid")
            advance(entry.path)

        manifest = found.each(key, lay)
        custodian = Custodian(staging, clock=clock)
        for backing_up in custodian.keyring.journal.unfinished(CREATE):
            backing_up.abandon("this is the backup that was being made")
        operation = custodian.keyring.journal.begin(RESTORE, "store", container=found.header.identifier)
        done = [_reseal(custodian, one.tenant, one.environment, above) for one in manifest.sealed]
        operation.done(files=len(done))
    reached(f"{RESTORE}:place")
    try:
        if os.path.isdir(root):
            os.rmdir(root)
        os.rename(staging, root)
        with open_root(os.path.dirname(os.path.abspath(root))) as parent:
            os.fsync(parent.fd)
    except OSError as exc:
        raise unavailable(root, exc) from exc
    reached(f"{RESTORE}:placed")
    return done


def _reseal(custodian: Custodian, tenant: str, environment: str, above: int) -> Restored:
    unlocked = custodian.open(tenant, environment, renewing=True, own=True)
    before = unlocked.envelope
    data = sealing.create(
        custodian.keyring.ensure_epoch(tenant, environment),
        sealing.stored(unlocked),
        writer=custodian.keyring.signing_key("writer"),
        now=int(custodian.keyring.clock()),
        generation=1 + max(before.generation, above),
        expires=before.expires,
        readers=[reader.public for reader in before.readers],
    )
    custodian.store.write(tenant, environment, data, expected=before.data)
    return Restored(f"{tenant}/{environment}", 1 + max(before.generation, above), before.generation, 0, lowered=False)


def _lay(root: str, entry: Entry) -> None:
    """Write one file below the staging directory. Its path was checked when the container was read."""
    *rooms, name = entry.path.split("/")
    directory: Directory = open_root(root)
    try:
        for room in rooms:
            inner = directory.make(room)
            directory.__exit__()
            directory = inner
        fd = os.open(
            name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory.fd
        )
        try:
            for chunk in entry.chunks:
                view = memoryview(chunk)
                while view:
                    view = view[os.write(fd, view) :]
            os.fchmod(fd, entry.mode)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.fsync(directory.fd)
    except OSError as exc:
        raise unavailable(f"{root}/{entry.path}", exc) from exc
    finally:
        directory.__exit__()
