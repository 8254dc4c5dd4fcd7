"""What only changes with another person's approval: the files that steer a store, and whose keys it trusts.

What is approved is SHA-256 of its content. The keys' own secrets are none of it: of `keys/signing/` it is the
public halves that are approved, because they say who may write, report and vouch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import CallerError
from sealproof.loader.files import open_root
from sealproof.signing import sha256

if TYPE_CHECKING:
    from sealproof.loader.files import Directory

FILES = ("sealproof.toml", "manifest.toml", "policy.json", "overlay.toml")
"""Below the root. What is not there needs no approval."""
KEYRING = "keys/signing"
_OWN = "audit-"  # each log makes its first key itself, and proves the next by the last
_FILE_MAX = 4 * 1024 * 1024  # bytes
_PEM_MAX = 4096  # bytes


def contents(root: str) -> dict[str, bytes]:
    """Return what is governed and here, by its path below the root.

    Raises StoreNotFound, UnsafeFile, FileUnavailable.
    """
    found: dict[str, bytes] = {}
    with open_root(root) as store:
        for name in FILES:
            data = store.read(name, limit=_FILE_MAX, private=False)
            if data is not None:
                found[name] = data
        keys = store.enter("keys")
        if keys is not None:
            with keys:
                found |= _keyring(keys)
    return found


def digest_of(root: str, subject: str) -> str:
    """Return the SHA-256 to approve, in hex. Raises CallerError for what is not governed or not there."""
    data = contents(root).get(subject)
    if data is None:
        message = f"{subject!r:.80} is nothing that is approved in {root}"
        raise CallerError(message, hint=f"one of: {', '.join((*FILES, KEYRING))}", names=(subject,))
    return sha256(data).hex()


def _keyring(keys: Directory) -> dict[str, bytes]:
    signing = keys.enter("signing")
    if signing is None:
        return {}
    with signing:
        lines = [
            f"{name} {sha256(signing.read(name, limit=_PEM_MAX, private=True) or b'').hex()}\n"
            for name in signing.names()
            if name.endswith(".pub") and not name.startswith(_OWN)
        ]
    return {KEYRING: "".join(lines).encode()} if lines else {}
