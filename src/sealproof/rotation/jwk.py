"""JSON Web Keys (RFC 7517, 7518, 8037): a private signing key as one line of text, and its public half for a key set.

The key id is the RFC 7638 thumbprint, so that one key has one id wherever it was made.
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING, Any, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from sealproof.errors import ConfigurationError, InvalidValue
from sealproof.loader.secret import Secret
from sealproof.signing import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

Jwk: TypeAlias = "dict[str, str]"
ALGORITHMS = ("EdDSA", "ES256", "RS256")
_RSA_BITS = 3072  # 128 bits of strength, NIST SP 800-57 Part 1
_RSA_EXPONENT = 65537
_COORDINATE = 32  # bytes of a P-256 coordinate, RFC 7518, 6.2.1.2
_THUMBPRINT = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}  # RFC 7638, 3.2


class SigningJwk:
    """Draws a JSON Web Key for an algorithm: a generator."""

    def __init__(self, algorithm: str = "EdDSA") -> None:
        if algorithm not in ALGORITHMS:
            message = f"{algorithm!r:.40} is no algorithm for signing keys"
            raise ConfigurationError(message, hint=" or ".join(ALGORITHMS), names=("algorithm",))
        self._algorithm = algorithm

    def __call__(self, current: Secret) -> Secret:  # noqa: ARG002 - see the docstring
        """Return a new private key; nothing of `current` matters."""
        fields = {"EdDSA": _new_ed25519, "ES256": _new_p256, "RS256": _new_rsa}[self._algorithm]()
        fields |= {"kid": thumbprint(fields), "alg": self._algorithm, "use": "sig"}
        return Secret(json.dumps(fields, sort_keys=True, separators=(",", ":")))


def public_half(value: Secret) -> Jwk:
    """Return what a key set publishes of a private key. Raises InvalidValue if it is no JSON Web Key."""
    fields = _fields(value)
    kept = (*_THUMBPRINT[fields["kty"]], "kid", "alg", "use")
    return {name: fields[name] for name in sorted(kept) if name in fields}


def key_id(value: Secret) -> str:
    """Return a private key's id. Raises InvalidValue."""
    fields = _fields(value)
    return fields.get("kid") or thumbprint(fields)


def thumbprint(fields: Mapping[str, str]) -> str:
    """Return a key's RFC 7638 thumbprint."""
    required = {name: fields[name] for name in _THUMBPRINT[fields["kty"]]}
    return _text(sha256(json.dumps(required, sort_keys=True, separators=(",", ":")).encode()))


def sign(value: Secret, claims: Mapping[str, object]) -> str:
    """Return a JSON Web Token over `claims` (RFC 7519). Raises InvalidValue."""
    fields = _fields(value)
    head = {"alg": fields["alg"], "kid": key_id(value), "typ": "JWT"}
    parts = (json.dumps(part, sort_keys=True, separators=(",", ":")).encode() for part in (head, claims))
    signed = ".".join(_text(part) for part in parts)
    return f"{signed}.{_text(_signature(fields, signed.encode()))}"


def verify(token: str, keys: list[Jwk]) -> bool:
    """Tell whether a key of the set with the token's own id and algorithm signed it."""
    try:
        head, claims, signature = token.split(".")
        named = json.loads(_bytes(head))
        tag = _bytes(signature)
    except ValueError:
        return False
    wanted = [key for key in keys if key.get("kid") == named.get("kid") and key.get("alg") == named.get("alg")]
    return any(_verifies(key, f"{head}.{claims}".encode(), tag) for key in wanted)


def _fields(value: Secret) -> Jwk:
    """Return a private key's fields. Not by a decoder's exception: that would quote the key."""
    try:
        fields = json.loads(value.reveal())
    except ValueError:
        fields = None
    names = {"OKP": ("d",), "EC": ("d",), "RSA": ("d", "p", "q", "dp", "dq", "qi")}
    if not isinstance(fields, dict) or fields.get("kty") not in names or fields.get("alg") not in ALGORITHMS:
        fields = {}
    needed = (*names.get(fields.get("kty", ""), ("kty",)), *_THUMBPRINT.get(fields.get("kty", ""), ()))
    if not all(isinstance(fields.get(name), str) for name in needed):
        message = "the value is no private signing key as a JSON Web Key"
        raise InvalidValue(message, hint='let `sealproof rotate` draw one: generator = "jwk"')
    return fields


def _new_ed25519() -> Jwk:
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "d": _text(private), "x": _text(public)}


def _new_p256() -> Jwk:
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    point = numbers.public_numbers
    fields = {"d": numbers.private_value, "x": point.x, "y": point.y}
    return {"kty": "EC", "crv": "P-256"} | {name: _number(n, _COORDINATE) for name, n in fields.items()}


def _new_rsa() -> Jwk:
    numbers = rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS).private_numbers()
    public = numbers.public_numbers
    fields = {"n": public.n, "e": public.e, "d": numbers.d, "p": numbers.p, "q": numbers.q}
    fields |= {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    return {"kty": "RSA"} | {name: _number(n) for name, n in fields.items()}


def _signature(fields: Jwk, message: bytes) -> bytes:
    number = {name: int.from_bytes(_bytes(fields[name])) for name in fields if name in _NUMBERS}
    if fields["kty"] == "OKP":
        return ed25519.Ed25519PrivateKey.from_private_bytes(_bytes(fields["d"])).sign(message)
    if fields["kty"] == "EC":
        point = ec.EllipticCurvePublicNumbers(number["x"], number["y"], ec.SECP256R1())
        key = ec.EllipticCurvePrivateNumbers(number["d"], point).private_key()
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(_COORDINATE) + s.to_bytes(_COORDINATE)
    public = rsa.RSAPublicNumbers(number["e"], number["n"])
    private = rsa.RSAPrivateNumbers(
        number["p"], number["q"], number["d"], number["dp"], number["dq"], number["qi"], public
    )
    return private.private_key().sign(message, padding.PKCS1v15(), SHA256())


def _verifies(key: Mapping[str, Any], message: bytes, tag: bytes) -> bool:
    number = {name: int.from_bytes(_bytes(key[name])) for name in key if name in _NUMBERS}
    try:
        if key["kty"] == "OKP":
            ed25519.Ed25519PublicKey.from_public_bytes(_bytes(key["x"])).verify(tag, message)
        elif key["kty"] == "EC":
            point = ec.EllipticCurvePublicNumbers(number["x"], number["y"], ec.SECP256R1())
            r, s = int.from_bytes(tag[:_COORDINATE]), int.from_bytes(tag[_COORDINATE:])
            point.public_key().verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
        else:
            public = rsa.RSAPublicNumbers(number["e"], number["n"]).public_key()
            public.verify(tag, message, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


_NUMBERS = frozenset(("n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y"))


def _number(value: int, size: int = 0) -> str:
    return _text(value.to_bytes(size or (value.bit_length() + 7) // 8))


def _text(data: bytes) -> str:
    return b2a_base64(data, newline=False).translate(bytes.maketrans(b"+/", b"-_")).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return a2b_base64(text.encode().translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(text) % 4))
