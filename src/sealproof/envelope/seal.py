"""Seal values into file bytes: create, edit, re-key, add a reader. Bytes in, bytes out.

An edit writes new lines only for what changed and copies every other line byte for byte, so that
a diff shows which secret changed and two people can merge.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.envelope import cipher
from sealproof.envelope.grammar import (
    ENTRIES_MAX,
    FILE_MAX,
    FORMAT,
    INTEGER_MAX,
    KEY_BYTES,
    NONCE_BYTES,
    READERS_MAX,
    SEALS_MAX,
    check_environment,
    check_name,
    check_tenant,
    check_value,
    encode,
    frame,
)
from sealproof.envelope.parse import WRAPPED_READER_BYTES, parse
from sealproof.errors import ConfigurationError, KeyMissing, LimitExceeded, WeakKey
from sealproof.signing import sha256

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sealproof.envelope.cipher import Random
    from sealproof.envelope.open import Unlocked
    from sealproof.signing import SigningKey


class EpochKey:
    """The tenant key of one epoch, which wraps data keys.

    Raises InvalidName, LimitExceeded on an epoch outside 1…2^53-1, WeakKey on anything but 32 bytes: AES takes
    shorter keys, the format does not.
    """

    __slots__ = ("environment", "epoch", "key", "tenant")

    def __init__(self, tenant: str, environment: str, epoch: int, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            message = f"an epoch key has {KEY_BYTES} bytes, this one {len(key)}"
            raise WeakKey(message, hint="sealproof key rotate")
        self.tenant = check_tenant(tenant)
        self.environment = check_environment(environment)
        self.epoch = _in_range("epoch", epoch, 1)
        self.key = key

    def __repr__(self) -> str:
        return f"EpochKey({self.tenant}/{self.environment}/{self.epoch})"

    def __reduce__(self) -> str:
        message = "a key does not travel between processes"
        raise TypeError(message)

    @property
    def scope(self) -> cipher.Scope:
        """Return S of the format document."""
        return (self.tenant.encode(), self.environment.encode(), str(self.epoch).encode())


class SealedValue:
    """A value on its way into a new file, with the version and time that it keeps."""

    __slots__ = ("updated", "value", "version")

    def __init__(self, value: bytes, version: int, updated: int) -> None:
        self.value = value
        self.version = version
        self.updated = updated

    def __reduce__(self) -> str:
        message = "a secret does not travel between processes"
        raise TypeError(message)


def create(
    epoch_key: EpochKey,
    values: Mapping[str, SealedValue],
    *,
    writer: SigningKey,
    now: int,
    generation: int = 1,
    expires: int = 0,
    readers: Iterable[bytes] = (),
    random: Random = os.urandom,
) -> bytes:
    """Return a whole file under a new data key.

    Raises InvalidName, InvalidValue, LimitExceeded, ConfigurationError on a reader that is no X25519 key.
    """
    scope = epoch_key.scope
    dek = random(KEY_BYTES)
    lines = [
        (
            f'{{"t":"h","format":"{FORMAT}","tenant":"{epoch_key.tenant}","environment":"{epoch_key.environment}",'
            f'"epoch":{epoch_key.epoch}}}'
        ),
        f'{{"t":"k","wrapped":"{encode(cipher.wrap(epoch_key.key, dek, cipher.WRAP_DEK, scope, random))}"}}',
        *_reader_lines({public: _wrap_for_reader(public, dek, scope) for public in set(readers)}),
    ]
    sealer = _Sealer(dek, scope, random)
    lines += [sealer.line(name, values[name]) for name in sorted(values)]
    return finish(lines, dek, scope, writer, generation=generation, seals=len(values), saved=now, expires=expires)


def edit(
    unlocked: Unlocked,
    *,
    changes: Mapping[str, bytes],
    removals: Collection[str] = (),
    writer: SigningKey,
    now: int,
    expires: int | None = None,
    epoch_key: EpochKey | None = None,
    random: Random = os.urandom,
) -> bytes:
    """Return the file's next generation with `changes` sealed and `removals` gone.

    An equal value keeps its line, version and age; where nothing at all changes the same bytes
    come back. A name in both `changes` and `removals` is set. `epoch_key` is needed only when the
    data key has reached its seal limit.

    Raises InvalidName, InvalidValue, LimitExceeded, CannotOpen, KeyMissing (a new data key is due).
    """
    envelope = unlocked.envelope
    current = unlocked.values()
    removals = set(removals) - changes.keys()
    changed = {name: value for name, value in changes.items() if current.get(name) != value}
    expires = envelope.expires if expires is None else expires
    if not changed and expires == envelope.expires and not current.keys() & removals:
        return envelope.data
    versions = {entry.name: int(entry.version) for entry in envelope.entries}
    fresh = {name: SealedValue(value, versions.get(name, 0) + 1, now) for name, value in changed.items()}
    if envelope.seals + len(fresh) > SEALS_MAX:
        kept = current.keys() - fresh.keys() - removals
        values = {name: value for name, value in stored(unlocked).items() if name in kept} | fresh
        return rekey(unlocked, values, _required(epoch_key), writer=writer, now=now, expires=expires, random=random)
    sealer = _Sealer(unlocked.dek, envelope.scope, random)
    lines = {entry.name: entry.line for entry in envelope.entries if entry.name not in removals}
    lines |= {name: sealer.line(name, value) for name, value in fresh.items()}
    return finish(
        [envelope.header_line, envelope.key_line, *(reader.line for reader in envelope.readers)]
        + [lines[name] for name in sorted(lines)],
        unlocked.dek,
        envelope.scope,
        writer,
        generation=envelope.generation + 1,
        seals=envelope.seals + len(fresh),
        saved=now,
        expires=expires,
    )


def rekey(
    unlocked: Unlocked,
    values: Mapping[str, SealedValue],
    epoch_key: EpochKey,
    *,
    writer: SigningKey,
    now: int,
    readers: Iterable[bytes] | None = None,
    expires: int | None = None,
    random: Random = os.urandom,
) -> bytes:
    """Return the next generation under a new data key: after a removed reader, a new epoch, a restore.

    Versions and times stay as `values` carries them; `readers` defaults to the file's own.

    Raises ConfigurationError if `epoch_key` is another tenant's or environment's, and what `create` raises.
    """
    envelope = unlocked.envelope
    if (epoch_key.tenant, epoch_key.environment) != (envelope.tenant, envelope.environment):
        message = f"{epoch_key!r} is no key of {envelope.tenant}/{envelope.environment}"
        raise ConfigurationError(message, hint="name the tenant and environment that the key is for")
    return create(
        epoch_key,
        values,
        writer=writer,
        now=now,
        generation=envelope.generation + 1,
        expires=envelope.expires if expires is None else expires,
        readers=[reader.public for reader in envelope.readers] if readers is None else readers,
        random=random,
    )


def add_reader(unlocked: Unlocked, public: bytes, *, writer: SigningKey, now: int) -> bytes:
    """Return the next generation with one reader line more; the same bytes if it is there already.

    Raises LimitExceeded over 63 readers, ConfigurationError on a public key of low order.
    """
    envelope = unlocked.envelope
    if any(reader.public == public for reader in envelope.readers):
        return envelope.data
    if len(envelope.readers) == READERS_MAX:
        message = f"{envelope.tenant}/{envelope.environment} has {READERS_MAX} readers, the limit"
        raise LimitExceeded(message, hint="remove a reader: sealproof recipient remove")
    wrapped = _wrap_for_reader(public, unlocked.dek, envelope.scope)
    lines = {reader.text: reader.line for reader in envelope.readers}
    lines |= {encode(public): _reader_lines({public: wrapped})[0]}
    return finish(
        [envelope.header_line, envelope.key_line]
        + [lines[text] for text in sorted(lines)]
        + [entry.line for entry in envelope.entries],
        unlocked.dek,
        envelope.scope,
        writer,
        generation=envelope.generation + 1,
        seals=envelope.seals,
        saved=now,
        expires=envelope.expires,
    )


def sign_again(unlocked: Unlocked, *, writer: SigningKey, now: int) -> bytes:
    """Return the next generation with every line as it is, signed by `writer`."""
    envelope = unlocked.envelope
    return finish(
        [envelope.header_line, envelope.key_line]
        + [reader.line for reader in envelope.readers]
        + [entry.line for entry in envelope.entries],
        unlocked.dek,
        envelope.scope,
        writer,
        generation=envelope.generation + 1,
        seals=envelope.seals,
        saved=now,
        expires=envelope.expires,
    )


def stored(unlocked: Unlocked) -> dict[str, SealedValue]:
    """Return every value of an open file with its version and time, ready for `rekey`. Raises CannotOpen."""
    values = unlocked.values()
    return {
        entry.name: SealedValue(values[entry.name], int(entry.version), int(entry.updated))
        for entry in unlocked.envelope.entries
    }


def finish(
    lines: list[str],
    dek: bytes,
    scope: cipher.Scope,
    writer: SigningKey,
    *,
    generation: int,
    seals: int,
    saved: int,
    expires: int,
) -> bytes:
    """Return `lines` with the trailer that authenticates them. Raises LimitExceeded over the file's limits."""
    entries = sum(line.startswith('{"t":"e"') for line in lines)
    if entries > ENTRIES_MAX:
        message = f"{entries} secrets are too many for one file, the limit is {ENTRIES_MAX}"
        raise LimitExceeded(message, hint="split the secrets over more environments or tenants")
    body = "\n".join(lines) + (
        f'\n{{"t":"z","generation":{generation},"seals":{seals},"saved":{saved},"expires":{expires},'
        f'"writer":"{encode(writer.public)}"'
    )
    tag = cipher.mac(cipher.mac_key(dek, scope), body.encode())
    body += f',"mac":"{encode(tag)}"'
    signature = writer.sign(frame(b"sealproof/1/file", sha256(body.encode())))
    data = (body + f',"signature":"{encode(signature)}"}}\n').encode()
    if len(data) > FILE_MAX:
        message = f"the sealed file would have {len(data)} bytes, the limit is {FILE_MAX}"
        raise LimitExceeded(message, hint="split the secrets over more environments or tenants")
    _in_range("generation", generation, 1)
    for what, number in (("seals", seals), ("saved", saved), ("expires", expires)):
        _in_range(what, number, 0)
    parse(data)
    return data


