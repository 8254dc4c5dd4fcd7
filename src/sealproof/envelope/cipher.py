"""The cryptography of one file: derivation, sealing, wrapping, MAC. One algorithm for each, none negotiated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256

from sealproof.envelope.grammar import KEY_BYTES, NONCE_BYTES, PAD_BLOCK, VALUE_MAX, encode, frame, framed_text
from sealproof.primitives import AESGCM, HMAC

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.hpke import Suite

    Random = Callable[[int], bytes]
    Scope = tuple[bytes, bytes, bytes]

_HASH = SHA256()
_NO_SALT = bytes(32)


def hkdf(key: bytes, info: bytes) -> bytes:
    """Return 32 bytes of HKDF-SHA256 without salt (RFC 5869); one block, so one HMAC to expand."""
    return _hmac(_hmac(_NO_SALT, key), info + b"\x01")


def value_cipher(dek: bytes, scope: Scope) -> AESGCM:
    """Return the cipher that seals this file's values: AES-256-GCM under K_value."""
    return AESGCM(hkdf(dek, frame(b"sealproof/1/value", *scope)))


def mac_key(dek: bytes, scope: Scope) -> bytes:
    """Return K_mac."""
    return hkdf(dek, frame(b"sealproof/1/mac", *scope))


def mac(key: bytes, covered: bytes) -> bytes:
    """Return HMAC-SHA256 over `covered`."""
    return _hmac(key, covered)


def verify_mac(key: bytes, covered: bytes, tag: bytes) -> None:
    """Compare in constant time. Raises cryptography's InvalidSignature."""
    state = HMAC(key, _HASH)
    state.update(covered)
    state.verify(tag)


def entry_prefix(scope: Scope) -> bytes:
    """Return the part of every entry's associated data that the whole file shares."""
    return frame(b"sealproof/1/entry", *scope)


def entry_aad(prefix: bytes, name: str, version: str, updated: str) -> bytes:
    """Return what binds a sealed value to its tenant, environment, epoch, name, version and time."""
    return prefix + framed_text(name) + framed_text(version) + framed_text(updated)


def pad(value: bytes) -> bytes:
    """Return length ‖ value ‖ the fewest zeros that make a multiple of 32 bytes."""
    padded = len(value).to_bytes(4, "big") + value
    return padded + bytes(-len(padded) % PAD_BLOCK)


def unpadded_end(padded: bytes | bytearray) -> int:
    """Return the offset behind the value in `padded`; the value starts at 4.

    Raises ValueError on other padding, or a value over its limit.
    """
    end = 4 + int.from_bytes(padded[:4], "big")
    if len(padded) - PAD_BLOCK < end <= min(len(padded), 4 + VALUE_MAX) and not any(padded[end:]):
        return end
    message = "padding"
    raise ValueError(message)


def wrap(kek: bytes, key: bytes, label: bytes, scope: Scope, random: Random) -> bytes:
    """Return nonce ‖ AES-256-GCM(kek, key), bound to `label` and `scope`."""
    nonce = random(NONCE_BYTES)
    return nonce + AESGCM(kek).encrypt(nonce, key, frame(label, *scope))


def unwrap(kek: bytes, wrapped: bytes, label: bytes, scope: Scope) -> bytes:
    """Return the wrapped key. Raises cryptography's InvalidTag."""
    return AESGCM(kek).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], frame(label, *scope))


WRAP_DEK = b"sealproof/1/wrap"
WRAP_EPOCH = b"sealproof/1/epoch"


def wrap_for_reader(public: bytes, dek: bytes, scope: Scope) -> bytes:
    """Return the data key for an X25519 public key. Raises ValueError on a public key of low order."""
    return seal_to(public, dek, _reader_info(public, scope))


def unwrap_as_reader(private: bytes, wrapped: bytes, scope: Scope) -> bytes:
    """Return the data key for the holder of an X25519 private key. Raises InvalidTag or ValueError."""
    return open_as(private, wrapped, _reader_info(reader_public(private), scope))


def seal_to(public: bytes, key: bytes, info: bytes) -> bytes:
    """Return `key` for an X25519 public key: HPKE base mode (RFC 9180), encapsulated key first; `info` binds it.

    The ephemeral key is drawn inside the library. Raises ValueError on a public key of low order.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey  # noqa: PLC0415 - only for readers

    return _suite().encrypt(key, X25519PublicKey.from_public_bytes(public), info)


def open_as(private: bytes, sealed: bytes, info: bytes) -> bytes:
    """Return the key that `seal_to` sealed, for the private key's holder. Raises InvalidTag or ValueError."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415 - only for readers

    key = _suite().decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info)
    if len(key) != KEY_BYTES:
        message = "data key"
        raise ValueError(message)
    return key


def reader_public(private: bytes) -> bytes:
    """Return the X25519 public key of a private one."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415 - only for readers

    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _reader_info(public: bytes, scope: Scope) -> bytes:
    return frame(b"sealproof/1/reader", *scope, encode(public).encode())


def _suite() -> Suite:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite  # noqa: PLC0415 - costs 2 ms, readers only

    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _hmac(key: bytes, message: bytes) -> bytes:
    state = HMAC(key, _HASH)
    state.update(message)
    return state.finalize()
