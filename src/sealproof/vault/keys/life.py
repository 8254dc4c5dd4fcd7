"""Key life and backups in one place: what is unfinished, and who finishes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import OperationUnderWay
from sealproof.vault.backup import create, restore
from sealproof.vault.keys import epochs, erasure, holds, master, signers

if TYPE_CHECKING:
    from sealproof.vault.custodian import Custodian
    from sealproof.vault.journal import Operation


class KeyLife:
    """Resumes or gives up the key operations and backups of one store. `subject` is who asks."""

    def __init__(self, custodian: Custodian, *, subject: str) -> None:
        self._journal = custodian.keyring.journal
        rolls, rotations = signers.Signers(custodian), epochs.Epochs(custodian)
        masters = master.MasterRotation(custodian.keyring)
        self._resume = {
            epochs.ROTATE: rotations.resume,
            epochs.DESTROY: rotations.resume,
            master.ROTATE: masters.resume,
            signers.ROLL: rolls.resume,
            holds.ERASE: erasure.Erasure(custodian, subject=subject).resume,
            create.CREATE: create.give_up,
        }
        self._abandon = {
            epochs.ROTATE: rotations.abandon,
            master.ROTATE: masters.abandon,
            create.CREATE: create.give_up,
            restore.RESTORE: restore.Restore(custodian).abandon,
        }

    def unfinished(self) -> list[Operation]:
        """Return what was begun and is not over; operations of others, such as a secret's rotation, are not listed."""
        return [one for one in self._journal.unfinished() if one.kind in self._resume or one.kind in self._abandon]

    def waits_for(self, operation: Operation) -> str:
        """Say what a person has to type to finish it; empty if `resume` can. A restore needs its container again."""
        if operation.kind in self._resume:
            return ""
        return "sealproof backup restore with the same FILE and options, or sealproof key resume --abandon"

    def resume(self, operation: Operation) -> None:
        """Finish one. A writer's roll goes on waiting for key files to be handed out. Raises OperationUnderWay."""
        finish = self._resume.get(operation.kind)
        if finish is None:
            message = f"{operation.kind} of {operation.scope} cannot be finished from what the store holds"
            raise OperationUnderWay(message, hint=self.waits_for(operation))
        finish(operation)

    def abandon(self, operation: Operation) -> None:
        """Give one up and put things back. Raises OperationUnderWay where there is only forward."""
        give_up = self._abandon.get(operation.kind)
        if give_up is None:
            message = f"{operation.kind} of {operation.scope} cannot be given up, only finished"
            raise OperationUnderWay(message, hint="sealproof key resume")
        give_up(operation)
