"""Take keys and passphrases in: public keys from arguments, passphrases from standard input or a prompt."""

from __future__ import annotations

import sys
from getpass import getpass

from sealproof.envelope.grammar import KEY_BYTES, decode_exactly
from sealproof.errors import CallerError, MalformedFile

_PASSPHRASE_MAX = 4096  # bytes


def public_key(text: str) -> bytes:
    """Return a recipient's X25519 public key as it is printed. Raises CallerError."""
    try:
        return decode_exactly(text, KEY_BYTES)
    except MalformedFile:
        message = f"{text!r:.60} is no recipient's public key"
        raise CallerError(message, hint="sealproof key init --recipient FILE prints one") from None


def read_passphrase(what: str, *, twice: bool, hint: str) -> str:
    """Return a passphrase; `what` it is of stands in the prompt. `hint` says how it is piped in. Raises CallerError."""
    if sys.stdin.isatty():
        first = getpass(f"{what} passphrase: ")
        if twice and getpass("the same again: ") != first:
            message = "the two differ, so nothing was done"
            raise CallerError(message, hint="type it again, or pipe it in")
        return first
    text = sys.stdin.buffer.read(_PASSPHRASE_MAX).decode(errors="surrogateescape").removesuffix("\n")
    if not text:
        message = "no passphrase on standard input"
        raise CallerError(message, hint=hint)
    return text
