"""Which X25519 identities this store made, and which writers their key files trust.

A public key tells neither. An identity that another store made pins that store's writers, so a file of this one does
not open with it, although its public key is taken: whoever adds it is told (`shortcoming`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.envelope.grammar import encode
from sealproof.signing import fingerprint

if TYPE_CHECKING:
    from sealproof.vault.keys.keyring import Keyring

RECIPIENT = "recipient.make"


def note_recipient(keyring: Keyring, public: bytes, writers: tuple[bytes, ...]) -> None:
    """Write down that an identity was made here. Raises FileUnavailable."""
    keyring.journal.note(RECIPIENT, encode(public), writers=[fingerprint(writer) for writer in writers])


def shortcoming(keyring: Keyring, public: bytes) -> str:
    """Say why the holder of a public key may not be able to open a file of this store; nothing if it can."""
    made = keyring.journal.history(RECIPIENT, encode(public))
    if not made:
        return "this store did not make that key, and a key file that another store made opens nothing here"
    present = {fingerprint(key) for name, key in keyring.signing_publics().items() if name.startswith("writer")}
    if not present & set(made[-1].texts("writers")):
        return "that key's file trusts only writers that were replaced since, so it opens nothing here any more"
    return ""
