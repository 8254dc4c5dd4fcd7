"""A new master: every tenant's keys wrapped under it beside the old wraps, then one rename that makes it the master.

    next    keys/master.key.next is written
    wrap    keys/tenant_keys/<tenant>.key.next, one a tenant: the same epoch keys under the next master
    flip    master.key.next becomes master.key: before this rename the old master opens all, behind it the new one
    drop    each <tenant>.key.next takes the place of <tenant>.key, and what was there is overwritten

A reader who finds that `<tenant>.key` is not under the present master looks beside it
(`loader/storekeys.py`), so there is no moment without an answer. Killed before the flip, the next call
begins the wraps anew; behind it, it only finishes the renames, and needs no master for that. Which side it is on is
seen by the master itself: the journal holds its hash from before it was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.envelope.keytree import MasterFile
from sealproof.errors import CannotOpen, KeyMissing, OperationUnderWay, SealproofError
from sealproof.loader.storekeys import MASTER, NEXT, master_of, proved_owner, read_tenant_file
from sealproof.signing import sha256
from sealproof.vault.keys.keyring import PEM_MAX, tenants_of
from sealproof.vault.keys.overwrite import destroy, replace_overwriting, take_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.envelope.keytree import TenantFile
    from sealproof.loader.files import Directory
    from sealproof.vault.journal import Operation
    from sealproof.vault.keys.keyring import Keyring

    Advance = Callable[[int, str], None]

ROTATE = "master.rotate"
SCOPE = "master"
RANDOM, PASSPHRASE = "random", "passphrase"


def _silent(total: int, item: str) -> None:
    """Tell nobody of progress."""


class MasterRotation:
    """Changes the master of one store. `advance` is told of each tenant that is wrapped."""

    def __init__(self, keyring: Keyring, *, advance: Advance = _silent) -> None:
        self._keyring = keyring
        self._journal = keyring.journal
        self._advance = advance

    def rotate(self, *, passphrase: str | None = None) -> int:
        """Take a new master into use, random or stretched from `passphrase`; return how many tenants have keys.

        A rotation that was broken off is finished: from the beginning if the old master is still in force (then
        `passphrase` counts), else with the new one as it is. What is refused here is not begun, and what fails
        before the flip is given up.

        Raises WeakKey, KeyMissing and ConfigurationError if the present master does not open, CannotOpen if a
        tenant's keys do not (nothing has changed then), OperationUnderWay, also on a rotation to the other form or
        where another passphrase than this one is in force already.
        """
        with self._journal.lease(SCOPE):
            master = self._keyring.new_master(passphrase)
            form = RANDOM if passphrase is None else PASSPHRASE
            found = self._unfinished(form)
            if found is not None and self._has_flipped(found):
                if passphrase is not None:
                    self._refuse_another(passphrase)
                return self._drop(found)
            self._prove()
            operation = found or self._journal.begin(ROTATE, SCOPE, form=form)
            self._change(operation, master, master.key if passphrase is None else master.stretch(passphrase))
            return self._drop(operation)

    def resume(self, operation: Operation) -> None:
        """Finish a rotation that was broken off, to the form it began with. Raises KeyMissing, and as `rotate` does.

        Before the flip a rotation to a passphrase needs that passphrase again: then it is KeyMissing.
        """
        if self._has_flipped(operation):
            with self._journal.lease(SCOPE):
                self._drop(operation)
        elif operation.text("form") == PASSPHRASE:
            message = "the new master's passphrase is needed to wrap the keys under it"
            raise KeyMissing(message, hint="sealproof key rotate-master --passphrase")
        else:
            self.rotate()

    def abandon(self, operation: Operation) -> None:
        """Give up while the old master is in force: what was prepared is destroyed. Raises OperationUnderWay."""
        with self._journal.lease(SCOPE):
            if self._has_flipped(operation):
                message = "the new master is in force already, so there is nothing to give up"
                raise OperationUnderWay(message, hint="sealproof key resume")
            self._give_up(operation, "given up before the flip")

    def _unfinished(self, form: str) -> Operation | None:
        """Return the rotation that was broken off. Raises OperationUnderWay if it is to another form than `form`."""
        found = self._journal.unfinished(ROTATE)
        if found and found[0].text("form") != form:
            message = f"a rotation to a {found[0].text('form')} master is not finished, and this would be a {form} one"
            raise OperationUnderWay(message, hint="sealproof key resume, or sealproof key resume --abandon")
        return found[0] if found else None

    def _prove(self) -> None:
        """Open the first tenant's keys under the present master: what refuses that refuses all, before a line."""
        with self._keyring.locked() as keys:
            master_of(keys)
            for tenant in tenants_of(keys)[:1]:
                proved_owner(keys, tenant)

    def _refuse_another(self, passphrase: str) -> None:
        """Raise OperationUnderWay unless the master that is in force is stretched from `passphrase`.

        Where no tenant has keys, none is: whichever is set next is the master.
        """
        with self._keyring.locked() as keys:
            key = MasterFile.parse(keys.read(MASTER, limit=PEM_MAX, private=True) or b"").stretch(passphrase)
            files = [read_tenant_file(keys, one, suffix=end) for one in tenants_of(keys)[:1] for end in (NEXT, "")]
        if any(files) and not any(_opens(one, key) for one in files if one):
            message = "another passphrase than this one is the master already: the one that this rotation began with"
            hint = "sealproof key resume, then set MASTER_SECRET_KEY to that one, and rotate again"
            raise OperationUnderWay(message, hint=hint, names=("MASTER_SECRET_KEY",))

    def _give_up(self, operation: Operation, reason: str) -> None:
        with self._keyring.locked() as keys:
            for tenant in tenants_of(keys):
                with keys.make("tenant_keys") as directory:
                    destroy(directory, f"{tenant}.key{NEXT}")
            destroy(keys, f"{MASTER}{NEXT}")
        operation.abandon(reason)

    def _has_flipped(self, operation: Operation) -> bool:
        with self._keyring.locked() as keys:
            return operation.text("sha256") == _hash(keys.read(MASTER, limit=PEM_MAX, private=True) or b"")

    def _change(self, operation: Operation, master: MasterFile, key: bytes) -> None:
        """Wrap everything under the next master and make it the master, or leave everything as it was."""
        data = master.to_bytes()
        try:
            operation.step("next", before=self._keyring.master_created(), sha256=_hash(data))
            with self._keyring.locked() as keys:
                keys.sweep()
                replace_overwriting(keys, f"{MASTER}{NEXT}", data)
                tenants = tenants_of(keys)
            operation.step("wrap", tenants=len(tenants))
            for tenant in tenants:
                with self._keyring.locked() as keys:  # a tenant at a time: nobody else waits for all of them
                    self._wrap(keys, tenant, key)
                operation.reached("wrap:tenant")
                self._advance(len(tenants), tenant)
            with self._keyring.locked() as keys:
                self._complete(keys, key)
                operation.step("flip")
                take_place(keys, f"{MASTER}{NEXT}", MASTER)
        except SealproofError as exc:
            if not self._has_flipped(operation):
                self._give_up(operation, type(exc).__name__)
            raise

    def _wrap(self, keys: Directory, tenant: str, key: bytes) -> None:
        """Write a tenant's keys under the next master, beside the present ones."""
        proved = proved_owner(keys, tenant)
        if proved is None:
            return  # erased meanwhile
        owner, kek = proved
        epochs = [(record, owner.unwrap(kek, record)) for record in owner.epochs]
        renewed, new_kek = self._keyring.under(key, owner, epochs)
        with keys.make("tenant_keys") as directory:
            replace_overwriting(directory, f"{tenant}.key{NEXT}", renewed.to_bytes(new_kek))

    def _complete(self, keys: Directory, key: bytes) -> None:
        """Wrap again whose keys changed since, now that nobody can change them: a save takes the waiting file away."""
        for tenant in tenants_of(keys):
            if read_tenant_file(keys, tenant, suffix=NEXT) is None:
                self._wrap(keys, tenant, key)

    def _drop(self, operation: Operation) -> int:
        """Let each tenant's new file take the old one's place. One that was saved since has none waiting."""
        operation.ensure("drop")
        with self._keyring.locked() as keys:
            tenants = tenants_of(keys)
            with keys.make("tenant_keys") as directory:
                for tenant in tenants:
                    if f"{tenant}.key{NEXT}" in directory.names():
                        take_place(directory, f"{tenant}.key{NEXT}", f"{tenant}.key")
                        operation.reached("drop:tenant")
        operation.done(tenants=len(tenants))
        return len(tenants)


def _opens(owner: TenantFile, master: bytes) -> bool:
    try:
        owner.kek(master)
    except CannotOpen:
        return False
    return True


def _hash(master: bytes) -> str:
    """Return what the journal knows a master file by. A passphrase's holds only its salt, a random one's 256 bits."""
    return sha256(master).hex()
