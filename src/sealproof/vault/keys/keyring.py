"""`keys/`: master, tenant keys and signing keys. Made and changed here, under one lock."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import KEY_BYTES, KEY_LINES_MAX, WRITERS_MAX, check_environment, check_tenant, is_tenant
from sealproof.envelope.keyfile import KeyLine
from sealproof.envelope.keytree import (
    PASSPHRASE_ITERATIONS,
    SALT_BYTES,
    TENANT_ITERATIONS,
    EpochRecord,
    MasterFile,
    TenantFile,
    tenant_kek,
)
from sealproof.envelope.seal import EpochKey
from sealproof.errors import CannotOpen, KeyMissing, LimitExceeded, StoreExists
from sealproof.loader.files import Directory, open_root
from sealproof.loader.storekeys import MASTER, NEXT, master_of, pinned_writers, proved_owner, read_tenant_file
from sealproof.signing import SEED_BYTES, SigningKey, fingerprint, public_from_pem, public_to_pem
from sealproof.vault.journal import Journal, nothing
from sealproof.vault.keys.overwrite import destroy, replace_overwriting
from sealproof.vault.keys.strength import check_passphrase
from sealproof.vault.keys_directory import keys_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from sealproof.envelope.cipher import Random
    from sealproof.vault.journal import Reached

PEM_MAX = 4096  # bytes
KEY_MADE = "key.make"


class Keyring:
    """The keys of one store. `clock` gives unix seconds; `random` gives bytes."""

    def __init__(
        self,
        root: str,
        *,
        iterations: int = TENANT_ITERATIONS,
        clock: Callable[[], float] = time.time,
        random: Random = os.urandom,
        reached: Reached = nothing,
    ) -> None:
        self.root = root
        self.journal = Journal(root, clock=clock, random=random, reached=reached)
        self.iterations = iterations
        """PBKDF2 cost of new tenant keys."""
        self.clock = clock
        self.random = random

    def __repr__(self) -> str:
        return f"Keyring({self.root!r})"

    @contextmanager
    def locked(self) -> Iterator[Directory]:
        """Hold `keys/` for this process alone. Raises KeyMissing, UnsafeFile."""
        with keys_directory(self.root, " to work with") as keys:
            keys.lock()
            yield keys

    def create(self, *, passphrase: str | None) -> None:
        """Make `keys/` with a master: random, or stretched from `passphrase`.

        Raises StoreExists, WeakKey.
        """
        master = self.new_master(passphrase)
        with open_root(self.root) as root, root.make("keys") as keys:
            keys.check_private()
            keys.lock()
            if MASTER in keys.names():
                message = f"{self.root}/keys has a master already"
                raise StoreExists(message, hint="sealproof key export TENANT --environment E --output FILE")
            for name in ("tenant_keys", "signing"):
                keys.make(name).__exit__()
            self.journal.note(KEY_MADE, "master", form="random" if passphrase is None else "passphrase")
            keys.replace(MASTER, master.to_bytes())

    def new_master(self, passphrase: str | None) -> MasterFile:
        """Return a master that is written nowhere yet. Raises WeakKey."""
        now = int(self.clock())
        if passphrase is None:
            return MasterFile(now, key=self.random(KEY_BYTES))
        check_passphrase(passphrase)
        cost = max(self.iterations, PASSPHRASE_ITERATIONS)
        return MasterFile(now, salt=self.random(SALT_BYTES), iterations=cost)

    def tenants(self) -> list[str]:
        """Return who has keys here, sorted."""
        with self.locked() as keys:
            return tenants_of(keys)

    def master_created(self) -> int:
        """Return when the master was made, in unix seconds."""
        with self.locked() as keys:
            return MasterFile.parse(keys.read(MASTER, limit=PEM_MAX, private=True) or b"").created

    def tenant_file(self, tenant: str) -> TenantFile | None:
        """Return the tenant's key file, proved under the master; None if the tenant has no keys. Raises CannotOpen."""
        with self.locked() as keys:
            proved = proved_owner(keys, check_tenant(tenant))
            return None if proved is None else proved[0]

    def ensure_epoch(self, tenant: str, environment: str) -> EpochKey:
        """Return the newest epoch key of a scope, making tenant salt and first epoch where there are none."""
        with self.locked() as keys:
            owner, kek = self._unlocked(keys, check_tenant(tenant))
            record = _newest(owner, check_environment(environment))
            if record is None:
                return self._add_epoch(keys, owner, kek, environment, 1)
            return EpochKey(tenant, environment, record.epoch, owner.unwrap(kek, record))

    def newest_epoch(self, tenant: str, environment: str) -> int:
        """Return the number of a scope's newest epoch, 0 if there is none. Raises what `ensure_epoch` would raise."""
        with self.locked() as keys:
            record = _newest(self._unlocked(keys, check_tenant(tenant))[0], check_environment(environment))
            return 0 if record is None else record.epoch

    def next_epoch(self, tenant: str, environment: str) -> EpochKey:
        """Make and return a new epoch beside the present one, which goes on opening until `drop_epochs`.

        Raises LimitExceeded on more epochs than a key file can hold.
        """
        with self.locked() as keys:
            owner, kek = self._unlocked(keys, check_tenant(tenant))
            record = _newest(owner, check_environment(environment))
            return self._next(keys, owner, kek, environment, record.epoch + 1 if record else 1)

    def make_epoch(self, tenant: str, environment: str, epoch: int) -> EpochKey:
        """Return the key of `epoch`, made if there is none yet. Raises LimitExceeded as `next_epoch` does."""
        with self.locked() as keys:
            owner, kek = self._unlocked(keys, check_tenant(tenant))
            for record in owner.epochs:
                if (record.environment, record.epoch) == (environment, epoch):
                    return EpochKey(tenant, environment, epoch, owner.unwrap(kek, record))
            return self._next(keys, owner, kek, check_environment(environment), epoch)

    def retire_epochs(self, tenant: str, environment: str, *, before: int) -> None:
        """Mark the epochs below `before`: they open what they sealed, and seal nothing more."""
        with self.locked() as keys:
            owner, kek = self._unlocked(keys, check_tenant(tenant))
            retired = [rec for rec in owner.epochs if rec.environment == environment and rec.epoch < before]
            if any(record.state != "retired" for record in retired):
                for record in retired:
                    record.state = "retired"
                self._save(keys, owner, kek)

    def drop_epochs(self, tenant: str, environment: str, *, before: int, keep: Collection[int] = ()) -> list[int]:
        """Destroy the wraps of epochs below `before` but for `keep`, and return which.

        Files of those epochs open no more. What stood in the file before is overwritten where it lay.
        """
        with self.locked() as keys:
            owner, kek = self._unlocked(keys, check_tenant(tenant))
            gone = [
                record
                for record in owner.epochs
                if record.environment == environment and record.epoch < before and record.epoch not in keep
            ]
            if gone:
                owner.epochs = tuple(record for record in owner.epochs if record not in gone)
                self._save(keys, owner, kek)
            return [record.epoch for record in gone]

    def key_lines(self, tenant: str, environment: str) -> tuple[KeyLine, ...]:
        """Return what a host needs for one scope: every live epoch with the pinned writers.

        Raises KeyMissing where the tenant has no key for it.
        """
        with self.locked() as keys:
            proved = proved_owner(keys, check_tenant(tenant))
            records = [] if proved is None else [rec for rec in proved[0].epochs if rec.environment == environment]
            if proved is None or not records:
                message = f"no key for {tenant}/{environment} in {self.root}/keys"
                raise KeyMissing(message, hint=f"sealproof seal {tenant} --environment {environment} FILE")
            owner, kek = proved
            writers = pinned_writers(keys)
            return tuple(
                KeyLine("epoch", owner.unwrap(kek, record), writers, tenant, environment, record.epoch)
                for record in reversed(records)
            )

    def rewrap(self, tenant: str) -> int:
        """Wrap a tenant's epoch keys anew, with a new salt and the present cost; return that cost.

        This is the way out of a key file whose cost is below the floor, which no other call reads.
        Raises CannotOpen if neither the stated cost nor the default opens the wraps.
        """
        with self.locked() as keys:
            owner = read_tenant_file(keys, check_tenant(tenant))
            if owner is None:
                message = f"no key for {tenant} in {self.root}/keys"
                raise KeyMissing(message, hint=f"sealproof seal {tenant} FILE")
            master = master_of(keys)
            renewed, kek = self.under(master, owner, self._recover(owner, master))
            self._save(keys, renewed, kek)
            return renewed.iterations

    def under(
        self, master: bytes, owner: TenantFile, epochs: list[tuple[EpochRecord, bytes]]
    ) -> tuple[TenantFile, bytes]:
        """Return a tenant's file with its epoch keys wrapped under `master`, a new salt and the present cost."""
        renewed = TenantFile(owner.tenant, owner.created, self.random(SALT_BYTES), self.iterations)
        kek = tenant_kek(master, owner.tenant, renewed.salt, renewed.iterations)
        for record, key in epochs:
            wrapped = renewed.wrap(kek, record.environment, record.epoch, key, now=record.created, random=self.random)
            wrapped.state = record.state
            renewed.epochs = (*renewed.epochs, wrapped)
        return renewed, kek

    def new_signing_key(self, purpose: str) -> SigningKey:
        """Make a signing key of `purpose`, numbered after the first, with its public half beside it.

        Raises LimitExceeded on more writers than a key file can name.
        """
        with self.locked() as keys, keys.make("signing") as directory:
            name = _free_name(directory, purpose)
            key = SigningKey(self.random(SEED_BYTES))
            self.journal.note(KEY_MADE, f"signing/{name}", public=fingerprint(key.public))
            directory.replace(f"{name}.key", key.to_pem())
            directory.replace(f"{name}.pub", public_to_pem(key.public))
            return key

    def pin_signing_key(self, purpose: str, public: bytes) -> str:
        """Trust a signing key whose private half lies elsewhere, and return the name of its file.

        Raises LimitExceeded on more writers than a key file can name.
        """
        with self.locked() as keys, keys.make("signing") as directory:
            name = _free_name(directory, purpose)
            self.journal.note(KEY_MADE, f"signing/{name}", public=fingerprint(public))
            directory.replace(f"{name}.pub", public_to_pem(public))
            return f"{name}.pub"

    def signing_key(self, purpose: str) -> SigningKey:
        """Return the first private key of `purpose`. Raises KeyMissing."""
        with self.locked() as keys, keys.make("signing") as directory:
            directory.check_private()
            text = directory.read(f"{purpose}.key", limit=PEM_MAX, private=True)
            if text is None:
                message = f"{directory.path} has no {purpose}.key"
                hint = "work where the store was made" if purpose != "writer" else "sealproof key init --writer"
                raise KeyMissing(message, hint=hint)
            return SigningKey.from_pem(text, name=f"{directory.path}/{purpose}.key")

    def signing_publics(self) -> dict[str, bytes]:
        """Return every public signing key by its file's stem."""
        with self.locked() as keys, keys.make("signing") as directory:
            return {
                name.removesuffix(".pub"): public_of(directory, name)
                for name in directory.names()
                if name.endswith(".pub")
            }

    def _unlocked(self, keys: Directory, tenant: str) -> tuple[TenantFile, bytes]:
        proved = proved_owner(keys, tenant)
        if proved is not None:
            return proved
        master = master_of(keys)
        owner = TenantFile(tenant, int(self.clock()), self.random(SALT_BYTES), self.iterations)
        return owner, tenant_kek(master, tenant, owner.salt, owner.iterations)

    def _next(self, keys: Directory, owner: TenantFile, kek: bytes, environment: str, epoch: int) -> EpochKey:
        check_room(owner, environment)
        return self._add_epoch(keys, owner, kek, environment, epoch)

    def _add_epoch(self, keys: Directory, owner: TenantFile, kek: bytes, environment: str, epoch: int) -> EpochKey:
        key = self.random(KEY_BYTES)
        record = owner.wrap(kek, environment, epoch, key, now=int(self.clock()), random=self.random)
        owner.epochs = (*owner.epochs, record)
        self._save(keys, owner, kek)
        return EpochKey(owner.tenant, environment, epoch, key)

    @staticmethod
    def _save(keys: Directory, owner: TenantFile, kek: bytes) -> None:
        with keys.make("tenant_keys") as directory:
            directory.sweep()  # an old wrap in a killed writer's temporary would outlive the key's destruction
            replace_overwriting(directory, f"{owner.tenant}.key", owner.to_bytes(kek))
            destroy(directory, f"{owner.tenant}.key{NEXT}")  # holds what stood there before; under an unused master

    def _recover(self, owner: TenantFile, master: bytes) -> list[tuple[EpochRecord, bytes]]:
        for cost in dict.fromkeys((owner.iterations, self.iterations, TENANT_ITERATIONS)):
            try:
                kek = owner.kek(master, recover=cost)
                return [(record, owner.unwrap(kek, record)) for record in owner.epochs]
            except (CannotOpen, LimitExceeded):  # a cost outside every limit is damage, too
                continue
        message = f"no iteration count opens the keys of {owner.tenant}"
        raise CannotOpen(message, hint="restore keys/ from its backup")


