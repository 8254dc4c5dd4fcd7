"""Keyed digests of secret names: the log tells which secret only to whoever holds the log's key."""

from __future__ import annotations

import hmac
from binascii import Error as _BinasciiError
from binascii import a2b_hex
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import NAME_MAX, PREVIOUS
from sealproof.errors import MalformedFile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealproof.envelope.cipher import Random
    from sealproof.loader.files import Directory

KEY_BYTES = 32
DIGEST_BYTES = 16
ENTRY_NAME_MAX = NAME_MAX + len(PREVIOUS)
_FILE = "log.key"
_FILE_MAX = 128  # bytes
_KNOWN_MAX = 65_536  # digests kept at hand; sixteen times what one sealed file can hold


class NameDigests:
    """HMAC-SHA256 of names under a log's own key, cut to 16 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, str] = {"": ""}

    def __repr__(self) -> str:
        return "NameDigests(…)"

    def of(self, name: str) -> str:
        """Return the digest of `name` in hex; nothing for no name."""
        digest = self._known.get(name)
        if digest is None:
            # What is asked for need not be a name at all, and a refusal is recorded too.
            digest = self._digest(name.encode(errors="surrogatepass"))
            if len(name) <= ENTRY_NAME_MAX and len(self._known) < _KNOWN_MAX:
                self._known[name] = digest
        return digest

    def of_subject(self, subject: str) -> str:
        """Return what the file of a subject's key is named by. No secret's name begins with NUL."""
        return self._digest(b"\0subject\0" + subject.encode())

    def names(self, candidates: Iterable[str]) -> dict[str, str]:
        """Return `candidates` by their digests: the way back, for whoever knows which names there are."""
        return {self.of(name): name for name in candidates}

    def _digest(self, data: bytes) -> str:
        return hmac.digest(self._key, data, "sha256")[:DIGEST_BYTES].hex()


def read_name_key(directory: Directory) -> NameDigests | None:
    """Return the digests of the log whose keys lie in `directory`; None if it was never begun.

    Raises UnsafeFile, MalformedFile.
    """
    text = directory.read(_FILE, limit=_FILE_MAX, private=True)
    return None if text is None else NameDigests(read_key(text, name=f"{directory.path}/{_FILE}"))


def prepare_name_key(directory: Directory, random: Random) -> NameDigests:
    """Return the digests of a log, its key made on first use."""
    digests = read_name_key(directory)
    if digests is None:
        key = random(KEY_BYTES)
        directory.replace(_FILE, write_key(key))
        digests = NameDigests(key)
    return digests


def write_key(key: bytes) -> bytes:
    """Return the text of a key file: hex and a line feed."""
    return key.hex().encode() + b"\n"


def read_key(text: bytes, *, name: str) -> bytes:
    """Return the key in a key file's text; `name` stands in the error. Raises MalformedFile."""
    try:
        key = a2b_hex(text.rstrip(b"\n"))
    except _BinasciiError:
        key = b""
    if len(key) != KEY_BYTES:
        message = f"{name} is no key of {KEY_BYTES} bytes in hex"
        raise MalformedFile(message, hint="restore it from the backup of keys/")
    return key
