"""Whose signature under a run counts here: the key that signs this one, and those that may have signed earlier ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.errors import EvidenceRejected, SealproofError
from sealproof.loader.files import open_root, read_private, read_public
from sealproof.loader.storekeys import pinned_keys
from sealproof.reports.trust import read_pins
from sealproof.signing import SigningKey

if TYPE_CHECKING:
    from sealproof.reports.trust import PinnedKey

_KEY_MAX = 4096  # bytes
_PINS_MAX = 256 * 1024  # bytes; a file of report keys holds several


def signing_keys(root: str, named: str) -> list[SigningKey]:
    """Return the key to sign with: the one named, else the store's own; none means that the report stays UNSIGNED.

    Raises EvidenceRejected if a key was named, or is there, and cannot be used.
    """
    path = named or f"{root}/keys/signing/report.key"
    try:
        text = read_private(path, limit=_KEY_MAX)
        if text is not None:
            return [SigningKey.from_pem(text, name=path)]
    except SealproofError as exc:
        message = f"report key {path} cannot be used: {exc.message}"
        raise EvidenceRejected(message, hint=exc.hint) from exc
    if named:
        message = f"report key {path} cannot be used: there is no such file"
        raise EvidenceRejected(message, hint="--sign-key FILE, a private Ed25519 key in PEM")
    return []


def named_key() -> str:
    """Return the private report key that the environment names, or nothing."""
    return os.environ.get("SEALPROOF_REPORT_KEY_FILE", "")


def believed_keys(root: str, named: str, pins: str) -> list[bytes | PinnedKey]:
    """Return the public keys by which an earlier run may have been signed.

    They are this run's own, the store's with those that a roll has retired, and the ones in the file `pins`, each in
    its days. Raises EvidenceRejected, and what reading the store's keys raises.
    """
    found: list[bytes | PinnedKey] = [key.public for key in signing_keys(root, named)]
    with open_root(root) as directory:
        keys = directory.enter("keys")
        if keys is not None:
            with keys:
                found += pinned_keys(keys, "report")
    if pins:
        text = read_public(pins, limit=_PINS_MAX)
        if text is None:
            message = f"there is no file of public report keys {pins}"
            raise EvidenceRejected(message, hint="--previous-key FILE, a public key in PEM or what `report pin` wrote")
        found += read_pins(text, name=pins)
    return found
