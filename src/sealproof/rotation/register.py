"""Which consumers there are, which generation each has seen, and how the new credential serves them.

One small file a consumer under `consumers/<tenant>/<environment>/`, written by the consumer and authenticated under the
sealed file's data key: who cannot open the secrets cannot speak for a consumer either.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidSignature

from sealproof.envelope import cipher
from sealproof.envelope.grammar import decode, encode, frame
from sealproof.errors import CallerError, DataError
from sealproof.loader.files import Directory, open_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.envelope.open import Unlocked

DIRECTORY = "consumers"
_END = ".json"
_FILE_MAX = 64 * 1024  # bytes
_ID_MAX = 64
_ID = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_LABEL = b"sealproof/1/consumer"


class Use(NamedTuple):
    """How one credential served one consumer."""

    name: str
    rotation: str
    """The rotation that made the credential new."""
    ok: int
    """Log-ins that worked."""
    failed: int
    """Log-ins that the target refused."""


class Acknowledgement(NamedTuple):
    """A consumer's word: it works with this generation of the file."""

    consumer: str
    generation: int
    at: float
    """When it read that generation, in unix seconds."""
    uses: tuple[Use, ...]


class RollCall(NamedTuple):
    """Who is registered."""

    words: list[Acknowledgement]
    """Of those whose word can be verified."""
    unheard: list[str]
    """Whose word cannot be: written under an earlier data key, or not theirs. Nothing is known of them."""

    @property
    def registered(self) -> list[str]:
        """Return the ids of all."""
        return [*(word.consumer for word in self.words), *self.unheard]


def check_consumer_id(consumer: str) -> str:
    """Return `consumer` if it can be a consumer's id. Raises CallerError."""
    if not _is_id(consumer):
        message = f"{consumer!r:.80} is no consumer id"
        raise CallerError(message, hint=f"1 to {_ID_MAX} of A-Z a-z 0-9 . _ -, not beginning with a dot")
    return consumer


class Register:
    """The consumers of one tenant's environment."""

    def __init__(self, root: str, tenant: str, environment: str) -> None:
        self._root = root
        self._tenant = tenant
        self._environment = environment

    def __repr__(self) -> str:
        return f"Register({self._tenant}/{self._environment})"

    def write(self, word: Acknowledgement, unlocked: Unlocked) -> None:
        """Keep a consumer's newest word. Raises FileUnavailable."""
        body = json.dumps(word._asdict() | {"uses": [use._asdict() for use in word.uses]}, sort_keys=True)
        text = f"{body}\n{encode(cipher.mac(_key(unlocked), body.encode()))}\n"
        with self._directory() as directory:
            directory.replace(check_consumer_id(word.consumer) + _END, text.encode())

    def remove(self, consumer: str) -> None:
        """Forget a consumer that ends in good order."""
        with self._directory() as directory:
            if consumer + _END in directory.names():
                directory.remove(consumer + _END)

    def call(self, unlocked: Unlocked) -> RollCall:
        """Return every consumer's newest word, and who has none that was written under this file's data key."""
        key = _key(unlocked)
        with self._directory() as directory:
            texts = {name.removesuffix(_END): _text(directory, name) for name in directory.names() if _is_word(name)}
        words = {consumer: _word(consumer, text, key) for consumer, text in texts.items()}
        return RollCall(
            [word for word in words.values() if word is not None],
            [consumer for consumer, word in words.items() if word is None],
        )

    def read(self, unlocked: Unlocked) -> list[Acknowledgement]:
        """Return every consumer's newest word. What was written by somebody who cannot open the file is none."""
        return self.call(unlocked).words

    @contextmanager
    def _directory(self) -> Iterator[Directory]:
        with (
            open_root(self._root) as root,
            root.make(DIRECTORY) as consumers,
            consumers.make(self._tenant) as tenant,
            tenant.make(self._environment) as directory,
        ):
            yield directory


def _key(unlocked: Unlocked) -> bytes:
    return cipher.hkdf(unlocked.dek, frame(_LABEL, *unlocked.envelope.scope))


def _is_word(name: str) -> bool:
    return name.endswith(_END) and _is_id(name.removesuffix(_END))


def _is_id(consumer: str) -> bool:
    return 0 < len(consumer) <= _ID_MAX and _ID.issuperset(consumer) and not consumer.startswith(".")


def _text(directory: Directory, name: str) -> bytes:
    try:
        return directory.read(name, limit=_FILE_MAX, private=False) or b""
    except DataError:  # a link, or open to others: nobody's word
        return b""


def _word(consumer: str, text: bytes, key: bytes) -> Acknowledgement | None:
    """Return what `consumer` says; None where somebody else wrote it, be it an earlier word under another name."""
    body, _, tag = text.rstrip(b"\n").partition(b"\n")
    try:
        cipher.verify_mac(key, body, decode(tag.decode("ascii", "replace")))
        fields = json.loads(body)
    except (InvalidSignature, DataError, ValueError):
        return None
    uses = tuple(Use(**use) for use in fields.pop("uses"))
    word = Acknowledgement(uses=uses, **fields)
    return word if word.consumer == consumer else None
