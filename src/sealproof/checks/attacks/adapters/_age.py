"""Make an age key pair offline: X25519 in Bech32, as the age format's document spells it (C2SP, age.md; BIP 173)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"  # BIP 173
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)  # BIP 173


def key_pair() -> tuple[str, str]:
    """Return a new identity (`AGE-SECRET-KEY-1…`) and its recipient (`age1…`)."""
    key = X25519PrivateKey.generate()
    identity = bech32("age-secret-key-", key.private_bytes_raw()).upper()
    return identity, bech32("age", key.public_key().public_bytes_raw())


def bech32(prefix: str, data: bytes) -> str:
    """Return `data` in Bech32 behind `prefix`, in lower case."""
    bits = int.from_bytes(data, "big") << (-8 * len(data) % 5)
    groups = (8 * len(data) + 4) // 5
    words = [bits >> 5 * (groups - 1 - number) & 31 for number in range(groups)]
    expanded = [ord(sign) >> 5 for sign in prefix] + [0] + [ord(sign) & 31 for sign in prefix]
    checksum = _polymod([*expanded, *words, 0, 0, 0, 0, 0, 0]) ^ 1
    words += [checksum >> 5 * (5 - number) & 31 for number in range(6)]
    return f"{prefix}1{''.join(_ALPHABET[word] for word in words)}"


def _polymod(words: list[int]) -> int:
    checksum = 1
    for word in words:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ word
        for number, generator in enumerate(_GENERATOR):
            checksum ^= generator if top >> number & 1 else 0
    return checksum
