"""Bring back a tenant from a backup into a store that lives: new data keys, a generation above every one known.

The container is proved whole before the first byte is written. A file of the store that is newer than the
backup's is not replaced unless the caller says so, and then the journal and the audit log say it, too. Nor is
what no writer of this store signed taken: anybody who knows a recipient's public key can make a container.
Who was erased after the backup was made stays erased.

    begin    which container, and what is to be brought back
    write    one line a file, with the hash of what is about to be put in place; the save is atomic
    beside   the manifest and the example of names, where the tenant has none
    done
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope import seal as sealing
from sealproof.envelope.freshness import parse_minimum
from sealproof.envelope.parse import parse
from sealproof.errors import (
    CallerError,
    DataError,
    ErasedTenant,
    EvidenceRejected,
    ForeignBackup,
    KeyMissing,
    OlderBackup,
)
from sealproof.signing import sha256
from sealproof.vault.backup import header as headers
from sealproof.vault.backup.create import scope_name
from sealproof.vault.backup.header import WHOLE_STORE
from sealproof.vault.backup.opening import container, sealed_file
from sealproof.vault.backup.stagedkeys import StagedKeys
from sealproof.vault.keys.erasure import ERASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.envelope.open import Unlocked
    from sealproof.envelope.parse import Envelope
    from sealproof.vault.backup.entries import Entry, Sealed
    from sealproof.vault.backup.header import Identity
    from sealproof.vault.backup.opening import Container
    from sealproof.vault.custodian import Custodian
    from sealproof.vault.journal import Operation

RESTORE = "backup.restore"
_BESIDE = ("manifest.toml", ".env.example")
_BESIDE_MAX = 4 * 1024 * 1024  # bytes
_NAMED_MAX = 64  # scopes that a journal line names
_WRITERS = ("writer", "former-writer")  # a roll keeps what signed before, and older backups are by its hand


class Restored(NamedTuple):
    """What a restore did to one file."""

    scope: str
    """`tenant/environment`."""
    generation: int
    """Of the new file."""
    backup_generation: int
    replaced_generation: int
    """Of the file that stood there; 0 where there was none that could be read."""
    lowered: bool
    """Whether older values took the place of newer ones, as the caller had asked."""


class _Proved(NamedTuple):
    """What a container was proved to hold of what is wanted, before any of it counts."""

    keys: StagedKeys
    wanted: list[Sealed]
    foreign: list[str]
    """Scopes whose file no writer of this store signed."""
    erased: list[str]
    """Tenants in the backup that were erased since it was made."""

    @property
    def tenants(self) -> set[str]:
        """Whose files are brought back."""
        return {one.tenant for one in self.wanted}


class Restore:
    """Brings tenants back from one container into a living store."""

    def __init__(self, custodian: Custodian, *, advance: Callable[[str], None] = lambda _: None) -> None:
        self._custodian = custodian
        self._journal = custodian.keyring.journal
        self._advance = advance
        self.left_out: tuple[str, ...] = ()
        """Tenants that the last restore of a whole store's backup left out: they were erased since."""

    def restore(
        self,
        path: str,
        identity: Identity,
        *,
        tenant: str = "",
        older: bool = False,
        foreign: bool = False,
        erased: bool = False,
        above: int = 0,
    ) -> list[Restored]:
        """Bring back every file of the container, or of one `tenant` in it; the same call again finishes a broken one.

        `older` allows older values to replace newer ones. `foreign` allows what another store's writer signed; its
        readers are not taken. `erased` brings back who was erased since. `above` is the highest generation that hosts
        are known to have seen, where the store itself has lost it.

        Raises OlderBackup, ForeignBackup, ErasedTenant (nothing was written), CannotOpen, EvidenceRejected, CallerError
        if the container lacks `tenant`, and what saving raises.
        """
        with container(path) as found:
            key = headers.unlock(found.header, identity)
            proved = self._proved(found, key, tenant, erased=erased)
            if proved.foreign and not foreign:
                raise _foreign(path, proved.foreign)
            scope = scope_name(tenant or found.header.scope)
            with self._journal.lease(f"restore/{scope}"):
                operation = self._operation(scope, found.header.identifier)
                newer = self._newer(proved.wanted, self._written(operation))
                if newer and not older:
                    raise _older(path, newer)
                if operation is None:
                    operation = self._journal.begin(
                        RESTORE,
                        scope,
                        container=found.header.identifier,
                        files=len(proved.wanted),
                        older=bool(newer),
                        foreign=proved.foreign[:_NAMED_MAX],
                        erased=[one for one in proved.erased if one in proved.tenants][:_NAMED_MAX],
                    )
                done = self._bring_back(operation, found, key, proved, above=above)
                self.left_out = tuple(one for one in proved.erased if one not in proved.tenants)
                operation.done(lowered=[one.scope for one in done if one.lowered])
                return done

    def _proved(self, found: Container, key: bytes, tenant: str, *, erased: bool) -> _Proved:
        """Prove all of the container, and that what is wanted opens, before any of it counts."""
        keys, now = StagedKeys(), int(self._custodian.keyring.clock())
        closed: list[str] = []
        foreign: list[str] = []
        writers = self._writers()
        manifest = found.each(key, keys.take)
        wanted = [one for one in manifest.sealed if tenant in ("", one.tenant)]
        if not wanted:
            message = f"the backup {found.path} holds nothing of {tenant or 'any tenant'}"
            raise CallerError(message, hint=f"sealproof backup verify {found.path} says what it holds")
        gone = self._erased(wanted, found.header.created)
        if gone and not erased:
            wanted = [one for one in wanted if one.tenant not in gone]
            if not wanted or tenant or found.header.scope != WHOLE_STORE:
                raise _buried(found.path, gone)
        tenants = {one.tenant for one in wanted}

        def look(entry: Entry) -> None:
            unlocked = sealed_file(entry, keys, now=now, closed=closed) if _is_of(entry.path, tenants) else None
            if unlocked is not None:
                _check_same(unlocked, wanted)
                unlocked.values()
                if unlocked.envelope.writer not in writers:
                    foreign.append(f"{unlocked.envelope.tenant}/{unlocked.envelope.environment}")

        found.each(key, look)
        if closed:
            message = f"the keys of {closed[0]} in the backup need the passphrase that its store was made with"
            raise KeyMissing(message, hint="set MASTER_SECRET_KEY, then run the command again")
        return _Proved(keys, wanted, foreign, gone)

    def _erased(self, wanted: list[Sealed], created: int) -> list[str]:
        """Return who of the wanted was erased, or began to be, after a backup of `created`; the journal knows."""
        gone = {
            one.scope
            for one in self._journal.history(ERASE)
            if not one.is_over or (one.has("keys") and one.at >= created)
        }
        return sorted({one.tenant for one in wanted} & gone)

    def _writers(self) -> set[bytes]:
        """Return whose signatures count here: the pinned writers, and those that they took over from."""
        publics = self._custodian.keyring.signing_publics()
        return {public for name, public in publics.items() if name.startswith(_WRITERS)}

    def _newer(self, wanted: list[Sealed], written: set[str]) -> list[str]:
        """Return the scopes whose file here is newer than the backup's, but for what this restore has put there."""
        newer = []
        for one in wanted:
            here = self._here(one.tenant, one.environment)
            if here is not None and here.generation > one.generation and sha256(here.data).hex() not in written:
                newer.append(f"{one.tenant}/{one.environment}")
        return newer

    def _bring_back(
        self, operation: Operation, found: Container, key: bytes, proved: _Proved, *, above: int
    ) -> list[Restored]:
        done: list[Restored] = []
        now = int(self._custodian.keyring.clock())

        def take(entry: Entry) -> None:
            if not _is_of(entry.path, proved.tenants):
                return
            unlocked = sealed_file(entry, proved.keys, now=now, closed=[])
            if unlocked is not None:
                _check_same(unlocked, proved.wanted)
                done.append(self._write(operation, unlocked, proved, above=above))
                self._advance(done[-1].scope)
            elif entry.path.rpartition("/")[2] in _BESIDE:
                self._beside(operation, entry)

        found.each(key, take)
        return done

    def _operation(self, scope: str, identifier: str) -> Operation | None:
        """Return the restore that was broken off, if it was of this container; another one is given up."""
        for found in self._journal.unfinished(RESTORE, scope):
            if found.text("container") == identifier:
                return found
            found.abandon("another backup is restored")
        return None

    def _here(self, tenant: str, environment: str) -> Envelope | None:
        """Return what stands in the store now; None where there is nothing, or nothing that can be read."""
        try:
            data = self._custodian.store.read(tenant, environment)
            return None if data is None else parse(data)
        except DataError:
            return None

    def _written(self, operation: Operation | None) -> set[str]:
        """Return the hashes of what this very restore has put in place before it was broken off."""
        if operation is None:
            return set()
        lines = (line for line in self._journal.entries() if line.operation == operation.id)
        return {str(line.facts["sha256"]) for line in lines if "sha256" in line.facts}

    def _write(self, operation: Operation, unlocked: Unlocked, proved: _Proved, *, above: int) -> Restored:
        copy = unlocked.envelope
        tenant, environment = copy.tenant, copy.environment
        present = self._custodian.store.read(tenant, environment)
        here = self._here(tenant, environment)
        lowered = here is not None and here.generation > copy.generation
        if here is not None and sha256(here.data).hex() in self._written(operation):
            return Restored(
                f"{tenant}/{environment}", here.generation, copy.generation, 0, operation.facts.get("older") is True
            )
        # Who was removed since does not come back, nor does a reader that another store chose.
        readers = here.readers if here else [] if f"{tenant}/{environment}" in proved.foreign else copy.readers
        generation = 1 + max(copy.generation, here.generation if here else 0, above, self._known(tenant, environment))
        keyring = self._custodian.keyring
        data = sealing.create(
            keyring.ensure_epoch(tenant, environment),
            sealing.stored(unlocked),
            writer=keyring.signing_key("writer"),
            now=int(keyring.clock()),
            generation=generation,
            expires=(here or copy).expires,
            readers=[reader.public for reader in readers],
            random=keyring.random,
        )
        operation.step("write", scope=f"{tenant}/{environment}", generation=generation, sha256=sha256(data).hex())
        self._custodian.store.write(tenant, environment, data, expected=present)
        return Restored(f"{tenant}/{environment}", generation, copy.generation, here.generation if here else 0, lowered)

    def _known(self, tenant: str, environment: str) -> int:
        """Return the highest generation that the journal or a pinned minimum tells of."""
        scope = f"{tenant}/{environment}"
        told = [0]
        for line in self._journal.entries():
            found = line.facts.get("generation")
            if isinstance(found, int) and scope in (line.scope, line.facts.get("scope")):
                told.append(found)
        with suppress(
            ValueError
        ):  # whoever opens the file says what is wrong with it; here it could only raise a number
            told.append(parse_minimum(os.environ.get("SEALPROOF_MIN_GENERATION") or "1"))
        return max(told)

    def _beside(self, operation: Operation, entry: Entry) -> None:
        _, tenant, name = entry.path.split("/")
        data = entry.read(_BESIDE_MAX)
        if self._custodian.store.read_beside(tenant, name, limit=_BESIDE_MAX) is None:
            operation.step("beside", file=entry.path)
            self._custodian.store.rewrite_beside(tenant, name, lambda present: present or data, limit=_BESIDE_MAX)


