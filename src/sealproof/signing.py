"""Ed25519 keys, canonical bytes and DSSE envelopes: who signed what.

A signature proves who and what, not when. Keys are random, never derived, and serve one purpose
each (writer, audit, report, policy); purposes are told apart by where a key lives and by what is
signed, which always starts with its own label.

Keys at rest are PEM as RFC 8410 defines it for Ed25519, so `openssl` reads them as they are.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from sealproof.errors import EvidenceRejected, MalformedFile
from sealproof.primitives import ed25519_private, ed25519_public

if TYPE_CHECKING:
    from collections.abc import Iterable

PUBLIC_BYTES = 32
SEED_BYTES = 32
SIGNATURE_BYTES = 64

# DER heads of an Ed25519 SubjectPublicKeyInfo and PrivateKeyInfo; the key's 32 bytes follow (RFC 8410, 10.1 and 10.3).
_SPKI_HEAD = bytes.fromhex("302a300506032b6570032100")
_PKCS8_HEAD = bytes.fromhex("302e020100300506032b657004220420")
_PEM_MAX = 1024
_SIGNATURES_MAX = 64  # each costs one verification a pinned key, before anything is known of the sender

DSSE_STATEMENT_TYPE = "application/vnd.in-toto+json"


class SigningKey:
    """A private Ed25519 key. It signs; nothing prints it."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        self._key = ed25519_private(seed)
        self.public: bytes = self._key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"SigningKey({fingerprint(self.public)})"

    def __reduce__(self) -> str:
        message = "a signing key does not travel between processes"
        raise TypeError(message)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message` (RFC 8032)."""
        return self._key.sign(message)

    def to_pem(self) -> bytes:
        """Return the key as PKCS #8 PEM. The caller writes it where only its owner reads."""
        return _pem(b"PRIVATE KEY", _PKCS8_HEAD + self._key.private_bytes_raw())

    @classmethod
    def from_pem(cls, text: bytes, *, name: str) -> SigningKey:
        """Read a PKCS #8 PEM of an Ed25519 key; `name` stands in the error.

        Raises MalformedFile if the text is anything else.
        """
        return cls(_unpem(b"PRIVATE KEY", _PKCS8_HEAD, text, name=name))


def public_to_pem(public: bytes) -> bytes:
    """Return a raw public key as SubjectPublicKeyInfo PEM."""
    return _pem(b"PUBLIC KEY", _SPKI_HEAD + public)


def public_from_pem(text: bytes, *, name: str) -> bytes:
    """Return the raw 32 bytes of an Ed25519 public key in PEM; `name` stands in the error.

    Raises MalformedFile if the text is anything else.
    """
    return _unpem(b"PUBLIC KEY", _SPKI_HEAD, text, name=name)


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature` over `message` is `public`'s. For callers that raise their own error."""
    try:
        ed25519_public(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def sha256(data: bytes) -> bytes:
    """Return SHA-256 of `data`. The standard library's module would cost start-up an import."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def fingerprint(public: bytes) -> str:
    """Return the first 16 hex digits of SHA-256 over a public key: short enough to compare aloud."""
    return sha256(public).hex()[:16]


def canonical(value: object) -> bytes:
    """Return JSON in one form only: sorted keys, no spaces, UTF-8, no floats (RFC 8785 for such data).

    Raises TypeError on a float, a key that is no text, or an object that JSON does not have.
    """
    import json  # noqa: PLC0415 - the loader imports this module and needs no JSON

    _refuse_floats(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what a DSSE signature covers: the pre-authentication encoding, version 1."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_dsse(payload: bytes, keys: Iterable[SigningKey], *, payload_type: str = DSSE_STATEMENT_TYPE) -> bytes:
    """Return a DSSE envelope over `payload`, one signature a key, as canonical JSON."""
    message = pae(payload_type, payload)
    return canonical(
        {
            "payload": _b64(payload),
            "payloadType": payload_type,
            "signatures": [{"keyid": sha256(key.public).hex(), "sig": _b64(key.sign(message))} for key in keys],
        }
    )


def verify_dsse(envelope: bytes, pinned: Iterable[bytes], *, payload_type: str = DSSE_STATEMENT_TYPE) -> bytes:
    """Return the payload of an envelope that one of the `pinned` raw public keys signed.

    A key named by the envelope is only a hint and is never trusted.

    Raises EvidenceRejected if the envelope is malformed, of another payload type, or unsigned by a pinned key.
    """
    import json  # noqa: PLC0415 - see canonical

    try:
        fields = json.loads(envelope)
        kind = fields["payloadType"]
        payload = binascii.a2b_base64(fields["payload"], strict_mode=True)
        signatures = [binascii.a2b_base64(entry["sig"], strict_mode=True) for entry in fields["signatures"]]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        message = "attestation is no DSSE envelope"
        raise EvidenceRejected(message, hint="fetch the report again from where it was made") from exc
    if len(signatures) > _SIGNATURES_MAX:
        message = f"attestation has {len(signatures)} signatures, the limit is {_SIGNATURES_MAX}"
        raise EvidenceRejected(message, hint="fetch the report again from where it was made")
    if kind != payload_type:
        message = f"attestation has another payload type than {payload_type}"
        raise EvidenceRejected(message, hint="fetch the report again from where it was made")
    signed = pae(kind, payload)
    if not any(verifies(public, signature, signed) for public in pinned for signature in signatures):
        message = "signature: no pinned key signed this attestation"
        raise EvidenceRejected(
            message, hint="compare the key's fingerprint with the one its owner published; pin a rolled key too"
        )
    return payload


def _pem(label: bytes, der: bytes) -> bytes:
    body = binascii.b2a_base64(der, newline=False)
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label, body, label)


def _unpem(label: bytes, head: bytes, text: bytes, *, name: str) -> bytes:
    try:
        der = binascii.a2b_base64(_body(label, text), strict_mode=True)
    except (ValueError, binascii.Error) as exc:
        raise _not_a_key(label, name) from exc
    if not der.startswith(head) or len(der) != len(head) + 32:
        raise _not_a_key(label, name)
    return der[len(head) :]


def _body(label: bytes, text: bytes) -> bytes:
    begin, end = b"-----BEGIN %b-----" % label, b"-----END %b-----" % label
    stripped = text.strip()
    if len(text) > _PEM_MAX or not stripped.startswith(begin) or not stripped.endswith(end):
        raise ValueError
    return b"".join(stripped[len(begin) : -len(end)].split())


def _not_a_key(label: bytes, name: str) -> MalformedFile:
    kind = label.decode().lower()
    public = "-pubin " if label == b"PUBLIC KEY" else ""
    # Without -text, which would print a private key.
    return MalformedFile(f"{name} is no Ed25519 {kind} in PEM", hint=f"openssl pkey {public}-in {name} -noout")


def _b64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        message = "canonical JSON holds no floats"
        raise TypeError(message)
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            message = "canonical JSON has text for keys"
            raise TypeError(message)
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)