class _Sealer:
    """Seals values under one data key, each with a nonce of its own."""

    def __init__(self, dek: bytes, scope: cipher.Scope, random: Random) -> None:
        self._cipher = cipher.value_cipher(dek, scope)
        self._prefix = cipher.entry_prefix(scope)
        self._random = random

    def line(self, name: str, secret: SealedValue) -> str:
        value = check_value(check_name(name), secret.value)
        version = str(_in_range(f"version of {name}", secret.version, 1))
        updated = str(_in_range(f"time of {name}", secret.updated, 0))
        nonce = self._random(NONCE_BYTES)
        aad = cipher.entry_aad(self._prefix, name, version, updated)
        sealed = nonce + self._cipher.encrypt(nonce, cipher.pad(value), aad)
        return f'{{"t":"e","name":"{name}","version":{version},"updated":{updated},"sealed":"{encode(sealed)}"}}'


def _reader_lines(wrapped: Mapping[bytes, bytes]) -> list[str]:
    by_text = {encode(public): sealed for public, sealed in wrapped.items()}
    if any(len(sealed) != WRAPPED_READER_BYTES for sealed in by_text.values()):
        message = "a wrapped data key has an unexpected length"
        raise AssertionError(message)
    return [f'{{"t":"r","reader":"{text}","wrapped":"{encode(by_text[text])}"}}' for text in sorted(by_text)]


def _wrap_for_reader(public: bytes, dek: bytes, scope: cipher.Scope) -> bytes:
    try:
        return cipher.wrap_for_reader(public, dek, scope)
    except ValueError as exc:
        message = "the recipient's public key is not a usable X25519 key"
        raise ConfigurationError(
            message, hint="ask for the public key that `sealproof key init --recipient` printed"
        ) from exc


def _in_range(what: str, number: int, floor: int) -> int:
    if not floor <= number <= INTEGER_MAX:
        message = f"{what} would be {number}, outside {floor} to {INTEGER_MAX}"
        raise LimitExceeded(message, hint="check the clock, and who wrote the file last")
    return number


def _required(epoch_key: EpochKey | None) -> EpochKey:
    if epoch_key is None:
        message = "the data key has reached its limit of seals, and a new one needs the tenant's epoch key"
        raise KeyMissing(message, hint="edit once from the store that holds keys/")
    return epoch_key
