"""`keys/`: master, tenant keys and signing keys. Made and changed here, under one lock."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import KEY_BYTES, KEY_LINES_MAX, WRITERS_MAX, check_environment, check_tenant
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
from sealproof.loader.storekeys import kek_of, master_of, pinned_writers, read_tenant_file
from sealproof.signing import SEED_BYTES, SigningKey, public_from_pem, public_to_pem
from sealproof.vault.keys.strength import check_passphrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealproof.envelope.cipher import Random

_PEM_MAX = 4096  # bytes


class Keyring:
    """The keys of one store. `clock` gives unix seconds; `random` gives bytes."""

    def __init__(
        self,
        root: str,
        *,
        iterations: int = TENANT_ITERATIONS,
        clock: Callable[[], float] = time.time,
        random: Random = os.urandom,
    ) -> None:
        self.root = root
        self._iterations = iterations
        self._clock = clock
        self._random = random

    def __repr__(self) -> str:
        return f"Keyring({self.root!r})"

    @contextmanager
    def _locked(self) -> Iterator[Directory]:
        with open_root(self.root) as root:
            keys = root.enter("keys")
            if keys is None:
                message = f"{self.root} has no keys/ to work with"
                raise KeyMissing(message, hint="work where the store was made, or restore keys/ from its backup")
            with keys:
                keys.check_private()
                keys.lock()
                yield keys

    def create(self, *, passphrase: str | None) -> None:
        """Make `keys/` with a master: random, or stretched from `passphrase`.

        Raises StoreExists, WeakKey.
        """
        now = int(self._clock())
        if passphrase is None:
            master = MasterFile(now, key=self._random(KEY_BYTES))
        else:
            check_passphrase(passphrase)
            cost = max(self._iterations, PASSPHRASE_ITERATIONS)
            master = MasterFile(now, salt=self._random(SALT_BYTES), iterations=cost)
        with open_root(self.root) as root, root.make("keys") as keys:
            keys.check_private()
            keys.lock()
            if "master.key" in keys.names():
                message = f"{self.root}/keys has a master already"
                raise StoreExists(message, hint="sealproof key export TENANT --environment E --output FILE")
            for name in ("tenant_keys", "signing"):
                keys.make(name).__exit__()
            keys.replace("master.key", master.to_bytes())

    def master_created(self) -> int:
        """Return when the master was made, in unix seconds."""
        with self._locked() as keys:
            return MasterFile.parse(keys.read("master.key", limit=_PEM_MAX, private=True) or b"").created

    def tenant_file(self, tenant: str) -> TenantFile | None:
        """Return the tenant's key file as it stands, not yet proved; None if the tenant has no keys."""
        with self._locked() as keys:
            return read_tenant_file(keys, check_tenant(tenant))

    def ensure_epoch(self, tenant: str, environment: str) -> EpochKey:
        """Return the newest epoch key of a scope, making tenant salt and first epoch where there are none."""
        with self._locked() as keys:
            owner, kek = self._unlocked(keys, check_tenant(tenant))
            record = _newest(owner, check_environment(environment))
            if record is None:
                return self._add_epoch(keys, owner, kek, environment, 1)
            return EpochKey(tenant, environment, record.epoch, owner.unwrap(kek, record))

    def next_epoch(self, tenant: str, environment: str) -> EpochKey:
        """Make and return a new epoch beside the present one, which goes on opening until `drop_epochs`.

        Raises LimitExceeded on more epochs than a key file can hold.
        """
        with self._locked() as keys:
            owner, kek = self._unlocked(keys, check_tenant(tenant))
            record = _newest(owner, check_environment(environment))
            if sum(rec.environment == environment for rec in owner.epochs) >= KEY_LINES_MAX:
                message = f"{tenant}/{environment} has {KEY_LINES_MAX} live epochs, all that a key file can hold"
                raise LimitExceeded(message, hint=f"sealproof key destroy {tenant} --environment {environment}")
            return self._add_epoch(keys, owner, kek, environment, record.epoch + 1 if record else 1)

    def drop_epochs(self, tenant: str, environment: str, *, before: int) -> list[int]:
        """Destroy the wraps of epochs below `before`, and return which. Files of those epochs open no more."""
        with self._locked() as keys:
            owner, kek = self._unlocked(keys, check_tenant(tenant))
            gone = [rec for rec in owner.epochs if rec.environment == environment and rec.epoch < before]
            if gone:
                owner.epochs = tuple(record for record in owner.epochs if record not in gone)
                self._save(keys, owner, kek)
            return [record.epoch for record in gone]

    def key_lines(self, tenant: str, environment: str) -> tuple[KeyLine, ...]:
        """Return what a host needs for one scope: every live epoch with the pinned writers.

        Raises KeyMissing where the tenant has no key for it.
        """
        with self._locked() as keys:
            owner = read_tenant_file(keys, check_tenant(tenant))
            records = [] if owner is None else [rec for rec in owner.epochs if rec.environment == environment]
            if owner is None or not records:
                message = f"no key for {tenant}/{environment} in {self.root}/keys"
                raise KeyMissing(message, hint=f"sealproof seal {tenant} --environment {environment} FILE")
            kek = kek_of(keys, owner)
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
        with self._locked() as keys:
            owner = read_tenant_file(keys, check_tenant(tenant))
            if owner is None:
                message = f"no key for {tenant} in {self.root}/keys"
                raise KeyMissing(message, hint=f"sealproof seal {tenant} FILE")
            epochs = self._recover(owner, master_of(keys))
            renewed = TenantFile(tenant, owner.created, self._random(SALT_BYTES), self._iterations)
            kek = tenant_kek(master_of(keys), tenant, renewed.salt, renewed.iterations)
            renewed.epochs = tuple(
                renewed.wrap(kek, rec.environment, rec.epoch, key, now=rec.created, random=self._random)
                for rec, key in epochs
            )
            self._save(keys, renewed, kek)
            return renewed.iterations

    def new_signing_key(self, purpose: str) -> SigningKey:
        """Make a signing key of `purpose`, numbered after the first, with its public half beside it.

        Raises LimitExceeded on more writers than a key file can name.
        """
        with self._locked() as keys, keys.make("signing") as directory:
            name = _free_name(directory, purpose)
            key = SigningKey(self._random(SEED_BYTES))
            directory.replace(f"{name}.key", key.to_pem())
            directory.replace(f"{name}.pub", public_to_pem(key.public))
            return key

    def pin_signing_key(self, purpose: str, public: bytes) -> str:
        """Trust a signing key whose private half lies elsewhere, and return the name of its file.

        Raises LimitExceeded on more writers than a key file can name.
        """
        with self._locked() as keys, keys.make("signing") as directory:
            name = f"{_free_name(directory, purpose)}.pub"
            directory.replace(name, public_to_pem(public))
            return name

    def signing_key(self, purpose: str) -> SigningKey:
        """Return the first private key of `purpose`. Raises KeyMissing."""
        with self._locked() as keys, keys.make("signing") as directory:
            directory.check_private()
            text = directory.read(f"{purpose}.key", limit=_PEM_MAX, private=True)
            if text is None:
                message = f"{directory.path} has no {purpose}.key"
                hint = "work where the store was made" if purpose != "writer" else "sealproof key init --writer"
                raise KeyMissing(message, hint=hint)
            return SigningKey.from_pem(text, name=f"{directory.path}/{purpose}.key")

    def signing_publics(self) -> dict[str, bytes]:
        """Return every public signing key by its file's stem."""
        with self._locked() as keys, keys.make("signing") as directory:
            return {
                name.removesuffix(".pub"): public_from_pem(
                    directory.read(name, limit=_PEM_MAX, private=True) or b"", name=f"{directory.path}/{name}"
                )
                for name in directory.names()
                if name.endswith(".pub")
            }

    def _unlocked(self, keys: Directory, tenant: str) -> tuple[TenantFile, bytes]:
        owner = read_tenant_file(keys, tenant)
        if owner is not None:
            return owner, kek_of(keys, owner)
        master = master_of(keys)
        owner = TenantFile(tenant, int(self._clock()), self._random(SALT_BYTES), self._iterations)
        return owner, tenant_kek(master, tenant, owner.salt, owner.iterations)

    def _add_epoch(self, keys: Directory, owner: TenantFile, kek: bytes, environment: str, epoch: int) -> EpochKey:
        key = self._random(KEY_BYTES)
        record = owner.wrap(kek, environment, epoch, key, now=int(self._clock()), random=self._random)
        owner.epochs = (*owner.epochs, record)
        self._save(keys, owner, kek)
        return EpochKey(owner.tenant, environment, epoch, key)

    @staticmethod
    def _save(keys: Directory, owner: TenantFile, kek: bytes) -> None:
        with keys.make("tenant_keys") as directory:
            directory.sweep()  # an old wrap in a killed writer's temporary would outlive the key's destruction
            directory.replace(f"{owner.tenant}.key", owner.to_bytes(kek))

    def _recover(self, owner: TenantFile, master: bytes) -> list[tuple[EpochRecord, bytes]]:
        for cost in dict.fromkeys((owner.iterations, self._iterations, TENANT_ITERATIONS)):
            try:
                kek = owner.kek(master, recover=cost)
                return [(record, owner.unwrap(kek, record)) for record in owner.epochs]
            except (CannotOpen, LimitExceeded):  # a cost outside every limit is damage, too
                continue
        message = f"no iteration count opens the keys of {owner.tenant}"
        raise CannotOpen(message, hint="restore keys/ from its backup")


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
