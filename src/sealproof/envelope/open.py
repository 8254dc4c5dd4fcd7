"""Open a sealed file: the numbered steps of `docs/format.md`, Opening, in their order.

To a caller, every refusal of steps 2 to 5 and 7 is one `CannotOpen` with one text; `diagnose`
tells the step to whoever holds the key (`sealproof doctor`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, InvalidTag

from sealproof.envelope import cipher
from sealproof.envelope.grammar import NONCE_BYTES, TAG_BYTES, frame, is_text
from sealproof.envelope.parse import Entry, Envelope, parse
from sealproof.errors import CannotOpen
from sealproof.signing import sha256, verifies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from sealproof.envelope.freshness import Freshness
    from sealproof.envelope.keyfile import KeyLine

STEPS = {
    2: "the file is of another tenant or environment than the one asked for",
    3: "no key here unwraps the file's data key",
    4: "the file's bytes do not match their authentication code",
    5: "the file is not signed by a writer that the key file pins",
    7: "a value does not open under its name, version and time",
}


class Unlocked:
    """A file that passed steps 1 to 6, with its data key. `values` is step 7."""

    __slots__ = ("dek", "envelope", "opened_with")

    def __init__(self, envelope: Envelope, dek: bytes, opened_with: KeyLine) -> None:
        self.envelope = envelope
        self.dek = dek
        self.opened_with = opened_with

    def __repr__(self) -> str:
        return f"Unlocked({self.envelope!r})"

    def __reduce__(self) -> str:
        message = "an unlocked file does not travel between processes"
        raise TypeError(message)

    def values(self) -> dict[str, bytes]:
        """Return every entry's value by name, suffixed ones included. Raises CannotOpen."""
        try:
            return self._open_all()
        except _Refused:
            raise cannot_open(self.envelope.tenant, self.envelope.environment) from None

    def buffers(self) -> dict[str, bytearray]:
        """Return every entry's value in a buffer of its own, for callers that wipe them.

        Raises CannotOpen, and wipes what was opened until then.
        """
        opener = cipher.value_cipher(self.dek, self.envelope.scope)
        prefix = cipher.entry_prefix(self.envelope.scope)
        opened: dict[str, bytearray] = {}
        try:
            for entry in self.envelope.entries:
                buffer = opened[entry.name] = bytearray(len(entry.sealed) - NONCE_BYTES - TAG_BYTES)
                aad = cipher.entry_aad(prefix, entry.name, entry.version, entry.updated)
                opener.decrypt_into(entry.sealed[:NONCE_BYTES], entry.sealed[NONCE_BYTES:], aad, buffer)
                _unpad(buffer)
        except (InvalidTag, ValueError):
            for buffer in opened.values():
                buffer[:] = bytes(len(buffer))
            raise cannot_open(self.envelope.tenant, self.envelope.environment) from None
        return opened

    def opener(self) -> Callable[[str], bytes]:
        """Return a function that takes one entry through step 7, by its name: for whoever asks again and again.

        It raises KeyError if there is no such entry, CannotOpen.
        """
        opener = cipher.value_cipher(self.dek, self.envelope.scope)
        prefix = cipher.entry_prefix(self.envelope.scope)
        entries = {entry.name: entry for entry in self.envelope.entries}

        def value(name: str) -> bytes:
            try:
                return _open_entry(opener, prefix, entries[name])
            except _Refused:
                raise cannot_open(self.envelope.tenant, self.envelope.environment) from None

        return value

    def _open_all(self) -> dict[str, bytes]:
        opener = cipher.value_cipher(self.dek, self.envelope.scope)
        prefix = cipher.entry_prefix(self.envelope.scope)
        return {entry.name: _open_entry(opener, prefix, entry) for entry in self.envelope.entries}


def unlock(data: bytes, *, tenant: str, environment: str, keys: Iterable[KeyLine], freshness: Freshness) -> Unlocked:
    """Take `data` through steps 1 to 6 for the tenant and environment that the caller asks for.

    Raises MalformedFile, UnsupportedFormat, LimitExceeded (1), CannotOpen (2 to 5), StaleFile (6).
    """
    envelope = parse(data)  # 1
    try:
        dek, line = _steps_2_to_5(envelope, tenant, environment, keys)
    except _Refused:
        raise cannot_open(tenant, environment) from None
    freshness.check(envelope)  # 6
    return Unlocked(envelope, dek, line)


