"""What of a container comes back, and that it would: shown of all of it before the first byte is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import CallerError, ErasedTenant, EvidenceRejected, ForeignBackup, KeyMissing
from sealproof.signing import sha256
from sealproof.vault.backup.header import WHOLE_STORE
from sealproof.vault.backup.opening import sealed_file
from sealproof.vault.backup.stagedkeys import StagedKeys
from sealproof.vault.keys.holds import ERASE, refuse_half_erased

if TYPE_CHECKING:
    from sealproof.envelope.open import Unlocked
    from sealproof.vault.backup.anew import Anew
    from sealproof.vault.backup.entries import Entry, Sealed
    from sealproof.vault.backup.opening import Container
    from sealproof.vault.custodian import Custodian

BESIDE_MAX = 4 * 1024 * 1024  # bytes
_WRITERS = ("writer", "former-writer")  # a roll keeps what signed before, and older backups are by its hand


class Proved(NamedTuple):
    """What a container was proved to hold of what is wanted."""

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

    @property
    def left_out(self) -> tuple[str, ...]:
        """Who was erased since, and stays so."""
        return tuple(one for one in self.erased if one not in self.tenants)


class Proof:
    """Reads one container from its beginning to its end, and writes nothing."""

    def __init__(self, custodian: Custodian, found: Container, key: bytes, anew: Anew) -> None:
        self._custodian = custodian
        self._found = found
        self._key = key
        self._anew = anew

    def of(self, tenant: str, *, erased: bool, foreign: bool) -> Proved:
        """Prove all of the container, and that what is wanted opens, is ours and can be sealed anew.

        Raises EvidenceRejected, CannotOpen, CallerError if it holds nothing of `tenant`, ErasedTenant unless `erased`,
        ForeignBackup unless `foreign`, OperationUnderWay if an erasure of a tenant is not finished, KeyMissing, and
        what sealing refuses.
        """
        keys = StagedKeys()
        manifest = self._found.each(self._key, keys.take)
        wanted = [one for one in manifest.sealed if tenant in ("", one.tenant)]
        if not wanted:
            message = f"the backup {self._found.path} holds nothing of {tenant or 'any tenant'}"
            raise CallerError(message, hint=f"sealproof backup verify {self._found.path} says what it holds")
        gone = self._erased(wanted)
        if erased:
            refuse_half_erased(self._custodian.keyring.journal, *gone)
        elif gone:
            wanted = [one for one in wanted if one.tenant not in gone]
            if not wanted or tenant or self._found.header.scope != WHOLE_STORE:
                raise _buried(self._found.path, gone)
        proved = Proved(keys, wanted, [], gone)
        self._open(proved)
        if proved.foreign and not foreign:
            raise _foreign(self._found.path, proved.foreign)
        return proved

    def _open(self, proved: Proved) -> None:
        """Open every file that is wanted, note whose writer is a stranger's, and rehearse what will be done with it."""
        now = int(self._custodian.keyring.clock())
        writers = self._writers()
        closed: list[str] = []

        def look(entry: Entry) -> None:
            if not is_of(entry.path, proved.tenants):
                return
            unlocked = sealed_file(entry, proved.keys, now=now, closed=closed)
            if unlocked is not None:
                check_same(unlocked, proved.wanted)
                is_foreign = unlocked.envelope.writer not in writers
                if is_foreign:
                    proved.foreign.append(f"{unlocked.envelope.tenant}/{unlocked.envelope.environment}")
                self._anew.rehearse(unlocked, foreign=is_foreign)
            else:  # what describes its secrets: `has_place` lets nothing else be of a tenant
                _, tenant, name = entry.path.split("/")
                entry.read(BESIDE_MAX)
                self._custodian.store.read_beside(tenant, name, limit=BESIDE_MAX)

        self._found.each(self._key, look)
        if closed:
            message = f"the keys of {closed[0]} in the backup need the passphrase that its store was made with"
            raise KeyMissing(message, hint="set MASTER_SECRET_KEY, then run the command again")

    def _erased(self, wanted: list[Sealed]) -> list[str]:
        """Return who of the wanted was erased since the backup was made, or began to be; the journal knows."""
        created = self._found.header.created
        gone = {
            one.scope
            for one in self._custodian.keyring.journal.history(ERASE)
            if not one.is_over or (one.has("keys") and one.at >= created)
        }
        return sorted({one.tenant for one in wanted} & gone)

    def _writers(self) -> set[bytes]:
        """Return whose signatures count here: the pinned writers, and those that they took over from."""
        publics = self._custodian.keyring.signing_publics()
        return {public for name, public in publics.items() if name.startswith(_WRITERS)}


def is_of(path: str, tenants: set[str]) -> bool:
    """Tell whether a path of a container is a file of one of `tenants`."""
    return path.startswith("tenants/") and path.split("/")[1] in tenants


def check_same(unlocked: Unlocked, wanted: list[Sealed]) -> None:
    """Refuse a file that is not the one that the first reading proved: the container is read more than once."""
    if sha256(unlocked.envelope.data).hex() not in {one.sha256 for one in wanted}:
        message = "the backup's file was changed while it was read"
        raise EvidenceRejected(message, hint="copy it where nobody else writes, then run the command again")


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
