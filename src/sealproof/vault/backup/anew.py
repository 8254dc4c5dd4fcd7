"""A file of a backup, sealed anew for the store that lives: a new data key, a generation above every one known."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope import seal as sealing
from sealproof.envelope.freshness import parse_minimum
from sealproof.envelope.grammar import KEY_BYTES
from sealproof.envelope.parse import parse
from sealproof.errors import DataError

if TYPE_CHECKING:
    from sealproof.envelope.open import Unlocked
    from sealproof.envelope.parse import Envelope
    from sealproof.envelope.seal import EpochKey
    from sealproof.vault.custodian import Custodian
    from sealproof.vault.journal import Journal


class Renewed(NamedTuple):
    """A file as it will stand in the store."""

    data: bytes
    generation: int
    present: bytes | None
    """What stands there now."""
    here: Envelope | None
    """The same, where it can be read."""


class Anew:
    """Seals files of one container. `above` is the highest generation that hosts are known to have seen.

    Raises KeyMissing if this store has no key to sign with.
    """

    def __init__(self, custodian: Custodian, *, above: int) -> None:
        self._custodian = custodian
        self._keyring = custodian.keyring
        self._writer = self._keyring.signing_key("writer")
        self._told = _told(self._keyring.journal)
        self._above = max(above, _minimum())

    def rehearse(self, unlocked: Unlocked, *, foreign: bool) -> None:
        """Raise now what `seal` would raise, the disk's refusals apart: nothing is made or written.

        Raises LimitExceeded, UnsafeFile on what stands in its place, KeyMissing and CannotOpen if the master does not
        open.
        """
        tenant, environment = unlocked.envelope.tenant, unlocked.envelope.environment
        epoch = self._keyring.newest_epoch(tenant, environment) or 1
        nobody = sealing.EpochKey(tenant, environment, epoch, os.urandom(KEY_BYTES))
        self._seal(unlocked, nobody, foreign=foreign)

    def seal(self, unlocked: Unlocked, *, foreign: bool) -> Renewed:
        """Return the file under the tenant's present epoch, which is made if there is none."""
        copy = unlocked.envelope
        return self._seal(unlocked, self._keyring.ensure_epoch(copy.tenant, copy.environment), foreign=foreign)

    def _seal(self, unlocked: Unlocked, key: EpochKey, *, foreign: bool) -> Renewed:
        copy = unlocked.envelope
        present = self._custodian.store.read(copy.tenant, copy.environment)
        here = readable(present)
        known = self._told.get(f"{copy.tenant}/{copy.environment}", 0)
        generation = 1 + max(copy.generation, here.generation if here else 0, self._above, known)
        # Who was removed since does not come back, nor does a reader that another store chose.
        readers = here.readers if here else [] if foreign else copy.readers
        data = sealing.create(
            key,
            sealing.stored(unlocked),
            writer=self._writer,
            now=int(self._keyring.clock()),
            generation=generation,
            expires=(here or copy).expires,
            readers=[reader.public for reader in readers],
            random=self._keyring.random,
        )
        return Renewed(data, generation, present, here)


def readable(present: bytes | None) -> Envelope | None:
    """Return what stands in the store; None where there is nothing, or nothing that can be read."""
    if present is None:
        return None
    try:
        return parse(present)
    except DataError:
        return None


def _told(journal: Journal) -> dict[str, int]:
    """Return the highest generation that the journal tells of each scope."""
    told: dict[str, int] = {}
    for line in journal.entries():
        found = line.facts.get("generation")
        if isinstance(found, int):
            for scope in {line.scope, str(line.facts.get("scope", ""))}:
                told[scope] = max(found, told.get(scope, 0))
    return told


def _minimum() -> int:
    """Return the generation that this host pins."""
    with suppress(ValueError):  # whoever opens the file says what is wrong with it; here it could only raise a number
        return parse_minimum(os.environ.get("SEALPROOF_MIN_GENERATION") or "1")
    return 1
