"""Is a master passphrase or key worth anything? Refused here before it protects a store."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

from sealproof.errors import WeakKey

PASSPHRASE_BITS = 70  # what 600 000 iterations of PBKDF2 still leave out of reach of offline guessing
_SAMPLES = frozenset(
    {
        "changeme", "change-me", "secret", "password", "master", "masterkey", "master_secret_key", "default",
        "your-master-secret-key", "your-256-bit-secret", "correct horse battery staple", "test", "example",
    }
)  # fmt: skip


def entropy_bits(text: str) -> int:
    """Estimate the entropy of a value from its own symbols, in whole bits (Shannon, times its length).

    An upper bound for what a person thought up, close to the truth for what a generator drew. A text that only
    repeats itself counts once.
    """
    if not text:
        return 0
    text = text[: (text + text).find(text, 1)]  # its shortest period, itself where there is none
    total = len(text)
    counts = Counter(text).values()
    return int(-sum(count * math.log2(count / total) for count in counts))


def check_passphrase(passphrase: str) -> str:
    """Return a `MASTER_SECRET_KEY` that is fit to derive a store's master from. Raises WeakKey."""
    plain = passphrase.strip().lower()
    if plain in _SAMPLES or any(sample in plain and len(plain) < 2 * len(sample) for sample in _SAMPLES):
        message = "MASTER_SECRET_KEY is a sample or a common word"
    elif entropy_bits(passphrase) < PASSPHRASE_BITS:
        message = f"MASTER_SECRET_KEY has about {entropy_bits(passphrase)} bits, at least {PASSPHRASE_BITS} are needed"
    else:
        return passphrase
    hint = "draw one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
    raise WeakKey(message, hint=hint, names=("MASTER_SECRET_KEY",))


def is_weak_key(key: bytes) -> str:
    """Say in words what is weak about 32 bytes of key material, or return an empty string."""
    if len(set(key)) <= 2:  # noqa: PLR2004 - constant or two-valued
        return "constant"
    if all(32 <= byte < 127 for byte in key):  # noqa: PLR2004 - printable ASCII
        return "printable text, so not drawn at random"
    if any(key == key[:size] * (len(key) // size) for size in (1, 2, 4, 8, 16)):
        return "a repeated pattern"
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    if len(steps) == 1:
        return "a counted sequence, as in test vectors"
    return ""
