"""Key life in one place: what is unfinished, and who finishes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import OperationUnderWay
from sealproof.vault.keys import epochs, erasure, master, signers

if TYPE_CHECKING:
    from sealproof.vault.custodian import Custodian
    from sealproof.vault.journal import Operation


class KeyLife:
    """Resumes or gives up the key operations of one store. `subject` is who asks."""

    def __init__(self, custodian: Custodian, *, subject: str) -> None:
        self._journal = custodian.keyring.journal
        rolls, rotations = signers.Signers(custodian), epochs.Epochs(custodian)
        self._resume = {
            epochs.ROTATE: rotations.resume,
            epochs.DESTROY: rotations.resume,
            master.ROTATE: master.MasterRotation(custodian.keyring).resume,
            signers.ROLL: rolls.resume,
            erasure.ERASE: erasure.Erasure(custodian, subject=subject).resume,
        }
        self._abandon = {
            epochs.ROTATE: rotations.abandon,
            master.ROTATE: master.MasterRotation(custodian.keyring).abandon,
        }

    def unfinished(self) -> list[Operation]:
        """Return the key operations that were begun and are not over; others' are not listed."""
        return [one for one in self._journal.unfinished() if one.kind in self._resume]

    def resume(self, operation: Operation) -> None:
        """Finish one. A writer's roll goes on waiting for key files to be handed out."""
        self._resume[operation.kind](operation)

    def abandon(self, operation: Operation) -> None:
        """Give one up and put things back. Raises OperationUnderWay where there is only forward."""
        give_up = self._abandon.get(operation.kind)
        if give_up is None:
            message = f"{operation.kind} of {operation.scope} cannot be given up, only finished"
            raise OperationUnderWay(message, hint="sealproof key resume")
        give_up(operation)