def tenants_of(keys: Directory) -> list[str]:
    """Return who has a file in `keys/tenant_keys/`, sorted."""
    directory = keys.enter("tenant_keys")
    if directory is None:
        return []
    with directory:
        stems = [name.removesuffix(".key") for name in directory.names() if name.endswith(".key")]
    return [stem for stem in stems if is_tenant(stem)]


def public_of(signing: Directory, name: str) -> bytes:
    """Return the public key in a file of `keys/signing/`. Raises MalformedFile, UnsafeFile, FileUnavailable."""
    return public_from_pem(signing.read(name, limit=PEM_MAX, private=True) or b"", name=f"{signing.path}/{name}")


def check_room(owner: TenantFile, environment: str) -> None:
    """Raise LimitExceeded if a scope has as many live epochs as a key file can hold."""
    if sum(record.environment == environment for record in owner.epochs) >= KEY_LINES_MAX:
        message = f"{owner.tenant}/{environment} has {KEY_LINES_MAX} live epochs, all that a key file can hold"
        raise LimitExceeded(message, hint=f"sealproof key destroy {owner.tenant} --environment {environment}")


def _newest(owner: TenantFile, environment: str) -> EpochRecord | None:
    records = [record for record in owner.epochs if record.environment == environment]
    return max(records, key=lambda record: record.epoch, default=None)


def _free_name(directory: Directory, purpose: str) -> str:
    """Return the next name for a key of `purpose` in `keys/signing/`."""
    directory.check_private()
    directory.sweep()
    taken = directory.names()
    writers = [name for name in taken if name.startswith("writer") and name.endswith(".pub")]
    if purpose == "writer" and len(writers) >= WRITERS_MAX:
        message = f"{directory.path} has {WRITERS_MAX} writer keys, all that a key file can name"
        raise LimitExceeded(message, hint=f"remove one that is no longer in use: ls {directory.path}")
    names = (purpose if number == 1 else f"{purpose}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if f"{name}.pub" not in taken)
