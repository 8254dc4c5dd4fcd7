"""Change a tenant's sealed file: read, open, edit, verify, put back if nobody else was faster."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sealproof.envelope import merge as merging
from sealproof.envelope import seal as sealing
from sealproof.envelope.freshness import Freshness
from sealproof.envelope.grammar import KEY_BYTES, check_environment, check_tenant, check_value
from sealproof.envelope.open import Unlocked, unlock
from sealproof.envelope.parse import Envelope, parse
from sealproof.errors import (
    CallerError,
    LimitExceeded,
    MalformedFile,
    OperationUnderWay,
    UnknownSecret,
    UnknownTenant,
    UnsupportedFormat,
)
from sealproof.loader.names import refuse_dangerous
from sealproof.loader.tenant import Place, malformed, open_tenant
from sealproof.vault.handed import plain_name
from sealproof.vault.journal import nothing
from sealproof.vault.keys.keyring import Keyring
from sealproof.vault.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sealproof.envelope.cipher import Random
    from sealproof.envelope.seal import EpochKey
    from sealproof.vault.journal import Reached

DAY = 86_400  # seconds


class Change:
    """What a save did, by name: for the person who asked."""

    __slots__ = ("added", "after", "changed", "generation", "is_saved", "removed", "unchanged")

    def __init__(self, before: Envelope | None, after: Envelope) -> None:
        old = {entry.name: entry.version for entry in before.entries} if before else {}
        new = {entry.name: entry.version for entry in after.entries}
        self.added = sorted(new.keys() - old.keys())
        self.removed = sorted(old.keys() - new.keys())
        self.changed = sorted(name for name in new.keys() & old.keys() if new[name] != old[name])
        self.unchanged = sorted(name for name in new.keys() & old.keys() if new[name] == old[name])
        self.generation = after.generation
        self.is_saved = before is None or before.generation != after.generation
        """False where nothing at all changed, an expiry or a key included: the file is then as it was."""
        self.after = after


class Custodian:
    """Changes the files of one local store. `clock` gives unix seconds; `random` gives bytes."""

    def __init__(
        self,
        root: str,
        *,
        iterations: int | None = None,
        clock: Callable[[], float] = time.time,
        random: Random = os.urandom,
        reached: Reached = nothing,
    ) -> None:
        cost = {} if iterations is None else {"iterations": iterations}
        self.store = LocalStore(root)
        self.keyring = Keyring(root, clock=clock, random=random, reached=reached, **cost)
        self._clock = clock
        self._random = random

    def __repr__(self) -> str:
        return f"Custodian({self.store.root!r})"

    def envelope(self, tenant: str, environment: str) -> Envelope:
        """Return the public part of a file: names, versions, ages, readers. Needs no key. Raises UnknownTenant."""
        try:
            return parse(self._read(tenant, environment))
        except (MalformedFile, UnsupportedFormat, LimitExceeded) as exc:
            raise malformed(self.store.root, tenant, environment, exc) from None

    def open(self, tenant: str, environment: str, *, renewing: bool = False, own: bool = False) -> Unlocked:
        """Take a file through steps 1 to 6, with whatever key this process was given or the store holds.

        `own` asks for the key that this store holds, whatever key the process was given for another.
        `renewing` lets pass an expiry that is over: for a save that sets a new one.
        """
        place = Place(tenant, environment, self.store.root)
        keys = self.keyring.key_lines(tenant, environment) if own else None
        with self.store.open() as root:
            return open_tenant(place, root, keys=keys, now=int(self._clock()), renewing=renewing).unlocked

    def seal(
        self,
        tenant: str,
        environment: str,
        values: Mapping[str, bytes],
        *,
        expires_days: int | None = None,
        remove_others: bool = False,
        allow: Collection[str] = (),
    ) -> Change:
        """Seal `values` into the tenant's file, made with its keys on first use.

        An equal value keeps version and age. `remove_others` drops the names that `values` lacks. With
        `expires_days` (0 takes an expiry away) a file that has expired is renewed.

        Raises DangerousName, InvalidName, InvalidValue, LimitExceeded, Changed, and what opening raises.
        """
        if expires_days is not None and expires_days < 0:
            message = f"{expires_days} is no number of days"
            raise CallerError(message, hint="days from now; 0 takes an expiry away")
        check_tenant(tenant)
        check_environment(environment)
        refuse_dangerous(values, allow=allow)
        for name, value in values.items():
            check_value(plain_name(name), value)
        now = int(self._clock())
        expires = None if expires_days is None else (now + expires_days * DAY if expires_days else 0)
        if self.store.read(tenant, environment) is None:
            writer = self.keyring.signing_key("writer")
            sealed = {name: sealing.SealedValue(value, 1, now) for name, value in values.items()}
            # Rehearsed under a key of no one: what the format refuses must not leave a tenant's keys behind.
            nobody = sealing.EpochKey(tenant, environment, 1, os.urandom(KEY_BYTES))
            sealing.create(nobody, sealed, writer=writer, now=now, expires=expires or 0)
            epoch_key = self.keyring.ensure_epoch(tenant, environment)
            data = sealing.create(epoch_key, sealed, writer=writer, now=now, expires=expires or 0, random=self._random)
            return self._save(None, data, tenant, environment)
        unlocked = self.open(tenant, environment, renewing=expires is not None)
        present = {entry.name for entry in unlocked.envelope.entries if "." not in entry.name}
        return self._edit(
            unlocked, changes=values, removals=present - values.keys() if remove_others else (), expires=expires
        )

    def remove(self, tenant: str, environment: str, name: str) -> Change:
        """Drop one secret. Raises UnknownSecret."""
        unlocked = self.open(tenant, environment)
        if all(entry.name != name for entry in unlocked.envelope.entries):
            message = f"{tenant}/{environment} has no secret {name!r:.80}"
            raise UnknownSecret(message, hint=f"sealproof list {tenant} --environment {environment}", names=(name,))
        return self._edit(unlocked, changes={}, removals=(name,), expires=None)

    def replace(self, unlocked: Unlocked, values: Mapping[str, bytes], *, allow: Collection[str] = ()) -> Change:
        """Make the plain secrets of an open file exactly `values`: what an editor session ends with.

        Raises Changed if the file is no longer the one that was opened.
        """
        refuse_dangerous(map(plain_name, values), allow=allow)
        present = {entry.name for entry in unlocked.envelope.entries if "." not in entry.name}
        return self._edit(unlocked, changes=values, removals=present - values.keys(), expires=None)

    def edit(self, unlocked: Unlocked, *, changes: Mapping[str, bytes], removals: Collection[str]) -> Change:
        """Save an open file with `changes` sealed and `removals` gone: what a rotation does, suffixed names included.

        Raises Changed if the file is no longer the one that was opened.
        """
        return self._edit(unlocked, changes=changes, removals=removals, expires=None)

    def add_reader(self, tenant: str, environment: str, public: bytes) -> Change:
        """Let the holder of an X25519 key open the file: one line more."""
        unlocked = self.open(tenant, environment)
        writer = self.keyring.signing_key("writer")
        data = sealing.add_reader(unlocked, public, writer=writer, now=int(self._clock()))
        return self._save(unlocked.envelope, data, tenant, environment)

    def remove_reader(self, tenant: str, environment: str, public: bytes, *, anyway: bool = False) -> Change:
        """Take a reader out: a new data key, every value sealed again. What it has read, it has read.

        Raises OperationUnderWay as `check_quiet` does, UnknownSecret, and what opening and saving raise.
        """
        self.check_quiet(tenant, environment, anyway=anyway)
        unlocked = self.open(tenant, environment)
        readers = [reader.public for reader in unlocked.envelope.readers]
        if public not in readers:
            message = f"{tenant}/{environment} has no such recipient"
            raise UnknownSecret(message, hint=f"sealproof recipient list {tenant} --environment {environment}")
        key = self.keyring.ensure_epoch(tenant, environment)
        return self.reseal(unlocked, key, readers=[reader for reader in readers if reader != public])

    def reseal(self, unlocked: Unlocked, epoch_key: EpochKey, *, readers: list[bytes] | None = None) -> Change:
        """Seal every value again under a new data key and `epoch_key`; versions and ages stay.

        `readers` defaults to the file's own. Raises Changed if the file is no longer the one that was opened.
        """
        data = sealing.rekey(
            unlocked,
            sealing.stored(unlocked),
            epoch_key,
            writer=self.keyring.signing_key("writer"),
            now=int(self._clock()),
            readers=readers,
            random=self._random,
        )
        return self._save(unlocked.envelope, data, unlocked.envelope.tenant, unlocked.envelope.environment)

    def sign_again(self, tenant: str, environment: str) -> Change:
        """Let the store's present writer sign a file as it is: one generation more."""
        unlocked = self.open(tenant, environment)
        writer = self.keyring.signing_key("writer")
        data = sealing.sign_again(unlocked, writer=writer, now=int(self._clock()))
        return self._save(unlocked.envelope, data, tenant, environment)

    def check_quiet(self, tenant: str, environment: str, *, anyway: bool = False) -> None:
        """Refuse a new data key while a credential in the file is being rotated, unless `anyway`.

        The pending and previous values would be sealed again with all others, and nothing is lost. But consumers'
        words stand under the data key: who watches them would know nothing of them until each has read the file, and
        hosts with a key file of their own read nothing until they are handed the next one. Raises OperationUnderWay.
        """
        scope = f"{tenant}/{environment}/"
        found = [] if anyway else [one for one in self.keyring.journal.unfinished() if one.scope.startswith(scope)]
        if found:
            name = found[0].scope.removeprefix(scope)
            message = f"{found[0].kind} of {found[0].scope} is under way, and its consumers would fall silent"
            option = f"--tenant {tenant} --environment {environment}"
            hint = f"sealproof rotate {name} {option} --abandon, or wait for its end, or --anyway in an emergency"
            raise OperationUnderWay(message, hint=hint, names=(name,))

    def rotate_epoch(self, tenant: str, environment: str, *, grace_days: int = 0, anyway: bool = False) -> Change:
        """Seal the file under a new epoch key: see `vault.keys.epochs`."""
        from sealproof.vault.keys.epochs import Epochs  # noqa: PLC0415 - which is written on top of this class

        return Epochs(self).rotate(tenant, environment, grace_days=grace_days, anyway=anyway)

    def merge(self, base: bytes, ours: bytes, theirs: bytes, *, tenant: str, environment: str) -> bytes:
        """Return the merge of two edits, for the version-control driver. Nothing is written here.

        Raises MergeConflict, and what opening a side raises.
        """
        return merging.merge(
            base,
            ours,
            theirs,
            tenant=tenant,
            environment=environment,
            keys=self.keyring.key_lines(tenant, environment),
            freshness=Freshness(now=int(self._clock())),
            writer=self.keyring.signing_key("writer"),
        )

    def _edit(
        self, unlocked: Unlocked, *, changes: Mapping[str, bytes], removals: Collection[str], expires: int | None
    ) -> Change:
        tenant, environment = unlocked.envelope.tenant, unlocked.envelope.environment
        data = sealing.edit(
            unlocked,
            changes=changes,
            removals=removals,
            writer=self.keyring.signing_key("writer"),
            now=int(self._clock()),
            expires=expires,
            epoch_key=self.keyring.ensure_epoch(tenant, environment),
            random=self._random,
        )
        return self._save(unlocked.envelope, data, tenant, environment)

    def _save(self, before: Envelope | None, data: bytes, tenant: str, environment: str) -> Change:
        if before is None or data != before.data:
            keys = self.keyring.key_lines(tenant, environment)
            now = Freshness(now=int(self._clock()))
            unlock(data, tenant=tenant, environment=environment, keys=keys, freshness=now).values()
            self.store.write(tenant, environment, data, expected=None if before is None else before.data)
        return Change(before, parse(data))

    def _read(self, tenant: str, environment: str) -> bytes:
        data = self.store.read(tenant, environment)
        if data is None:
            message = f"{self.store.root} has no tenant {tenant} with environment {environment}"
            raise UnknownTenant(message, hint=f"sealproof seal {tenant} --environment {environment} FILE")
        return data
