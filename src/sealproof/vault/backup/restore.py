"""Bring back a tenant from a backup into a store that lives: new data keys, a generation above every one known.

The container is proved whole before the first byte is written (`proof`), and every refusal comes before the first
line of the journal: what is begun is stopped by the disk alone. A file of the store that is newer than the
backup's is not replaced unless the caller says so, and then the journal and the audit log say it, too. Nor is
what no writer of this store signed taken: anybody who knows a recipient's public key can make a container.
Who was erased after the backup was made stays erased, and nobody is erased meanwhile.

    begin    which container, and what is to be brought back
    write    one line a file, with the hash of what is about to be put in place; the save is atomic
    beside   the manifest and the example of names, where the tenant has none
    done
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import OlderBackup, SealproofError
from sealproof.signing import sha256
from sealproof.vault.backup import header as headers
from sealproof.vault.backup.anew import Anew, readable
from sealproof.vault.backup.create import scope_name
from sealproof.vault.backup.header import WHOLE_STORE
from sealproof.vault.backup.opening import container, sealed_file
from sealproof.vault.backup.proof import BESIDE_MAX, Proof, check_same, is_of
from sealproof.vault.keys.holds import alone

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.envelope.open import Unlocked
    from sealproof.vault.backup.entries import Entry, Sealed
    from sealproof.vault.backup.header import Identity
    from sealproof.vault.backup.opening import Container
    from sealproof.vault.backup.proof import Proved
    from sealproof.vault.custodian import Custodian
    from sealproof.vault.journal import Operation

RESTORE = "backup.restore"
_NAMED_MAX = 64  # scopes that a journal line names


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

        Raises OlderBackup, ForeignBackup, ErasedTenant, CannotOpen, EvidenceRejected, LimitExceeded, UnsafeFile,
        KeyMissing, OperationUnderWay while a tenant of it is erased or rotated, CallerError if the container lacks
        `tenant`: nothing was written then. Raises FileUnavailable and Changed, behind which the same call goes on.
        """
        with container(path) as found:
            key = headers.unlock(found.header, identity)
            scope = tenant or found.header.scope
            with alone(self._journal, "" if scope == WHOLE_STORE else scope):
                anew = Anew(self._custodian, above=above)
                proved = Proof(self._custodian, found, key, anew).of(tenant, erased=erased, foreign=foreign)
                operation = self._operation(scope_name(scope), found, proved, older=older)
                done = self._bring_back(operation, found, key, proved, anew)
                operation.done(lowered=[one.scope for one in done if one.lowered])
            self.left_out = proved.left_out
            return done

    def abandon(self, operation: Operation) -> None:
        """Give up a restore that was broken off. Each file is whole, the backup's or the store's; none goes back."""
        with alone(self._journal, "" if operation.scope == scope_name(WHOLE_STORE) else operation.scope):
            operation.abandon("given up; what was in place stays")

    def _operation(self, scope: str, found: Container, proved: Proved, *, older: bool) -> Operation:
        """Return the restore of this container that was broken off, or a new one. Raises OlderBackup."""
        container_id = found.header.identifier
        broken_off = self._journal.unfinished(RESTORE, scope)
        mine = next((one for one in broken_off if one.text("container") == container_id), None)
        newer = self._newer(proved.wanted, self._written(mine))
        if newer and not older:
            raise _older(found.path, newer)
        if mine is not None:
            return mine
        for other in broken_off:
            other.abandon("another backup is restored")
        return self._journal.begin(
            RESTORE,
            scope,
            container=container_id,
            files=len(proved.wanted),
            older=bool(newer),
            foreign=proved.foreign[:_NAMED_MAX],
            erased=[one for one in proved.erased if one in proved.tenants][:_NAMED_MAX],
        )

    def _newer(self, wanted: list[Sealed], written: set[str]) -> list[str]:
        """Return the scopes whose file here is newer than the backup's, but for what this restore has put there."""
        newer = []
        for one in wanted:
            here = readable(self._custodian.store.read(one.tenant, one.environment))
            if here is not None and here.generation > one.generation and sha256(here.data).hex() not in written:
                newer.append(f"{one.tenant}/{one.environment}")
        return newer

    def _written(self, operation: Operation | None) -> set[str]:
        """Return the hashes of what this very restore has put in place before it was broken off."""
        if operation is None:
            return set()
        lines = (line for line in self._journal.entries() if line.operation == operation.id)
        return {str(line.facts["sha256"]) for line in lines if "sha256" in line.facts}

    def _bring_back(
        self, operation: Operation, found: Container, key: bytes, proved: Proved, anew: Anew
    ) -> list[Restored]:
        """Write what was proved. Stopped before its first file, nothing is left of it to be finished."""
        done: list[Restored] = []
        now = int(self._custodian.keyring.clock())
        written = self._written(operation)

        def take(entry: Entry) -> None:
            if not is_of(entry.path, proved.tenants):
                return
            unlocked = sealed_file(entry, proved.keys, now=now, closed=[])
            if unlocked is not None:
                check_same(unlocked, proved.wanted)
                done.append(self._write(operation, unlocked, proved, anew, written))
                self._advance(done[-1].scope)
            else:
                self._beside(operation, entry)

        try:
            found.each(key, take)
        except SealproofError as exc:
            if operation.last == "begin":
                operation.abandon(type(exc).__name__)
            raise
        return done

    def _write(
        self, operation: Operation, unlocked: Unlocked, proved: Proved, anew: Anew, written: set[str]
    ) -> Restored:
        copy = unlocked.envelope
        tenant, environment = copy.tenant, copy.environment
        scope = f"{tenant}/{environment}"
        here = readable(self._custodian.store.read(tenant, environment))
        if here is not None and sha256(here.data).hex() in written:
            return Restored(scope, here.generation, copy.generation, 0, operation.facts.get("older") is True)
        made = anew.seal(unlocked, foreign=scope in proved.foreign)
        operation.step("write", scope=scope, generation=made.generation, sha256=sha256(made.data).hex())
        self._custodian.store.write(tenant, environment, made.data, expected=made.present)
        before = made.here.generation if made.here else 0
        return Restored(scope, made.generation, copy.generation, before, before > copy.generation)

    def _beside(self, operation: Operation, entry: Entry) -> None:
        _, tenant, name = entry.path.split("/")
        data = entry.read(BESIDE_MAX)
        if self._custodian.store.read_beside(tenant, name, limit=BESIDE_MAX) is None:
            operation.step("beside", file=entry.path)
            self._custodian.store.rewrite_beside(tenant, name, lambda present: present or data, limit=BESIDE_MAX)


def _older(path: str, scopes: list[str]) -> OlderBackup:
    message = f"{', '.join(scopes)}: the store has newer values than the backup, which a restore would undo"
    return OlderBackup(message, hint=f"sealproof backup restore {path} --older", names=tuple(scopes))
