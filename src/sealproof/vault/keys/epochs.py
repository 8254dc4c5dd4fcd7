"""Epoch keys: a new one, the file sealed under it, the old one retired, and after its grace destroyed.

A rotation is four journalled steps; each is safe to repeat, so that whoever finds one unfinished
carries it to its end. Until `seal` the file is as it was; from then on it is under the new epoch, and
the old key opens old copies until it is destroyed.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sealproof.errors import CallerError, Changed, GraceNotOver, OperationUnderWay
from sealproof.vault.custodian import DAY, Change
from sealproof.vault.keys.holds import beside
from sealproof.vault.keys.keyring import check_room

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.envelope.seal import EpochKey
    from sealproof.vault.custodian import Custodian
    from sealproof.vault.journal import Operation

ROTATE, DESTROY = "epoch.rotate", "epoch.destroy"
_TRIES = 5  # a save by somebody else in between is taken up, not overwritten


class Epochs:
    """The life of one store's epoch keys."""

    def __init__(self, custodian: Custodian) -> None:
        self._custodian = custodian
        self._keyring = custodian.keyring
        self._journal = custodian.keyring.journal

    def rotate(self, tenant: str, environment: str, *, grace_days: int = 0, anyway: bool = False) -> Change:
        """Seal a tenant's file under a new epoch key; finish a rotation that was broken off instead, if there is one.

        The old key may be destroyed when `grace_days` are over: the time hosts have to take up the new key file.

        What is refused here is not begun. Raises OperationUnderWay if another process is at it, or a credential in the
        file is being rotated and `anyway` is not set (`Custodian.check_quiet` says why), CallerError, LimitExceeded on
        more epochs than a key file can hold, KeyMissing, and what opening and saving raise.
        """
        if grace_days < 0:
            message = f"{grace_days} is no number of days"
            raise CallerError(message, hint="sealproof key rotate TENANT --grace DAYS")
        scope = f"{tenant}/{environment}"
        with self._held(scope):
            found = self._journal.unfinished(ROTATE, scope)
            if found:
                return self._carry_out(found[0])
            self._custodian.check_quiet(tenant, environment, anyway=anyway)
            current = self._custodian.open(tenant, environment).envelope.epoch
            owner = self._keyring.tenant_file(tenant)
            if owner is not None:
                check_room(owner, environment)
            self._keyring.signing_key("writer")
            epochs = [record.epoch for record in owner.epochs if record.environment == environment] if owner else []
            facts = {"from": current, "to": max([current, *epochs]) + 1, "grace": grace_days * DAY}
            return self._carry_out(self._journal.begin(ROTATE, scope, **facts))

    def destroy(self, tenant: str, environment: str, *, despite_grace: bool = False) -> list[int]:
        """Destroy the keys of epochs that the file has left behind, and return which.

        Raises GraceNotOver if all of them are still in their grace, OperationUnderWay on an unfinished rotation.
        """
        scope = f"{tenant}/{environment}"
        with self._held(scope):
            if self._journal.unfinished(ROTATE, scope):
                message = f"the rotation of {scope} is not finished, so its old key is still needed"
                raise OperationUnderWay(message, hint="sealproof key resume")
            found = self._journal.unfinished(DESTROY, scope)
            operation = found[0] if found else self._condemn(tenant, environment, despite_grace=despite_grace)
            return [] if operation is None else self._carry_out_destruction(operation)

    def resume(self, operation: Operation) -> None:
        """Finish a rotation or a destruction that was broken off."""
        with self._held(operation.scope):
            if operation.kind == ROTATE:
                self._carry_out(operation)
            else:
                self._carry_out_destruction(operation)

    def abandon(self, operation: Operation) -> None:
        """Give up a rotation whose file is still under the old epoch: the new key goes again.

        Raises OperationUnderWay if the file has left the old epoch: then there is only forward.
        """
        tenant, environment = operation.scope.split("/")
        with self._held(operation.scope):
            current = self._custodian.open(tenant, environment).envelope.epoch
            if operation.kind != ROTATE or current >= operation.number("to"):
                message = f"{operation.kind} of {operation.scope} has gone too far to be given up"
                raise OperationUnderWay(message, hint="sealproof key resume")
            self._keyring.drop_epochs(
                tenant, environment, before=operation.number("to") + 1, keep=range(operation.number("to"))
            )
            operation.abandon("given up before the file was sealed again")

    @contextmanager
    def _held(self, scope: str) -> Iterator[None]:
        with beside(self._journal, scope.partition("/")[0]), self._journal.lease(scope):
            yield

    def _carry_out(self, operation: Operation) -> Change:
        tenant, environment = operation.scope.split("/")
        epoch = operation.number("to")
        operation.ensure("make")
        key = self._keyring.make_epoch(tenant, environment, epoch)
        operation.ensure("seal")
        change = self._seal(key)
        operation.ensure("retire")
        self._keyring.retire_epochs(tenant, environment, before=epoch)
        until = int(self._keyring.clock()) + operation.number("grace")
        operation.done(generation=change.generation, until=until)
        return change

    def _seal(self, key: EpochKey) -> Change:
        for _ in range(_TRIES - 1):
            with suppress(Changed):
                return self._seal_once(key)
        return self._seal_once(key)

    def _seal_once(self, key: EpochKey) -> Change:
        unlocked = self._custodian.open(key.tenant, key.environment)
        if unlocked.envelope.epoch >= key.epoch:
            return Change(unlocked.envelope, unlocked.envelope)
        return self._custodian.reseal(unlocked, key)

    def _condemn(self, tenant: str, environment: str, *, despite_grace: bool) -> Operation | None:
        scope = f"{tenant}/{environment}"
        current = self._custodian.open(tenant, environment).envelope.epoch
        owner = self._keyring.tenant_file(tenant)
        left = [] if owner is None else [r for r in owner.epochs if r.environment == environment and r.epoch < current]
        ends = {} if despite_grace else self._ends(scope)
        now = int(self._keyring.clock())
        gone = [record for record in left if ends.get(record.epoch, 0) <= now]
        if left and not gone:
            message = (
                f"the old key of {scope} stays for {_days(min(ends[r.epoch] for r in left) - now)} more: its grace"
            )
            hint = (
                f"if every host has its new key file: sealproof key destroy {tenant} --environment {environment} --now"
            )
            raise GraceNotOver(message, hint=hint)
        if not gone:
            return None
        facts = {"epochs": [record.epoch for record in gone], "created": [record.created for record in gone]}
        return self._journal.begin(DESTROY, scope, current=current, **facts)

    def _ends(self, scope: str) -> dict[int, int]:
        """Return when each epoch's grace is over, as the rotation that retired it said."""
        return {one.number("from"): one.number("until") for one in self._journal.history(ROTATE, scope)}

    def _carry_out_destruction(self, operation: Operation) -> list[int]:
        tenant, environment = operation.scope.split("/")
        gone = operation.numbers("epochs")
        operation.ensure("shred")
        current = operation.number("current")
        keep = set(range(current)).difference(gone)
        self._keyring.drop_epochs(tenant, environment, before=current, keep=keep)
        operation.done()
        return gone


def _days(seconds: int) -> str:
    return f"{-(-seconds // DAY)} d"
