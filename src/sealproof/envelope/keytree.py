"""The key tree of a store: master, tenant key-encrypting keys, epoch keys. Bytes in, bytes out.

    master          random, or stretched from a passphrase
     └ tenant KEK   PBKDF2 over the master, per tenant and salt
        └ epoch key random, per tenant, environment and epoch; wrapped under the KEK

`docs/format.md`, Keys, is the normative text; the two file formats here follow its Bytes rules.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, InvalidTag

from sealproof.envelope import cipher
from sealproof.envelope.grammar import (
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    check_tenant,
    counter,
    decode_exactly,
    encode,
    fields_of,
    frame,
    integer,
    is_environment,
    is_tenant,
    lines_of,
)
from sealproof.errors import CannotOpen, LimitExceeded, MalformedFile, UnsupportedFormat

if TYPE_CHECKING:
    from sealproof.envelope.cipher import Random

SALT_BYTES = 16
TENANT_ITERATIONS = 100_000  # floor and default over a random master, which needs no stretching to be strong
PASSPHRASE_ITERATIONS = 600_000  # floor for PBKDF2-HMAC-SHA256 over a passphrase (OWASP Password Storage, 2023)
ITERATIONS_MAX = 10_000_000  # above it a hostile file could stop a start-up for minutes
TENANT_FILE_MAX = 4 * 1024 * 1024  # bytes

_MASTER_FORMAT = "sealproof-master/1"
_TENANT_FORMAT = "sealproof-tenant/1"
_RANDOM = ("format", "kind", "created", "key")
_PASSPHRASE = ("format", "kind", "created", "salt", "iterations")
_HEAD = ("format", "tenant", "created", "salt", "iterations")
_EPOCH = ("environment", "epoch", "created", "state", "wrapped")
_INTEGERS = frozenset(("created", "iterations", "epoch"))
_STATES = ("active", "retired")


class MasterFile:
    """`keys/master.key`: a random master, or how to stretch the passphrase into one."""

    __slots__ = ("created", "iterations", "key", "salt")

    def __init__(self, created: int, *, key: bytes = b"", salt: bytes = b"", iterations: int = 0) -> None:
        self.created = created
        self.key = key
        self.salt = salt
        self.iterations = iterations

    def __repr__(self) -> str:
        return f"MasterFile({'passphrase' if self.is_passphrase else 'random'})"

    def __reduce__(self) -> str:
        message = "a key does not travel between processes"
        raise TypeError(message)

    @property
    def is_passphrase(self) -> bool:
        """Tell whether the master is stretched from a passphrase that is kept elsewhere."""
        return not self.key

    def to_bytes(self) -> bytes:
        """Return the file's one line. Raises LimitExceeded on a cost that `stretch` would refuse."""
        if self.is_passphrase:
            _check_cost("keys/master.key", self.iterations, PASSPHRASE_ITERATIONS)
            cost = f'"salt":"{encode(self.salt)}","iterations":{self.iterations}'
            tail = f'"kind":"passphrase","created":{self.created},{cost}'
        else:
            tail = f'"kind":"random","created":{self.created},"key":"{encode(self.key)}"'
        return f'{{"format":"{_MASTER_FORMAT}",{tail}}}\n'.encode()

    @classmethod
    def parse(cls, text: bytes) -> MasterFile:
        """Read the file. Raises UnsupportedFormat, MalformedFile; costs are checked by `stretch`."""
        lines = lines_of(text)
        if len(lines) != 1:
            raise _malformed("keys/master.key")
        _version(lines[0], _MASTER_FORMAT, "keys/master.key")
        if '"kind":"passphrase"' in lines[0]:
            form, kind, created, salt, iterations = fields_of(lines[0], _PASSPHRASE, _INTEGERS)
            parsed = cls(integer(created), salt=decode_exactly(salt, SALT_BYTES), iterations=integer(iterations))
        else:
            form, kind, created, key = fields_of(lines[0], _RANDOM, _INTEGERS)
            parsed = cls(integer(created), key=decode_exactly(key, KEY_BYTES))
        if form != _MASTER_FORMAT or kind != ("passphrase" if parsed.is_passphrase else "random"):
            raise _malformed("keys/master.key")
        return parsed

    def stretch(self, passphrase: str) -> bytes:
        """Return the master of a passphrase file. Raises LimitExceeded before deriving anything."""
        _check_cost("keys/master.key", self.iterations, PASSPHRASE_ITERATIONS)
        # As given: bytes that are not UTF-8 reach a program as surrogates, and go back to what they were.
        return pbkdf2(passphrase.encode(errors="surrogateescape"), self.salt, self.iterations)


