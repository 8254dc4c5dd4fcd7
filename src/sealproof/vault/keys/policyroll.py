"""The store's policy key hands over to its successor: the policy in force stays in force, and counts one signer.

    make      next-policy.key and its public half: whose name begins with `policy` counts, and this one does not yet
    sign      the successor signs the policy in force beside the old key, if that has signed it
    swap      the old public half is kept as former-policy-<number>.pub; next-policy.key becomes policy.key
    publish   policy.pub becomes the new public half, in one rename: from here on the new one counts, not the old one

All but the first is done while nobody else can change the policy. Two names of one person never count at once,
where a change needs two signers. Records that the old key signed stay vouched for (`vault.records`); approvals and
a change that waits do not, and are given again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sealproof.errors import PolicyMissing
from sealproof.signing import SigningKey, fingerprint, public_to_pem
from sealproof.vault.access.interface import POLICY_KEY
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.keys.keyring import PEM_MAX, public_of
from sealproof.vault.keys.overwrite import take_place

if TYPE_CHECKING:
    from sealproof.vault.journal import Operation
    from sealproof.vault.keys.keyring import Keyring

NEXT = "next-policy"


def check(root: str) -> None:
    """Refuse to begin where the policy is not to be believed. Raises PolicyRejected, StaleFile, MalformedFile."""
    with suppress(PolicyMissing):  # a store without one has nothing to lose
        PolicyFile(root, mending=True).load()


def hand_over(keyring: Keyring, operation: Operation) -> None:
    """Let the next policy key, which is made, take the old one's place; or go on. Raises as `check` does."""
    file = PolicyFile(keyring.root, mending=True)
    with file.held() as root, keyring.locked() as keys, keys.make("signing") as directory:
        directory.sweep()
        if f"{NEXT}.key" in directory.names():  # the old key signs until it is gone, also behind a crash
            text = directory.read(f"{NEXT}.key", limit=PEM_MAX, private=True) or b""
            successor = SigningKey.from_pem(text, name=f"{directory.path}/{NEXT}.key")
            old = public_of(directory, f"{POLICY_KEY}.pub")
            operation.ensure("sign")
            file.succeed(root, old, successor)
            operation.reached("signed")
            directory.replace(f"former-{POLICY_KEY}-{operation.number('number')}.pub", public_to_pem(old))
            operation.ensure("swap", new=fingerprint(successor.public))
            take_place(directory, f"{NEXT}.key", f"{POLICY_KEY}.key")
        operation.ensure("publish")
        if f"{NEXT}.pub" in directory.names():
            directory.replace(f"{POLICY_KEY}.pub", public_to_pem(public_of(directory, f"{NEXT}.pub")))
            operation.reached("published")
            directory.remove(f"{NEXT}.pub")
        operation.done()