def _is_of(path: str, tenants: set[str]) -> bool:
    return path.startswith("tenants/") and path.split("/")[1] in tenants


def _check_same(unlocked: Unlocked, wanted: list[Sealed]) -> None:
    """Refuse a file that is not the one that the first reading proved: the container is read again to write."""
    if sha256(unlocked.envelope.data).hex() not in {one.sha256 for one in wanted}:
        message = "the backup's file was changed while it was read"
        raise EvidenceRejected(message, hint="copy it where nobody else writes, then run the command again")


def _older(path: str, scopes: list[str]) -> OlderBackup:
    message = f"{', '.join(scopes)}: the store has newer values than the backup, which a restore would undo"
    return OlderBackup(message, hint=f"sealproof backup restore {path} --older", names=tuple(scopes))


def _foreign(path: str, scopes: list[str]) -> ForeignBackup:
    message = f"{', '.join(scopes)}: no writer of this store, present or former, signed what the backup holds of it"
    hint = f"sealproof backup restore {path} --foreign, only if you know which store it was made of"
    return ForeignBackup(message, hint=hint, names=tuple(scopes))


def _buried(path: str, tenants: list[str]) -> ErasedTenant:
    message = (
        f"{', '.join(tenants)} was erased after the backup was made, and a restore would bring back what was erased"
    )
    hint = f"sealproof backup restore {path} --erased, only if the erasure was a mistake"
    return ErasedTenant(message, hint=hint, names=tuple(tenants))