class EpochRecord:
    """One epoch of a tenant's environment: its state, age and wrapped key."""

    __slots__ = ("created", "environment", "epoch", "state", "wrapped")

    def __init__(self, environment: str, epoch: int, created: int, state: str, wrapped: bytes) -> None:
        self.environment = environment
        self.epoch = epoch
        self.created = created
        self.state = state
        self.wrapped = wrapped

    def to_line(self) -> str:
        """Return the record's line, without its LF."""
        return (
            f'{{"environment":"{self.environment}","epoch":{self.epoch},"created":{self.created},'
            f'"state":"{self.state}","wrapped":"{encode(self.wrapped)}"}}'
        )


class TenantFile:
    """`keys/tenant_keys/<tenant>.key`: the salt, the cost, and the wrapped epoch keys."""

    __slots__ = ("body", "created", "epochs", "iterations", "mac", "salt", "tenant")

    def __init__(
        self,
        tenant: str,
        created: int,
        salt: bytes,
        iterations: int,
        epochs: tuple[EpochRecord, ...] = (),
        *,
        body: bytes = b"",
        mac: bytes = b"",
    ) -> None:
        self.tenant = check_tenant(tenant)
        self.created = created
        self.salt = salt
        self.iterations = iterations
        self.epochs = epochs
        self.body = body
        self.mac = mac

    def __repr__(self) -> str:
        return f"TenantFile({self.tenant}, {len(self.epochs)} epochs)"

    @classmethod
    def parse(cls, text: bytes, *, tenant: str) -> TenantFile:
        """Read the file of `tenant`. Raises LimitExceeded, UnsupportedFormat, MalformedFile."""
        name = f"keys/tenant_keys/{tenant}.key"
        lines = lines_of(text, file_max=TENANT_FILE_MAX)
        if len(lines) < 2:  # noqa: PLR2004 - head and mac
            raise _malformed(name)
        _version(lines[0], _TENANT_FORMAT, name)
        form, owner, created, salt, iterations = fields_of(lines[0], _HEAD, _INTEGERS)
        if form != _TENANT_FORMAT or owner != tenant or not is_tenant(owner):
            raise _malformed(name)
        epochs = tuple([_epoch(line, name) for line in lines[1:-1]])
        keys = [(record.environment, record.epoch) for record in epochs]
        if any(left >= right for left, right in pairwise(keys)):
            raise _malformed(name)
        (mac,) = fields_of(lines[-1], ("mac",))
        return cls(
            owner,
            integer(created),
            decode_exactly(salt, SALT_BYTES),
            integer(iterations),
            epochs,
            body=text[: -len(lines[-1]) - 1],
            mac=decode_exactly(mac, 32),
        )

    def kek(self, master: bytes, *, recover: int | None = None) -> bytes:
        """Return the tenant's key-encrypting key, and prove that the file is the one written under it.

        `recover` names an iteration count to use instead of the file's, for re-wrapping after damage. The file
        is then NOT authenticated: each wrapped key still proves itself, its state and age do not.

        Raises LimitExceeded before deriving, CannotOpen if the master or the file is not the right one.
        """
        iterations, floor = (self.iterations, TENANT_ITERATIONS) if recover is None else (recover, 1)
        _check_cost(f"keys/tenant_keys/{self.tenant}.key", iterations, floor)
        kek = tenant_kek(master, self.tenant, self.salt, iterations)
        if recover is None:
            try:
                cipher.verify_mac(self._mac_key(kek), self.body, self.mac)
            except InvalidSignature:
                raise self._cannot_open() from None
        return kek

    def unwrap(self, kek: bytes, record: EpochRecord) -> bytes:
        """Return the epoch key of `record`. Raises CannotOpen."""
        try:
            return cipher.unwrap(kek, record.wrapped, cipher.WRAP_EPOCH, self._scope(record))
        except InvalidTag:
            raise self._cannot_open() from None

    def wrap(
        self, kek: bytes, environment: str, epoch: int, key: bytes, *, now: int, random: Random = os.urandom
    ) -> EpochRecord:
        """Return an active record holding `key`."""
        record = EpochRecord(environment, epoch, now, "active", b"")
        record.wrapped = cipher.wrap(kek, key, cipher.WRAP_EPOCH, self._scope(record), random)
        return record

    def to_bytes(self, kek: bytes) -> bytes:
        """Return the file, authenticated under `kek`. Raises LimitExceeded on a cost that `kek()` would refuse."""
        _check_cost(f"keys/tenant_keys/{self.tenant}.key", self.iterations, TENANT_ITERATIONS)
        head = (
            f'{{"format":"{_TENANT_FORMAT}","tenant":"{self.tenant}","created":{self.created},'
            f'"salt":"{encode(self.salt)}","iterations":{self.iterations}}}\n'
        )
        records = sorted(self.epochs, key=lambda record: (record.environment, record.epoch))
        body = (head + "".join(record.to_line() + "\n" for record in records)).encode()
        return body + f'{{"mac":"{encode(cipher.mac(self._mac_key(kek), body))}"}}\n'.encode()

    def _mac_key(self, kek: bytes) -> bytes:
        return cipher.hkdf(kek, frame(b"sealproof/1/tenant", self.tenant.encode()))

    def _scope(self, record: EpochRecord) -> cipher.Scope:
        return (self.tenant.encode(), record.environment.encode(), str(record.epoch).encode())

    def _cannot_open(self) -> CannotOpen:
        message = f"cannot open the keys of {self.tenant}: the master does not fit, or the file was changed"
        return CannotOpen(message, hint="sealproof doctor")


