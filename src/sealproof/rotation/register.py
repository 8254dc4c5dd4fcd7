"""Which consumers there are, which generation each has seen, and how the new credential serves them.

One small file a consumer under `consumers/<tenant>/<environment>/`, written by the consumer and authenticated under the
sealed file's data key: who cannot open the secrets cannot speak for a consumer either. Whether its writer is still
there is asked of the kernel or of the clock (`presence`); what is nobody's any more is removed when a rotation ends.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sealproof.envelope import cipher
from sealproof.envelope.grammar import frame
from sealproof.errors import CallerError, DataError
from sealproof.loader.files import Directory, open_root, temporary_of, unavailable
from sealproof.rotation.presence import this_process
from sealproof.rotation.words import RollCall, claimed, departure, proved, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealproof.envelope.open import Unlocked
    from sealproof.rotation.words import Acknowledgement

DIRECTORY = "consumers"
_END = ".json"
_FILE_MAX = 64 * 1024  # bytes
_ID_MAX = 64
_ID = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_LABEL = b"sealproof/1/consumer"


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
        with self._directory() as directory:
            directory.replace(check_consumer_id(word.consumer) + _END, written(word, _key(unlocked)))

    def remove(self, consumer: str) -> None:
        """Forget a consumer that ends in good order."""
        with self._directory() as directory:
            if consumer + _END in directory.names():
                directory.remove(consumer + _END)

    def forget_departed(self, *, now: float) -> list[str]:
        """Remove the files of processes that are over, and return whose. Raises FileUnavailable."""
        here = this_process()

        def is_over(consumer: str, text: bytes) -> bool:
            departed = departure(consumer, claimed(text), here, now)
            return departed is not None and departed.is_final

        with self._directory() as directory:
            over = [consumer for consumer, text in _texts(directory) if is_over(consumer, text)]
            return [consumer for consumer in over if _taken_away(directory, consumer, is_over)]

    def call(self, unlocked: Unlocked, *, now: float) -> RollCall:
        """Return every consumer's newest word, who has none that was written under this file's data key, and who left.

        `now` is in unix seconds. That somebody left is believed of any word: whoever could forge it could remove it.
        """
        key, here = _key(unlocked), this_process()
        with self._directory() as directory:
            texts = list(_texts(directory))
        words = {consumer: proved(consumer, text, key) for consumer, text in texts}
        left = [departure(consumer, words[consumer] or claimed(text), here, now) for consumer, text in texts]
        return RollCall(
            [word for word in words.values() if word is not None],
            [consumer for consumer, word in words.items() if word is None],
            [one for one in left if one is not None],
        )

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


def _texts(directory: Directory) -> Iterator[tuple[str, bytes]]:
    for name in directory.names():
        if _is_word(name):
            yield name.removesuffix(_END), _text(directory, name)


def _taken_away(directory: Directory, consumer: str, is_over: Callable[[str, bytes], bool]) -> bool:
    """Remove the word of a process that is over, and tell whether it still was its word that was removed.

    Without a lock, which consumers that share the store over a network may not have: what is taken away is looked at
    once more, and a new process' word goes back unless it has written another one by then.
    """
    name, aside = consumer + _END, temporary_of(consumer + _END)
    there = {"src_dir_fd": directory.fd, "dst_dir_fd": directory.fd}
    try:
        os.rename(name, aside, **there)
        is_theirs = is_over(consumer, _text(directory, aside))
        if not is_theirs:
            with suppress(FileExistsError):
                os.link(aside, name, follow_symlinks=False, **there)
    except FileNotFoundError:
        return False  # its successor left in good order
    except OSError as exc:
        raise unavailable(f"{directory.path}/{name}", exc) from exc
    directory.remove(aside)
    return is_theirs


def _text(directory: Directory, name: str) -> bytes:
    try:
        return directory.read(name, limit=_FILE_MAX, private=False) or b""
    except DataError:  # a link, or open to others: nobody's word
        return b""
