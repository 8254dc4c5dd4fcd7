"""The key that signs the journal: Ed25519, of its own purpose, made on first use in `keys/signing/`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.errors import KeyMissing
from sealproof.loader.files import unavailable
from sealproof.signing import SEED_BYTES, SigningKey, public_from_pem, public_to_pem

if TYPE_CHECKING:
    from sealproof.envelope.cipher import Random
    from sealproof.loader.files import Directory

PURPOSE = "journal"
_FIRST = f"{PURPOSE}-first"  # the key's name until its first line is durable
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


def is_begun(keys: Directory) -> bool:
    """Tell whether a journal was ever begun here: its key gets its name behind the first line, never before."""
    directory = keys.enter("signing")
    if directory is None:
        return False
    with directory:
        return not {f"{PURPOSE}.key", f"{PURPOSE}.pub"}.isdisjoint(directory.names())


def first_signer(keys: Directory, *, random: Random) -> SigningKey:
    """Draw the key that signs the first line; `named` gives it its name behind that. Hold the journal's lock."""
    with keys.make("signing") as directory:
        directory.check_private()
        key = SigningKey(random(SEED_BYTES))
        directory.replace(f"{_FIRST}.pub", public_to_pem(key.public))  # a key without it signs what none verifies
        directory.replace(f"{_FIRST}.key", key.to_pem())
        return key


def signer(keys: Directory) -> SigningKey:
    """Return the private key; one whose first line was written by a process that was killed then gets its name.

    Hold the journal's lock. Raises KeyMissing where lines are signed already and the key is gone.
    """
    with keys.make("signing") as directory:
        directory.check_private()
        text = directory.read(f"{PURPOSE}.key", limit=_PEM_MAX, private=True)
        if text is None:
            text = _named(directory)
        if text is None:
            message = f"{directory.path} has no {PURPOSE}.key, and the rotation journal was signed with one"
            raise KeyMissing(message, hint="restore keys/ from its backup")
        return SigningKey.from_pem(text, name=f"{directory.path}/{PURPOSE}.key")


def _named(directory: Directory) -> bytes | None:
    """Give the key of the first line its name, its public half first; None where there is no such key."""
    text = directory.read(f"{_FIRST}.key", limit=_PEM_MAX, private=True)
    if text is None:
        return None
    key = SigningKey.from_pem(text, name=f"{directory.path}/{_FIRST}.key")
    directory.replace(f"{PURPOSE}.pub", public_to_pem(key.public))
    if f"{_FIRST}.pub" in directory.names():
        directory.remove(f"{_FIRST}.pub")
    try:
        os.rename(f"{_FIRST}.key", f"{PURPOSE}.key", src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
        os.fsync(directory.fd)
    except OSError as exc:
        raise unavailable(f"{directory.path}/{PURPOSE}.key", exc) from exc
    return text
