"""Keyed digests of values: they tell whether two values are equal to whoever holds the key, and nothing to others.

The key is random, lies in `keys/` beside everything that opens the values anyway, and is never derived: it stays the
same when masters and epochs change, so that old digests can still be compared (ROT-006, ROT-007).
"""

from __future__ import annotations

import os
from hmac import compare_digest, digest
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import KEY_BYTES, decode_exactly, encode, frame
from sealproof.errors import MalformedFile
from sealproof.vault.keys_directory import keys_directory

if TYPE_CHECKING:
    from sealproof.envelope.cipher import Random
    from sealproof.loader.files import Directory
    from sealproof.loader.secret import Secret

FILE_NAME = "digest.key"
_FILE_MAX = 128  # bytes
_DIGITS = 32
_LABEL = b"sealproof/1/value-digest"


class ValueDigests:
    """HMAC-SHA256 of values, bound to tenant, environment and name, cut to 128 bits."""

    def __init__(self, key: bytes, tenant: str, environment: str) -> None:
        self._key = key
        self._scope = (tenant.encode(), environment.encode())

    def __repr__(self) -> str:
        return "ValueDigests(…)"

    def of(self, name: str, value: Secret | bytes) -> str:
        """Return the digest of a value of `name`, in hex."""
        raw = value if isinstance(value, bytes) else value.reveal().encode()
        return digest(self._key, frame(_LABEL, *self._scope, name.encode(), raw), "sha256").hex()[:_DIGITS]

    def matches(self, name: str, value: Secret | bytes | None, expected: str) -> bool:
        """Tell whether `value` has the digest `expected`. No value has none."""
        return value is not None and compare_digest(self.of(name, value), expected)


def digests_of(root: str, tenant: str, environment: str, *, random: Random = os.urandom) -> ValueDigests:
    """Return the digests of a store, its key made on first use. Raises KeyMissing without `keys/`."""
    with keys_directory(root, ", where values are compared") as keys:
        keys.lock()
        key = read_key(keys)
        if key is None:
            key = random(KEY_BYTES)
            keys.replace(FILE_NAME, f"{encode(key)}\n".encode())
    return ValueDigests(key, tenant, environment)


def read_key(keys: Directory) -> bytes | None:
    """Return the digest key, or None where nothing was ever digested. Raises MalformedFile, UnsafeFile."""
    text = keys.read(FILE_NAME, limit=_FILE_MAX, private=True)
    if text is None:
        return None
    try:
        return decode_exactly(text.decode("ascii", "replace").removesuffix("\n"), KEY_BYTES)
    except MalformedFile:
        message = f"{keys.path}/{FILE_NAME} holds no key"
        raise MalformedFile(message, hint="restore keys/ from its backup") from None
