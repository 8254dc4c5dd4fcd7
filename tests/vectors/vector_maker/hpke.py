"""HPKE (RFC 9180) in base mode for one suite, with the ephemeral key handed in.

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. A fixed ephemeral key is for vectors only:
two seals under one would share key and nonce.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEM = b"KEM" + (0x0020).to_bytes(2, "big")
_SUITE = b"HPKE" + b"".join(part.to_bytes(2, "big") for part in (0x0020, 0x0001, 0x0002))


def extract(salt: bytes, ikm: bytes) -> bytes:
    """RFC 5869, 2.2."""
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, 2.3."""
    okm = block = b""
    while len(okm) < length:
        block = hmac.digest(prk, block + info + bytes([len(okm) // 32 + 1]), "sha256")
        okm += block
    return okm[:length]


def labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """RFC 9180, 4."""
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """RFC 9180, 4."""
    return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def derive_private(ikm: bytes) -> bytes:
    """RFC 9180, 7.1.3: the X25519 private key of a seed."""
    return labeled_expand(_KEM, labeled_extract(_KEM, b"", b"dkp_prk", ikm), b"sk", b"", 32)


def public_of(private: bytes) -> bytes:
    """The X25519 public key of a private one."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def seal(public: bytes, ephemeral: bytes, info: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
    """RFC 9180, 6.1: encapsulated key, then ciphertext."""
    enc = public_of(ephemeral)
    shared = _shared(ephemeral, public, enc + public)
    key, nonce = _schedule(shared, info)
    return enc + AESGCM(key).encrypt(nonce, plaintext, aad)


def unseal(private: bytes, sealed: bytes, info: bytes, aad: bytes = b"") -> bytes:
    """RFC 9180, 6.1: the plaintext, for the holder of the private key."""
    enc, ciphertext = sealed[:32], sealed[32:]
    key, nonce = _schedule(_shared(private, enc, enc + public_of(private)), info)
    return AESGCM(key).decrypt(nonce, ciphertext, aad)


def _shared(private: bytes, public: bytes, context: bytes) -> bytes:
    dh = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    return labeled_expand(_KEM, labeled_extract(_KEM, b"", b"eae_prk", dh), b"shared_secret", context, 32)


def _schedule(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    context = (
        b"\x00" + labeled_extract(_SUITE, b"", b"psk_id_hash", b"") + labeled_extract(_SUITE, b"", b"info_hash", info)
    )
    secret = labeled_extract(_SUITE, shared, b"secret", b"")
    return labeled_expand(_SUITE, secret, b"key", context, 32), labeled_expand(
        _SUITE, secret, b"base_nonce", context, 12
    )


def digest(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()
