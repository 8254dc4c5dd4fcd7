"""The primitives of `cryptography` that a start-up needs, by the shortest way to them.

The public modules that name them import much that a load never uses. In the releases for which
`COMPARED` holds, both ways lead to the same objects; in any other the public way is taken
(`docs/adr/0005`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cryptography

if TYPE_CHECKING:
    from typing import Any

COMPARED = ("47", "48", "49", "50")
"""Major releases whose extension module names exactly what the public modules name."""


def is_compared(release: str) -> bool:
    """Tell whether the extension module's own names are taken for this release of `cryptography`."""
    return release.partition(".")[0] in COMPARED


def _short_way() -> tuple[Any, ...] | None:
    if not is_compared(cryptography.__version__):
        return None
    try:
        from cryptography.hazmat.bindings._rust import openssl  # noqa: PLC0415 - only in a compared release

        found = openssl.aead.AESGCM, openssl.hmac.HMAC, openssl.ed25519
    except (ImportError, AttributeError):  # a minor release may rename what is private: never a reason not to start
        return None
    return found


_short = None if TYPE_CHECKING else _short_way()
if _short is None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hmac import HMAC

    ed25519_private = Ed25519PrivateKey.from_private_bytes
    ed25519_public = Ed25519PublicKey.from_public_bytes
else:
    AESGCM, HMAC, _ed25519 = _short
    ed25519_private = _ed25519.from_private_bytes
    ed25519_public = _ed25519.from_public_bytes

__all__ = ["AESGCM", "HMAC", "ed25519_private", "ed25519_public"]
