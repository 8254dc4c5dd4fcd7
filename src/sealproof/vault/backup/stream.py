"""The payload of a container: AES-256-GCM chunks of 64 KiB that cannot be dropped, swapped, added or cut off.

STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): each chunk's nonce is its number and whether it is the
last; both, and the header's hash, are associated data as well. The key is of this file alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealproof.envelope import cipher
from sealproof.envelope.grammar import NONCE_BYTES, TAG_BYTES, frame
from sealproof.signing import sha256
from sealproof.vault.backup.header import cannot_open

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 64 * 1024  # bytes of plain text; every chunk but the last has exactly so many
SEALED_CHUNK = CHUNK + TAG_BYTES


class Chunks:
    """Seals or opens one chunk after the other."""

    def __init__(self, key: bytes, header: bytes) -> None:
        self._header = sha256(header)
        self._cipher = AESGCM(cipher.hkdf(key, frame(b"sealproof/1/backup-payload", self._header)))
        self._number = 0

    def seal(self, chunk: bytes, *, last: bool) -> bytes:
        """Return the next chunk, sealed."""
        nonce, aad = self._next(last=last)
        return self._cipher.encrypt(nonce, chunk, aad)

    def open(self, sealed: bytes, *, last: bool) -> bytes:
        """Return the next chunk's plain text. Raises CannotOpen."""
        nonce, aad = self._next(last=last)
        try:
            return self._cipher.decrypt(nonce, sealed, aad)
        except InvalidTag:
            raise cannot_open() from None

    def _next(self, *, last: bool) -> tuple[bytes, bytes]:
        number = self._number.to_bytes(NONCE_BYTES - 1, "big")
        flag = b"\x01" if last else b"\x00"
        self._number += 1
        return number + flag, frame(b"sealproof/1/backup-chunk", self._header, number, flag)


class Sealer:
    """Takes plain text in any pieces and hands sealed chunks to `write`. Memory: two chunks."""

    def __init__(self, key: bytes, header: bytes, write: Callable[[bytes], None]) -> None:
        self._chunks = Chunks(key, header)
        self._write = write
        self._held = b""

    def feed(self, data: bytes) -> None:
        """Take in more plain text."""
        self._held += data
        while len(self._held) > CHUNK:  # a whole chunk is held back: it may be the last
            self._write(self._chunks.seal(self._held[:CHUNK], last=False))
            self._held = self._held[CHUNK:]

    def finish(self) -> None:
        """Seal what is held as the last chunk."""
        self._write(self._chunks.seal(self._held, last=True))
        self._held = b""


def opened(key: bytes, header: bytes, read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the plain text of each chunk, proved; `read` gives up to so many sealed bytes, fewer only at the end.

    What was yielded is of this container, but only the end of the iteration proves that nothing is missing.
    Raises CannotOpen.
    """
    chunks = Chunks(key, header)
    sealed = read(SEALED_CHUNK)
    first = True
    while True:
        following = read(SEALED_CHUNK) if len(sealed) == SEALED_CHUNK else b""
        plain = chunks.open(sealed, last=not following)
        if not plain and not first:
            raise cannot_open()  # an empty last chunk has one spelling only: of an empty payload
        yield plain
        if not following:
            return
        sealed, first = following, False
