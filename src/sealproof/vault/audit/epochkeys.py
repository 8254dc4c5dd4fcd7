"""Signing keys that evolve: one file an epoch, and only the newest one is left.

The key of epoch e signs the public key of epoch e+1 in its final seal, and is then destroyed: who
steals today's key can sign for today and forge nothing of yesterday.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealproof.signing import SEED_BYTES, SigningKey
from sealproof.vault.audit.shred import shred, sweep

if TYPE_CHECKING:
    from sealproof.envelope.cipher import Random
    from sealproof.loader.files import Directory

_PEM_MAX = 4096  # bytes
_NAME = re.compile(r"epoch-([0-9]{10})\.key").fullmatch


class EpochKeys:
    """The private signing keys of one log, in its directory below `keys/`. Used under the log's lock."""

    def __init__(self, directory: Directory, random: Random) -> None:
        self._directory = directory
        self._random = random

    def __repr__(self) -> str:
        return f"EpochKeys({self._directory.path})"

    def newest(self) -> int:
        """Return the highest epoch that there is a key of; 0 if there is none."""
        return max(self._numbers(), default=0)

    def load(self, epoch: int) -> SigningKey | None:
        """Return the key of `epoch`; None if there is none (any more). Raises UnsafeFile, MalformedFile."""
        name = _name(epoch)
        text = self._directory.read(name, limit=_PEM_MAX, private=True)
        return None if text is None else SigningKey.from_pem(text, name=f"{self._directory.path}/{name}")

    def prepare(self, epoch: int) -> SigningKey:
        """Return the key of `epoch`, made durably if there is none yet: one that was never used serves again."""
        key = self.load(epoch)
        if key is None:
            key = SigningKey(self._random(SEED_BYTES))
            self._directory.replace(_name(epoch), key.to_pem())
        return key

    def destroy_below(self, epoch: int) -> None:
        """Overwrite and remove the keys of earlier epochs. Raises FileUnavailable."""
        for number in self._numbers():
            if number < epoch:
                shred(self._directory, _name(number))

    def sweep(self) -> None:
        """Destroy key files that a killed process left half-written."""
        sweep(self._directory)

    def _numbers(self) -> list[int]:
        return [int(found[1]) for name in self._directory.names() if (found := _NAME(name))]


def _name(epoch: int) -> str:
    return f"epoch-{epoch:010}.key"
