"""Rolling a signing key: its successor signs, its private half is destroyed, its public half is kept.

Reports and the journal are verified with whichever public halves a verifier has, so their successor
takes over at once. A writer is pinned by every host's key file: there the roll stops after the new key
is made and pinned beside the old one, until someone has handed out the key files again and says so.

    make     <purpose>-next.key and its public half; a writer's is pinned from here on
    wait     writer only: hosts get their key files, which pin both
    swap     <purpose>-next.key becomes <purpose>.key, in one rename that destroys the old private half
    publish  <purpose>.pub is the new public half, the old one is kept under its number
    resign   writer only: every file is signed anew
    unpin    writer only: the old public half is kept as former-writer-<number>.pub, which nothing trusts

The policy's key hands over while nobody can change the policy (`policyroll`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import WRITERS_MAX
from sealproof.errors import CallerError, LimitExceeded
from sealproof.loader.files import unavailable
from sealproof.signing import SEED_BYTES, SigningKey, fingerprint, public_to_pem
from sealproof.vault.access.interface import POLICY_KEY
from sealproof.vault.keys import policyroll
from sealproof.vault.keys.keyring import public_of
from sealproof.vault.keys.overwrite import take_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.loader.files import Directory
    from sealproof.vault.custodian import Custodian
    from sealproof.vault.journal import Operation

ROLL = "signing.roll"
PURPOSES = ("writer", "report", "journal", POLICY_KEY)
"""The audit log's keys roll by themselves, hour by hour; a policy key that lies elsewhere is its holder's."""
EXPORT = "key.export"


class Signers:
    """The signing keys of one store."""

    def __init__(self, custodian: Custodian) -> None:
        self._custodian = custodian
        self._keyring = custodian.keyring
        self._journal = custodian.keyring.journal

    def roll(self, purpose: str) -> Operation:
        """Begin to roll the key of `purpose`, or go on; a writer's waits for `finish`. Raises CallerError, KeyMissing.

        Raises LimitExceeded if the store pins as many writers as a key file can name.
        """
        if purpose not in PURPOSES:
            message = f"{purpose!r:.40} is no signing key that can be rolled"
            raise CallerError(message, hint=f"sealproof key roll {' | '.join(PURPOSES)}")
        with self._journal.lease(f"signing/{purpose}"):
            found = self._journal.unfinished(ROLL, f"signing/{purpose}")
            operation = found[0] if found else self._begin(purpose)
            self._make(operation, purpose)
            if purpose == "writer":
                operation.ensure("wait")
            else:
                self._finish(operation, purpose)
            return operation

    def finish(self, purpose: str) -> Operation:
        """Let the new key sign from now on: every host has the key file that pins it.

        Raises CallerError, and what opening raises: before the swap, if a file it has to sign anew does not open.
        """
        with self._journal.lease(f"signing/{purpose}"):
            found = self._journal.unfinished(ROLL, f"signing/{purpose}")
            if not found:
                message = f"no roll of the {purpose} key is under way"
                raise CallerError(message, hint=f"sealproof key roll {purpose}")
            if purpose == "writer" and not found[0].has("swap"):
                for tenant, environment in self._signed_by(found[0].text("old")):
                    self._custodian.open(tenant, environment)  # what refuses that refuses before the swap
            self._make(found[0], purpose)
            self._finish(found[0], purpose)
            return found[0]

    def resume(self, operation: Operation) -> None:
        """Carry on a roll that was broken off; one that waits for key files to be handed out goes on waiting."""
        purpose = operation.scope.removeprefix("signing/")
        if purpose == "writer" and operation.last in ("begin", "make", "wait"):
            self.roll(purpose)
        else:
            self.finish(purpose)

    def exported(self) -> list[str]:
        """Return the scopes whose key files were handed out from here, as the journal knows: they pin the writers."""
        return sorted({line.scope for line in self._journal.entries() if line.kind == EXPORT})

    def _begin(self, purpose: str) -> Operation:
        old = self._keyring.signing_key(purpose).public
        if purpose == POLICY_KEY:
            policyroll.check(self._keyring.root)
        publics = self._keyring.signing_publics()
        if purpose == "writer" and sum(name.startswith("writer") for name in publics) >= WRITERS_MAX:
            message = f"{self._keyring.root}/keys/signing pins {WRITERS_MAX} writers, all that a key file can name"
            raise LimitExceeded(message, hint="sealproof key ledger; remove one that is no longer in use")
        taken = {name.removeprefix("former-") for name in publics}
        number = next(number for number in range(1, len(taken) + 2) if f"{purpose}-{number}" not in taken)
        return self._journal.begin(ROLL, f"signing/{purpose}", old=fingerprint(old), number=number)

    def _make(self, operation: Operation, purpose: str) -> None:
        """Write the next key, unless it signs already. Drawn anew if it was not whole: nobody can have trusted it."""
        operation.ensure("make")
        name = policyroll.NEXT if purpose == POLICY_KEY else f"{purpose}-next"
        with self._keyring.locked() as keys, keys.make("signing") as directory:
            names = directory.names()
            if operation.has("swap") or {f"{name}.key", f"{name}.pub"} <= set(names):
                return
            key = SigningKey(self._keyring.random(SEED_BYTES))
            directory.replace(f"{name}.key", key.to_pem())
            operation.reached("made")
            directory.replace(f"{name}.pub", public_to_pem(key.public))

    def _finish(self, operation: Operation, purpose: str) -> None:
        if purpose == POLICY_KEY:
            policyroll.hand_over(self._keyring, operation)
        else:
            self._swap(operation, purpose)

    def _swap(self, operation: Operation, purpose: str) -> None:
        with self._keyring.locked() as keys, keys.make("signing") as directory:
            directory.sweep()
            kept = f"{purpose}-{operation.number('number')}.pub"
            if not operation.has("swap"):
                new = public_of(directory, f"{purpose}-next.pub")
                operation.step("swap", new=fingerprint(new))
            if f"{purpose}-next.key" in directory.names():
                take_place(directory, f"{purpose}-next.key", f"{purpose}.key")
            operation.ensure("publish")
            self._publish(operation, directory, purpose, kept)
        if purpose == "writer":
            operation.ensure("resign")
            files = self._resign(operation.text("old"))
            operation.ensure("unpin")
            with self._keyring.locked() as keys, keys.make("signing") as directory:
                _rename(directory, kept, f"former-{kept}")
            operation.done(files=files)
        else:
            operation.done()

    @staticmethod
    def _publish(operation: Operation, directory: Directory, purpose: str, kept: str) -> None:
        """Leave the new public half at its place and the old one under its number; both are there at every moment."""
        if f"{purpose}-next.pub" not in directory.names():
            return
        if fingerprint(public_of(directory, f"{purpose}.pub")) == operation.text("old"):
            directory.replace(kept, public_to_pem(public_of(directory, f"{purpose}.pub")))
            operation.reached("kept")
            directory.replace(f"{purpose}.pub", public_to_pem(public_of(directory, f"{purpose}-next.pub")))
            operation.reached("published")
        directory.remove(f"{purpose}-next.pub")

    def _resign(self, old: str) -> int:
        """Sign every file anew that the old key signed, and return how many."""
        count = 0
        for tenant, environment in self._signed_by(old):
            self._custodian.sign_again(tenant, environment)
            count += 1
        return count

    def _signed_by(self, writer: str) -> Iterator[tuple[str, str]]:
        """Yield the scopes whose file the writer of this fingerprint has signed."""
        for tenant in self._custodian.store.tenants():
            for environment in self._custodian.store.environments(tenant):
                if fingerprint(self._custodian.envelope(tenant, environment).writer) == writer:
                    yield tenant, environment


def _rename(directory: Directory, source: str, name: str) -> None:
    if source not in directory.names():
        return  # done before the crash
    try:
        os.rename(source, name, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
        os.fsync(directory.fd)
    except OSError as exc:
        raise unavailable(f"{directory.path}/{name}", exc) from exc
