"""New secret values from the system's random source."""

from __future__ import annotations

import secrets

from sealproof.errors import CallerError

_FLOOR = 128  # bits: NIST SP 800-131A's security strength for new keys


def generate_secure_key(bits: int = 256) -> str:
    """Return a URL-safe text that carries `bits` of randomness and needs no quoting anywhere.

    Raises CallerError below 128 bits or on a number that is no multiple of 8.
    """
    if bits < _FLOOR or bits % 8:
        message = f"{bits} bits are no strength for a key"
        raise CallerError(message, hint=f"ask for a multiple of 8, at least {_FLOOR}")
    return secrets.token_urlsafe(bits // 8)
