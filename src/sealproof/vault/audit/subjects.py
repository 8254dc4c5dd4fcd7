"""Pseudonyms: what stands in the log for a person or program, and how to make it mean nothing any more.

Each subject has a random key of its own; the pseudonym is an HMAC under it. Destroying the key erases
the person from the log: the chain is untouched, and not even a correct guess can be confirmed.
"""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING

from sealproof.errors import InvalidRecord, KeyMissing, MalformedFile
from sealproof.vault.audit.names import DIGEST_BYTES, KEY_BYTES, NameDigests, read_key, write_key
from sealproof.vault.audit.shred import shred, sweep

if TYPE_CHECKING:
    from sealproof.envelope.cipher import Random
    from sealproof.loader.files import Directory

SUBJECT_MAX = 1024  # bytes of UTF-8
_FILE_MAX = 4096  # bytes
_KNOWN_MAX = 65_536  # pseudonyms kept at hand
_KEY_LINE = 2 * KEY_BYTES + 1


class Subjects:
    """The subjects of one log. Used under the log's lock, except for `resolve`."""

    def __init__(self, directory: Directory, digests: NameDigests, random: Random) -> None:
        self._directory = directory
        self._digests = digests
        self._random = random
        self._known: dict[str, tuple[str, tuple[int, int]]] = {}
        self._current: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Subjects({self._directory.path})"

    def begin(self) -> None:
        """Begin a batch: another process may have erased subjects since the last one.

        Raises KeyMissing if the directory itself is gone: the tenant was erased.
        """
        self._current.clear()
        if not os.fstat(self._directory.fd).st_nlink:
            message = f"{self._directory.path} was removed: this log's keys are destroyed"
            raise KeyMissing(message, hint="no more is written to the audit log of an erased tenant")

    def pseudonym(self, subject: str) -> str:
        """Return the pseudonym in hex; a subject that was not met before gets a key. Raises InvalidRecord."""
        pseudonym = self._current.get(subject)
        if pseudonym is None:
            pseudonym = self._current[subject] = self._checked(subject)
        return pseudonym

    def erase(self, subject: str) -> str:
        """Destroy the subject's key, and return the pseudonym that nobody can resolve now; nothing if there was none.

        If the subject comes back, it gets a new pseudonym.
        """
        name = self._file(subject)
        text = self._directory.read(name, limit=_FILE_MAX, private=True)
        if text is None:
            return ""
        shred(self._directory, name)
        self._known.pop(subject, None)
        self._current.clear()
        return _pseudonym(_parse(text, f"{self._directory.path}/{name}")[0], subject)

    def sweep(self) -> None:
        """Destroy key files that a killed process left half-written."""
        sweep(self._directory)

    def _checked(self, subject: str) -> str:
        if not subject or not subject.isprintable() or len(subject.encode()) > SUBJECT_MAX:
            message = "a subject is not 1 to 1024 bytes of printable text"
            raise InvalidRecord(message, hint="name who acts, for example user:alice")
        name = self._file(subject)
        known = self._known.get(subject)
        stamp = self._stamp(name)
        if known is None or known[1] != stamp:
            pseudonym = _pseudonym(self._key(name, subject), subject)
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            known = self._known[subject] = (pseudonym, self._stamp(name))
        return known[0]

    def _key(self, name: str, subject: str) -> bytes:
        text = self._directory.read(name, limit=_FILE_MAX, private=True)
        if text is not None:
            return _parse(text, f"{self._directory.path}/{name}")[0]
        key = self._random(KEY_BYTES)
        self._directory.replace(name, write_key(key) + subject.encode() + b"\n")
        return key

    def _stamp(self, name: str) -> tuple[int, int]:
        try:
            status = os.stat(name, dir_fd=self._directory.fd, follow_symlinks=False)
        except FileNotFoundError:
            return (0, 0)
        return (status.st_ino, status.st_ctime_ns)

    def _file(self, subject: str) -> str:
        return f"{self._digests.of_subject(subject)}.key"


def resolve(directory: Directory) -> dict[str, str]:
    """Return every subject that still has a key, by pseudonym. Only who may read the keys can ask."""
    found: dict[str, str] = {}
    for name in directory.names():
        if name.endswith(".key") and not name.startswith("."):
            text = directory.read(name, limit=_FILE_MAX, private=True)
            if text is not None:  # else it was erased meanwhile
                key, subject = _parse(text, f"{directory.path}/{name}")
                found[_pseudonym(key, subject)] = subject
    return found


def _pseudonym(key: bytes, subject: str) -> str:
    return hmac.digest(key, subject.encode(), "sha256")[:DIGEST_BYTES].hex()


def _parse(text: bytes, name: str) -> tuple[bytes, str]:
    try:
        return read_key(text[:_KEY_LINE], name=name), text[_KEY_LINE:].decode().removesuffix("\n")
    except UnicodeDecodeError:
        message = f"{name} names no subject in UTF-8"
        raise MalformedFile(message, hint="restore it from the backup of keys/") from None
