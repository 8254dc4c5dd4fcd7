"""The adapter of this package's own store.

`SealedStore` loads as a production host does: with an exported key file for each tenant. It writes through
`envelope.seal.edit` and the local store, as `Custodian` does, with the epoch key held rather than derived for
every save. `CustodianStore` is a development machine: loads and writes derive every key from `keys/`.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sealproof import __version__
from sealproof.checks.attacks.adapters import _container, _surroundings
from sealproof.checks.attacks.interface import OwnedFile
from sealproof.checks.scratch import ENVIRONMENT
from sealproof.checks.specimen import key_text
from sealproof.envelope import cipher, seal
from sealproof.envelope.freshness import Freshness
from sealproof.envelope.grammar import NONCE_BYTES, PAD_BLOCK, check_name, check_tenant, check_value, frame
from sealproof.envelope.keytree import PASSPHRASE_ITERATIONS, TENANT_ITERATIONS, MasterFile, tenant_kek
from sealproof.envelope.open import unlock
from sealproof.envelope.parse import parse
from sealproof.errors import Changed, MalformedFile, SealproofError
from sealproof.loader.context import DevelopmentSecretLoader
from sealproof.loader.files import open_root
from sealproof.loader.keys import find_keys, forget_keys
from sealproof.loader.names import refuse_dangerous
from sealproof.loader.tenant import file_name
from sealproof.signing import SigningKey
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.strength import check_passphrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sealproof.checks.attacks.interface import Field, Record
    from sealproof.envelope.keyfile import KeyLine
    from sealproof.envelope.open import Unlocked

_KEY_FILE, _STATE = "SEALPROOF_KEY_FILE", "SEALPROOF_STATE"
_FIXED_MASTER = bytes(range(32))
_FIXED_SALT = bytes(range(16))
_BATCH = 50  # values sealed at once in memory
_PASSPHRASE = "a passphrase of the scratch store, long enough"  # noqa: S105 - of a throw-away store


class SealedStore:
    """A store of this package, loaded with exported keys."""

    name = f"sealproof {__version__}"
    refusals = (SealproofError,)

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.root = os.path.join(directory, "secrets")
        self.state = os.path.join(directory, "state")
        self.clock = 0
        """Seconds that loads see the clock ahead."""

    # What every adapter has.

    def make(self, tenants: Mapping[str, Mapping[str, str]]) -> None:
        """Make keys and a sealed file for each tenant, and export each host's key."""
        os.mkdir(self.root, 0o700)
        keyring = self.custodian.keyring
        keyring.create(passphrase=None)
        keyring.new_signing_key("writer")
        for tenant, values in tenants.items():
            self._create(tenant, {name: value.encode() for name, value in values.items()})

    def put(self, tenant: str, name: str, value: str) -> None:
        """Seal one value, as whoever holds the tenant's keys and a writer's key."""
        check_tenant(tenant)
        refuse_dangerous([check_name(name)])
        raw = check_value(name, value.encode())
        data = self.custodian.store.read(tenant, ENVIRONMENT)
        if data is None:
            self._create(tenant, {name: raw})
            return
        edited = seal.edit(self._unlocked(tenant, data), changes={name: raw}, writer=self._writer, now=self._now)
        with suppress(Changed):  # somebody was faster: start from what is there now
            self.custodian.store.write(tenant, ENVIRONMENT, edited, expected=data)
            return
        self.put(tenant, name, value)

    def get(self, tenant: str, name: str) -> str:
        """Read one value through the loader."""
        with (
            self._keyed(tenant),
            DevelopmentSecretLoader(tenant, root=self.root).secure_context(environ=False) as reader,
        ):
            return reader.get_secret(name)

    def load(self, tenant: str) -> Mapping[str, str]:
        """Read all values through the loader."""
        loader = DevelopmentSecretLoader(tenant, root=self.root)
        with self._keyed(tenant), loader.secure_context(environ=False) as reader:
            return {name: reader.get_secret(name) for name in reader.list_secrets()}

    def rotate(self, tenant: str) -> None:
        """Hand out a new epoch's key beside the old one, seal again, destroy the old one: the format's order."""
        custodian = self.custodian
        data = custodian.store.read(tenant, ENVIRONMENT) or b""
        epoch_key = custodian.keyring.next_epoch(tenant, ENVIRONMENT)
        self._export(tenant)
        unlocked = self._unlocked(tenant, data)
        sealed = seal.rekey(unlocked, seal.stored(unlocked), epoch_key, writer=self._writer, now=self._now)
        custodian.store.write(tenant, ENVIRONMENT, sealed, expected=data)
        custodian.keyring.drop_epochs(tenant, ENVIRONMENT, before=epoch_key.epoch)
        self._export(tenant)

    def reopen(self) -> None:
        """Forget derived masters."""
        forget_keys()

    def files(self) -> Sequence[OwnedFile]:
        """List each tenant's sealed file and host key."""
        found = []
        for tenant in self.custodian.store.tenants():
            path = os.path.join(self.root, "tenants", tenant, file_name(ENVIRONMENT))
            found += [OwnedFile(path, "data", tenant), OwnedFile(self._key_path(tenant), "key", tenant)]
        return [file for file in found if os.path.lexists(file.path)]

    # Optional parts.

    def records(self, data: bytes) -> Sequence[Record]:
        """Return the entry lines."""
        return _container.records(data)

    def with_records(self, data: bytes, records: Sequence[Record]) -> bytes:
        """Return the file with other entry lines."""
        return _container.with_records(data, records)

    def fields(self, data: bytes) -> Sequence[Field]:
        """Return every field of every line."""
        return _container.fields(data)

    def with_field(self, data: bytes, name: str, text: str) -> bytes:
        """Return the file with one field reading otherwise."""
        return _container.with_field(data, name, text)

    @contextmanager
    def applied(self, tenant: str) -> Iterator[None]:
        """Set the environment as a development block does."""
        with self._keyed(tenant):
            context = DevelopmentSecretLoader(tenant, root=self.root).secure_context()
            context.__enter__()
        try:
            yield
        finally:
            with self._keyed(tenant):  # it puts back what it found, and that was a host with its key
                context.__exit__()

    def anchor(self) -> None:
        """Keep high-water marks from now on."""
        os.mkdir(self.state, 0o700)

    def notice(self, tenant: str) -> str:
        """Return what a load's result says about rollback. The environment is put back."""
        with self._keyed(tenant):
            return _surroundings.rollback_of(tenant, self.root)

    def expire(self, tenant: str, seconds: int) -> None:
        """Write the file again with an end."""
        data = self.custodian.store.read(tenant, ENVIRONMENT) or b""
        unlocked = self._unlocked(tenant, data)
        edited = seal.edit(unlocked, changes={}, writer=self._writer, now=self._now, expires=self._now + seconds)
        self.custodian.store.write(tenant, ENVIRONMENT, edited, expected=data)

    def move_clock(self, seconds: int) -> None:
        """Let the loader's clock be ahead."""
        self.clock = seconds

    def derive(self, tenant: str, purpose: str) -> bytes:
        """Derive as files do, and bind the tenant as key files do, at a cost that only tests can bear."""
        kek = tenant_kek(_FIXED_MASTER, tenant, _FIXED_SALT, 1)
        return cipher.hkdf(kek, frame(f"sealproof/1/{purpose}".encode(), tenant.encode()))

    def seals(self) -> Iterable[tuple[bytes, bytes, bytes]]:
        """Return the nonces of all files, by the wrap of their data key."""
        for file in self.files():
            if file.kind == "data":
                with open(file.path, "rb") as sealed:
                    yield from _seals(sealed.read())

    def seal(self, count: int) -> Iterable[tuple[bytes, bytes, bytes]]:
        """Edit in memory, a batch at a time."""
        tenant = self.custodian.store.tenants()[0]
        data = self.custodian.store.read(tenant, ENVIRONMENT) or b""
        for start in range(0, count, _BATCH):
            changes = {f"NAME_{number}": f"{start} {number}".encode() for number in range(_BATCH)}
            data = seal.edit(self._unlocked(tenant, data), changes=changes, writer=self._writer, now=self._now)
            yield from _seals(data)

    def stretched(self, *, cost: int, salt: bytes) -> None:
        """Read a key file of a passphrase master that states this cost and salt, and derive."""
        MasterFile.parse(_surroundings.master_text(cost, salt)).stretch(_PASSPHRASE)

    def write_stretched(self, *, cost: int) -> None:
        """Ask for a key file of this cost."""
        MasterFile(self._now, salt=_FIXED_SALT, iterations=cost).to_bytes()

    def floor(self) -> int:
        """Return the floor for a passphrase."""
        return PASSPHRASE_ITERATIONS

    def new_salt(self) -> bytes:
        """Return the salt of a new passphrase store."""
        return _surroundings.new_salt(self.directory, _PASSPHRASE)

    def make_from(self, master: str) -> None:
        """Take a master passphrase as `init` does."""
        check_passphrase(master)

    def primitives(self) -> Mapping[str, Callable[..., object]]:
        """Return this package's own calls of each primitive."""
        return _surroundings.primitives()

    def views(self, tenant: str) -> Iterable[object]:
        """Yield what the public calls hand back."""
        with self._keyed(tenant):
            yield from _surroundings.views(tenant, self.root)

    def provoke(self, tenant: str) -> Iterable[Callable[[], object]]:
        """Return calls that fail with values at hand."""
        return [self._with_key(tenant, call) for call in _surroundings.failing_calls(tenant, self.root)]

    def failing_test(self, canary: str) -> Sequence[str]:
        """Write a failing test that was lent the canary, as fixture and as parameter."""
        return _surroundings.failing_test(self.directory, canary)

    def report(self, planted: str) -> Iterable[bytes]:
        """Report on a plain twin and a source file that hold the value."""
        with self._keyed(self.custodian.store.tenants()[0]):
            return _surroundings.reports(self.directory, self.root, planted)

    def sources(self) -> Iterable[str]:
        """Return this package's modules of envelope, loader, vault and signing."""
        return _surroundings.sources()

    def scan(self, directory: str) -> Iterable[str]:
        """Look at build and CI files as SEC-012 does."""
        return _surroundings.scan(directory)

    def step(self) -> int:
        """Return the padding block of the format."""
        return PAD_BLOCK

    def writes_in_process(self) -> bool:
        """Return True."""
        return True

    # How a host and a writer hold their keys.

    @property
    def custodian(self) -> Custodian:
        """Return a custodian who derives every key anew."""
        return Custodian(self.root, iterations=TENANT_ITERATIONS)

    @property
    def _writer(self) -> SigningKey:
        path = os.path.join(self.root, "keys", "signing", "writer.key")
        with open(path, "rb") as file:
            return SigningKey.from_pem(file.read(), name="writer.key")

    @property
    def _now(self) -> int:
        return int(time.time()) + self.clock

    def _create(self, tenant: str, values: Mapping[str, bytes]) -> None:
        self.custodian.seal(tenant, ENVIRONMENT, values)
        self._export(tenant)

    def _export(self, tenant: str) -> None:
        text = key_text(*self.custodian.keyring.key_lines(tenant, ENVIRONMENT))
        with open_root(self.directory) as directory:
            directory.lock()
            directory.sweep()
            directory.replace(f"{tenant}.key", text)

    def _key_path(self, tenant: str) -> str:
        return os.path.join(self.directory, f"{tenant}.key")

    def _keys(self, tenant: str) -> tuple[KeyLine, ...]:
        with self._keyed(tenant), open_root(self.root) as root:
            return find_keys(root, tenant, ENVIRONMENT)

    def _unlocked(self, tenant: str, data: bytes) -> Unlocked:
        fresh = Freshness(now=self._now)
        return unlock(data, tenant=tenant, environment=ENVIRONMENT, keys=self._keys(tenant), freshness=fresh)

    @contextmanager
    def _keyed(self, tenant: str) -> Iterator[None]:
        """Let the loader see this tenant's host: its key, its anchor, its clock."""
        host = {_KEY_FILE: self._key_path(tenant)} if "/" not in tenant and "\0" not in tenant else {}
        if os.path.isdir(self.state):
            host[_STATE] = self.state
        with _surroundings.environment(host), _surroundings.clock(self.clock):
            yield

    def _with_key(self, tenant: str, call: Callable[[], object]) -> Callable[[], object]:
        def keyed() -> object:
            with self._keyed(tenant):
                return call()

        return keyed