def tenant_kek(master: bytes, tenant: str, salt: bytes, iterations: int) -> bytes:
    """Return PBKDF2-HMAC-SHA256(master, F("sealproof/1/kek", tenant, salt), iterations), 32 bytes."""
    return pbkdf2(master, frame(b"sealproof/1/kek", tenant.encode(), salt), iterations)


def pbkdf2(secret: bytes, salt: bytes, iterations: int) -> bytes:
    """Return 32 bytes of PBKDF2-HMAC-SHA256 (RFC 8018)."""
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - beside its only use
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC  # noqa: PLC0415 - hosts with an exported key need none

    return PBKDF2HMAC(SHA256(), KEY_BYTES, salt, iterations).derive(secret)


def _epoch(line: str, name: str) -> EpochRecord:
    environment, epoch, created, state, wrapped = fields_of(line, _EPOCH, _INTEGERS)
    if not is_environment(environment) or state not in _STATES:
        raise _malformed(name)
    sealed = decode_exactly(wrapped, NONCE_BYTES + KEY_BYTES + TAG_BYTES)
    return EpochRecord(environment, counter(epoch), integer(created), state, sealed)


def _check_cost(name: str, iterations: int, floor: int) -> None:
    if not floor <= iterations <= ITERATIONS_MAX:
        message = f"{name} asks for {iterations} iterations, allowed are {floor} to {ITERATIONS_MAX}"
        raise LimitExceeded(message, hint="sealproof key rewrap")


def _version(line: str, form: str, name: str) -> None:
    family = form[:-1]
    if line.startswith('{"format":"' + family) and not line.startswith('{"format":"' + form + '",'):
        message = f"{name} is of another version of the {family[:-1]} format"
        raise UnsupportedFormat(message, hint="upgrade sealproof: pip install --upgrade sealproof")


def _malformed(name: str) -> MalformedFile:
    return MalformedFile(f"{name} is malformed", hint="restore the file from a backup of keys/")