def open_values(
    data: bytes, *, tenant: str, environment: str, keys: Iterable[KeyLine], freshness: Freshness
) -> dict[str, bytes]:
    """Take `data` through all steps and return every value by name. Raises as `unlock` does."""
    return unlock(data, tenant=tenant, environment=environment, keys=keys, freshness=freshness).values()


def verify_writer(envelope: Envelope, writers: Iterable[bytes]) -> bool:
    """Tell whether one of the pinned `writers` signed the file. Needs no decryption key."""
    return envelope.writer in writers and verifies(envelope.writer, envelope.signature, signed_message(envelope))


def signed_message(envelope: Envelope) -> bytes:
    """Return the bytes that the trailer's signature covers."""
    return frame(b"sealproof/1/file", sha256(envelope.data[: envelope.signature_end]))


def diagnose(data: bytes, *, tenant: str, environment: str, keys: Iterable[KeyLine]) -> int:
    """Return the step (2 to 5, 7) that refuses `data`, or 0; for holders of the key only. Raises as `parse` does."""
    envelope = parse(data)
    try:
        dek, line = _steps_2_to_5(envelope, tenant, environment, keys)
        Unlocked(envelope, dek, line)._open_all()  # noqa: SLF001 - this module's own
    except _Refused as refused:
        return refused.step
    return 0


def cannot_open(tenant: str, environment: str) -> CannotOpen:
    """Return the one error of steps 2 to 5 and 7. It names what the caller asked for, nothing of the file."""
    message = f"cannot open {tenant}/{environment}: the key does not fit, or the file is not this one"
    return CannotOpen(message, hint=f"sealproof doctor --tenant {tenant} --environment {environment}")


class _Refused(Exception):
    """The step that refused. Never leaves this module."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


def _steps_2_to_5(envelope: Envelope, tenant: str, environment: str, keys: Iterable[KeyLine]) -> tuple[bytes, KeyLine]:
    if (envelope.tenant, envelope.environment) != (tenant, environment):  # 2: the file never chooses
        raise _Refused(2)
    dek, line = _unwrap(envelope, keys)  # 3
    try:  # 4
        cipher.verify_mac(cipher.mac_key(dek, envelope.scope), envelope.data[: envelope.mac_end], envelope.mac)
    except InvalidSignature:
        raise _Refused(4) from None
    if not verify_writer(envelope, line.writers):  # 5
        raise _Refused(5)
    return dek, line


def _unwrap(envelope: Envelope, keys: Iterable[KeyLine]) -> tuple[bytes, KeyLine]:
    scope = (envelope.tenant, envelope.environment, envelope.epoch)
    for line in keys:
        try:
            if line.kind == "epoch" and (line.tenant, line.environment, line.epoch) == scope:
                return cipher.unwrap(line.key, envelope.wrapped, cipher.WRAP_DEK, envelope.scope), line
            if line.kind == "x25519" and envelope.readers:
                public = cipher.reader_public(line.key)
                for reader in envelope.readers:
                    if reader.public == public:
                        return cipher.unwrap_as_reader(line.key, reader.wrapped, envelope.scope), line
        except (InvalidTag, ValueError):
            continue
    raise _Refused(3)


def _open_entry(opener: AESGCM, prefix: bytes, entry: Entry) -> bytes:
    try:
        padded = opener.decrypt(
            entry.sealed[:NONCE_BYTES],
            entry.sealed[NONCE_BYTES:],
            cipher.entry_aad(prefix, entry.name, entry.version, entry.updated),
        )
        value = padded[4 : cipher.unpadded_end(padded)]
    except (InvalidTag, ValueError):
        raise _Refused(7) from None
    if not is_text(value):
        raise _Refused(7)
    return value


def _unpad(buffer: bytearray) -> None:
    end = cipher.unpadded_end(buffer)
    del buffer[end:], buffer[:4]
    if not is_text(buffer):
        raise ValueError
