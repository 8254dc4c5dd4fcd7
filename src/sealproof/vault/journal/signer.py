"""The key that signs the journal: Ed25519, of its own purpose, made on first use in `keys/signing/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import KeyMissing
from sealproof.signing import SEED_BYTES, SigningKey, public_from_pem, public_to_pem

if TYPE_CHECKING:
    from sealproof.envelope.cipher import Random
    from sealproof.loader.files import Directory

PURPOSE = "journal"
_PEM_MAX = 4096  # bytes


def publics(keys: Directory) -> frozenset[bytes]:
    """Return the public keys that may have signed a line: the present one and its predecessors."""
    directory = keys.enter("signing")
    if directory is None:
        return frozenset()
    with directory:
        directory.check_private()
        names = [name for name in directory.names() if name.startswith(PURPOSE) and name.endswith(".pub")]
        texts = [(name, directory.read(name, limit=_PEM_MAX, private=True) or b"") for name in names]
        return frozenset(public_from_pem(text, name=f"{directory.path}/{name}") for name, text in texts)


def signer(keys: Directory, *, random: Random, may_make: bool) -> SigningKey:
    """Return the private key, made where none was ever there and `may_make`. Hold the journal's lock.

    Raises KeyMissing where lines are signed already and the key is gone.
    """
    with keys.make("signing") as directory:
        directory.check_private()
        text = directory.read(f"{PURPOSE}.key", limit=_PEM_MAX, private=True)
        if text is not None:
            return SigningKey.from_pem(text, name=f"{directory.path}/{PURPOSE}.key")
        if not may_make:
            message = f"{directory.path} has no {PURPOSE}.key, and the rotation journal was signed with one"
            raise KeyMissing(message, hint="restore keys/ from its backup")
        key = SigningKey(random(SEED_BYTES))
        directory.replace(
            f"{PURPOSE}.pub", public_to_pem(key.public)
        )  # first: a key without it signs what none verifies
        directory.replace(f"{PURPOSE}.key", key.to_pem())
        return key