class CustodianStore(SealedStore):
    """The same store on a machine that holds `keys/`: loads and writes derive every key from there."""

    name = f"sealproof {__version__} with keys/"

    def put(self, tenant: str, name: str, value: str) -> None:
        """Seal through the custodian."""
        self.custodian.seal(tenant, ENVIRONMENT, {name: value.encode()})

    def rotate(self, tenant: str) -> None:
        """Make a new epoch and destroy the old one."""
        self.custodian.rotate_epoch(tenant, ENVIRONMENT)
        newest = max(line.epoch for line in self.custodian.keyring.key_lines(tenant, ENVIRONMENT))
        self.custodian.keyring.drop_epochs(tenant, ENVIRONMENT, before=newest)

    def files(self) -> Sequence[OwnedFile]:
        """List the sealed files, each tenant's key file, the master and the pinned writer."""
        keys = os.path.join(self.root, "keys")
        shared = [OwnedFile(os.path.join(keys, "master.key"), "key", "")]
        shared.append(OwnedFile(os.path.join(keys, "signing", "writer.pub"), "key", ""))
        own = [
            OwnedFile(os.path.join(keys, "tenant_keys", f"{tenant}.key"), "key", tenant)
            for tenant in self.custodian.store.tenants()
        ]
        sealed = [file for file in super().files() if file.kind == "data"]
        return [*sealed, *(file for file in (*own, *shared) if os.path.lexists(file.path))]

    def _create(self, tenant: str, values: Mapping[str, bytes]) -> None:
        self.custodian.seal(tenant, ENVIRONMENT, values)

    @contextmanager
    def _keyed(self, tenant: str) -> Iterator[None]:  # noqa: ARG002 - every tenant's keys are in keys/
        host = {_STATE: self.state} if os.path.isdir(self.state) else {}
        with _surroundings.environment(host), _surroundings.clock(self.clock):
            yield


def _seals(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    try:
        envelope = parse(data)
    except MalformedFile:
        return
    for entry in envelope.entries:
        yield envelope.key_line.encode(), entry.sealed[:NONCE_BYTES], entry.sealed
