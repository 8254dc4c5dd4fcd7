"""Published answers for each primitive that a store may use: one known answer and its spoilt twins.

The whole published sets are compared in this project's own tests; these few travel with the package, so that
any store can be held against them. Sources: AES-256-GCM: the GCM specification's test case 16 (McGrew, Viega);
HKDF: RFC 5869, A.3; HMAC: RFC 4231, 4.2; PBKDF2: RFC 7914, 11; Ed25519: RFC 8032, 7.1, TEST 2.
"""

from __future__ import annotations

from typing import NamedTuple

FUNCTIONS = {
    "aes-256-gcm-open": "(key, nonce, ciphertext and tag, associated data) -> plain text; raises to refuse",
    "hmac-sha256": "(key, message) -> tag",
    "hmac-sha256-verify": "(key, message, tag); raises or returns False to refuse",
    "hkdf-sha256": "(key, info) -> 32 bytes, without salt",
    "pbkdf2-hmac-sha256": "(secret, salt, iterations) -> 32 bytes",
    "ed25519-verify": "(public key, signature, message); raises or returns False to refuse",
}
"""The functions that `Primitive.primitives` may return, by name."""

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of Ed25519 (RFC 8032, 5.1): a signature whose S has this added is the same point, and has to be refused."""


class Known(NamedTuple):
    """Arguments of a function, and what it has to give: None where it only verifies."""

    arguments: tuple[object, ...]
    answer: bytes | None


def _hex(text: str) -> bytes:
    return bytes.fromhex(text)


_GCM_KEY = _hex("feffe9928665731c6d6a8f9467308308" * 2)
_GCM_NONCE = _hex("cafebabefacedbaddecaf888")
_GCM_AAD = _hex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
_GCM_PLAIN = _hex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
_GCM_SEALED = _hex(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"
)
_HMAC_TAG = _hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
_ED_PUBLIC = _hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
_ED_SIGNATURE = _hex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)

KNOWN = {
    "aes-256-gcm-open": Known((_GCM_KEY, _GCM_NONCE, _GCM_SEALED, _GCM_AAD), _GCM_PLAIN),
    "hmac-sha256": Known((b"\x0b" * 20, b"Hi There"), _HMAC_TAG),
    "hmac-sha256-verify": Known((b"\x0b" * 20, b"Hi There", _HMAC_TAG), None),
    "hkdf-sha256": Known((b"\x0b" * 22, b""), _hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d")),
    "pbkdf2-hmac-sha256": Known(
        (b"passwd", b"salt", 1), _hex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc")
    ),
    "ed25519-verify": Known((_ED_PUBLIC, _ED_SIGNATURE, b"\x72"), None),
}


def spoilt(name: str) -> list[tuple[str, tuple[object, ...]]]:
    """Return arguments that a function which verifies has to refuse, each with what is wrong."""
    arguments = KNOWN[name].arguments
    if name == "aes-256-gcm-open":
        key, nonce, sealed, aad = (bytes(each) for each in arguments)  # type: ignore[call-overload]
        cuts = [(f"a tag of {size} bytes", (key, nonce, sealed[: len(sealed) - 16 + size], aad)) for size in (0, 8, 12)]
        return [
            *(_flipped(arguments, place, what) for place, what in enumerate(("key", "nonce", "ciphertext", "data"))),
            ("a tag with its last bit flipped", (key, nonce, sealed[:-1] + bytes([sealed[-1] ^ 1]), aad)),
            ("a tag of zeros", (key, nonce, sealed[:-16] + bytes(16), aad)),
            ("no associated data", (key, nonce, sealed, b"")),
            ("nothing", (key, nonce, b"", aad)),
            *cuts,
        ]
    if name == "hmac-sha256-verify":
        key, message = arguments[:2]
        tags = {"cut": _HMAC_TAG[:16], "empty": b"", "of zeros": bytes(32), "extended": _HMAC_TAG + b"\0"}
        wrong = [_flipped(arguments, place, what) for place, what in enumerate(("key", "message", "tag"))]
        return wrong + [(f"a tag {what}", (key, message, bad)) for what, bad in tags.items()]
    return []


def bad_signatures() -> list[tuple[str, tuple[bytes, bytes, bytes]]]:
    """Return (public key, signature, message) that have to be refused, each with what is wrong."""
    message = b"\x72"
    scalar = int.from_bytes(_ED_SIGNATURE[32:], "little")
    malleated = _ED_SIGNATURE[:32] + (scalar + GROUP_ORDER).to_bytes(32, "little")
    other = bytes([_ED_PUBLIC[0] ^ 1]) + _ED_PUBLIC[1:]
    zero = bytes(64)
    return [
        ("another key", (other, _ED_SIGNATURE, message)),
        ("another message", (_ED_PUBLIC, _ED_SIGNATURE, b"\x73")),
        ("an empty message", (_ED_PUBLIC, _ED_SIGNATURE, b"")),
        ("cut by a byte", (_ED_PUBLIC, _ED_SIGNATURE[:-1], message)),
        ("cut in half", (_ED_PUBLIC, _ED_SIGNATURE[:32], message)),
        ("empty", (_ED_PUBLIC, b"", message)),
        ("extended by a byte", (_ED_PUBLIC, _ED_SIGNATURE + b"\0", message)),
        ("of zeros", (_ED_PUBLIC, zero, message)),
        ("of zeros under a key of zeros", (bytes(32), zero, message)),
        ("malleated: S plus the group's order", (_ED_PUBLIC, malleated, message)),
        ("with the sign of R flipped", (_ED_PUBLIC, _flip(_ED_SIGNATURE, 31, 0x80), message)),
        ("with the lowest bit of S flipped", (_ED_PUBLIC, _flip(_ED_SIGNATURE, 32, 1), message)),
    ]


def _flipped(arguments: tuple[object, ...], place: int, what: str) -> tuple[str, tuple[object, ...]]:
    changed = list(arguments)
    changed[place] = _flip(bytes(arguments[place]), 0, 1)  # type: ignore[call-overload]
    return f"{what} with a bit flipped", tuple(changed)


def _flip(data: bytes, place: int, bits: int) -> bytes:
    return data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]
