"""`policy.json` on disk: verified and fresh when read, changed in one step, by as many signers as it takes.

policy.json            what is in force
policy.pending.json    a change that waits for more signatures
keys/access/policy.mark, SEALPROOF_STATE/policy.mark    the newest generation that this host has seen
keys/signing/policy*.pub    whose signatures count
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.freshness import Mark
from sealproof.errors import (
    Changed,
    ChangePending,
    DataError,
    KeyMissing,
    PolicyMissing,
    PolicyRejected,
    StaleFile,
    StoreExists,
)
from sealproof.loader.files import Directory, at, open_root
from sealproof.loader.storekeys import pinned_keys
from sealproof.loader.tenant import state_directory
from sealproof.vault.access.policy import FILE_MAX, SignedPolicy, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.signing import SigningKey
    from sealproof.vault.access.policy import Policy

POLICY, PENDING, MARK = "policy.json", "policy.pending.json", "policy.mark"
_MODE = 0o644  # who may do what is no secret, and belongs into review
_MARK_MAX = 4096  # bytes
_RESTORE = "restore it from version control or a backup"
_MARK_SCOPE = ("platform", "policy")


class InForce(NamedTuple):
    """A policy that was verified, with its digest in hex."""

    policy: Policy
    digest: str


class Signing(NamedTuple):
    """How far a change has come."""

    policy: Policy
    signers: int
    needed: int

    @property
    def in_force(self) -> bool:
        """Tell whether it was put in place."""
        return self.signers >= self.needed


class PolicyFile:
    """The policy of the store at `root`, of which each change needs the signatures of `signers` policy keys.

    With `mending` a policy is read, too, that has rules which none may hold any more.
    """

    def __init__(self, root: str, *, signers: int = 1, mending: bool = False) -> None:
        self.root = root
        self.signers = signers
        self._mending = mending

    def __repr__(self) -> str:
        return f"PolicyFile({self.root!r})"

    @property
    def watched(self) -> tuple[str, ...]:
        """Return the paths on which the answer of `load` depends."""
        return (f"{self.root}/{POLICY}", f"{self.root}/keys/signing")

    def load(self) -> InForce:
        """Return the policy in force: enough signatures, and none older than this host has seen.

        Raises PolicyMissing, PolicyRejected, StaleFile, MalformedFile, LimitExceeded, KeyMissing, UnsafeFile,
        FileUnavailable.
        """
        with open_root(self.root) as root:
            return self._load(root)

    def pending(self) -> SignedPolicy | None:
        """Return the change that waits for more signatures, if it still follows the policy in force."""
        with open_root(self.root) as root:
            return self._pending(root, self._load(root))

    def found(self, policy: Policy, key: SigningKey) -> None:
        """Put a store's first policy in place. Raises StoreExists if there is one, or was one."""
        with open_root(self.root) as root:
            root.lock()
            if root.read(POLICY, limit=FILE_MAX, private=False) is not None:
                message = f"{self.root} has an access policy already"
                raise StoreExists(message, hint=f"sealproof access list --root {self.root}")
            with _access(root) as directory:
                mark = _read_mark(directory)
            if mark is not None:
                message = f"{self.root}/{POLICY} is gone, and this host has seen its generation {mark.generation}"
                raise StaleFile(message, hint=_RESTORE)
            self._put(root, SignedPolicy(policy, {}).signed_by(key))

    def propose(self, base: InForce, policy: Policy, key: SigningKey) -> Signing:
        """Sign a change of `base`, and put it in place if that is enough; else it waits for more signatures.

        Raises Changed if another policy is in force meanwhile, ChangePending if another change waits,
        PolicyRejected if `key` is not pinned.
        """
        with open_root(self.root) as root:
            root.lock()
            current = self._load(root)
            if current.digest != base.digest:
                message = f"{self.root}/{POLICY} was changed by someone else meanwhile"
                raise Changed(message, hint="run the command again: it starts from the newest policy")
            if self._pending(root, current) is not None:
                message = "another change of the policy waits for signatures"
                raise ChangePending(message, hint="sealproof access sign, or sealproof access discard")
            return self._advance(root, SignedPolicy(policy, {}).signed_by(key), key)

    def sign(self, key: SigningKey) -> Signing:
        """Add a signature to the change that waits, and put it in place if that is enough.

        Raises ChangePending if none waits or `key` has signed it already, PolicyRejected if `key` is not pinned.
        """
        with open_root(self.root) as root:
            root.lock()
            waiting = self._pending(root, self._load(root))
            if waiting is None:
                message = "no change of the policy waits for a signature"
                raise ChangePending(message, hint="sealproof access list")
            if key.public in waiting.signatures:
                message = "this key has signed the change already"
                raise ChangePending(message, hint="another person signs: sealproof access sign --key FILE")
            return self._advance(root, waiting.signed_by(key), key)

    def countersign(self, key: SigningKey) -> Signing:
        """Add a signature to the policy in force: because more are needed now, or because another key is to go.

        Raises PolicyRejected if `key` is not pinned or no pinned key has signed it before, ChangePending if `key` has.
        """
        with open_root(self.root) as root:
            root.lock()
            signed = self._parse(root.read(POLICY, limit=FILE_MAX, private=False) or b"", POLICY)
            found = signed.valid_signers(self._pinned(root))
            if key.public in found:
                message = "no change of the policy waits for a signature, and this key has signed the one in force"
                raise ChangePending(message, hint="sealproof access list")
            if not found:
                raise self._too_few(found)
            self._check_marks(root, signed.policy)
            signing = self._counted(root, signed.signed_by(key), key)
            root.replace(POLICY, signed.signed_by(key).to_bytes(), mode=_MODE)
            return signing

    @contextmanager
    def held(self) -> Iterator[Directory]:
        """Keep everybody else from changing the policy until the block is left; for `succeed`."""
        with open_root(self.root) as root:
            root.lock()
            yield root

    def succeed(self, root: Directory, old: bytes, key: SigningKey) -> None:
        """Add the signature of `key` to a policy that the pinned key `old` has signed. It does not count yet.

        Signatures of keys that are pinned no more go. Raises StaleFile, and MalformedFile if it cannot be read.
        """
        data = root.read(POLICY, limit=FILE_MAX, private=False)
        if data is None:
            return
        signed = self._parse(data, POLICY)
        pinned = self._pinned(root)
        if old not in signed.valid_signers(pinned) or key.public in signed.signatures:
            return
        self._check_marks(root, signed.policy)
        kept = {public: signature for public, signature in signed.signatures.items() if public in pinned}
        root.replace(POLICY, SignedPolicy(signed.policy, kept).signed_by(key).to_bytes(), mode=_MODE)

    def discard(self) -> bool:
        """Drop the change that waits, and tell whether there was one."""
        with open_root(self.root) as root:
            root.lock()
            if PENDING not in root.names():
                return False
            root.remove(PENDING)
            return True

    def _load(self, root: Directory) -> InForce:
        data = root.read(POLICY, limit=FILE_MAX, private=False)
        if data is None:
            message = f"{self.root} has no access policy, so nobody is let in"
            raise PolicyMissing(message, hint=f"sealproof init --root {self.root}")
        signed = self._parse(data, POLICY)
        found = signed.valid_signers(self._pinned(root))
        if len(found) < self.signers:
            raise self._too_few(found)
        return InForce(signed.policy, self._check_marks(root, signed.policy))

    def _parse(self, data: bytes, name: str) -> SignedPolicy:
        try:
            return parse(data, mending=self._mending)
        except DataError as exc:
            raise at(f"{self.root}/{name}", exc, hint=_RESTORE) from None

    def _pending(self, root: Directory, current: InForce) -> SignedPolicy | None:
        data = root.read(PENDING, limit=FILE_MAX, private=False)
        if data is None:
            return None
        waiting = self._parse(data, PENDING)
        follows = (waiting.policy.generation, waiting.policy.previous) == (
            current.policy.generation + 1,
            current.digest,
        )
        return waiting if follows else None

    def _advance(self, root: Directory, signed: SignedPolicy, key: SigningKey) -> Signing:
        signing = self._counted(root, signed, key)
        if signing.in_force:
            self._put(root, signed)
        else:
            root.replace(PENDING, signed.to_bytes(), mode=_MODE)
        return signing

    def _counted(self, root: Directory, signed: SignedPolicy, key: SigningKey) -> Signing:
        """Return how far `signed` has come with the signature of `key`. Raises PolicyRejected if it does not count."""
        pinned = self._pinned(root)
        if key.public not in pinned:
            message = "the key is not one whose signature counts for this store's policy"
            raise PolicyRejected(message, hint="pin it first: sealproof access signer --output FILE")
        return Signing(signed.policy, len(signed.valid_signers(pinned)), self.signers)

    def _too_few(self, found: list[bytes]) -> PolicyRejected:
        message = f"{self.root}/{POLICY} has {len(found)} of the {self.signers} signatures that it needs"
        hint = "another person signs it: sealproof access sign --key FILE" if found else _RESTORE
        return PolicyRejected(message, hint=hint)

    def _put(self, root: Directory, signed: SignedPolicy) -> None:
        root.sweep()
        root.replace(POLICY, signed.to_bytes(), mode=_MODE)
        if PENDING in root.names():
            root.remove(PENDING)
        self._check_marks(root, signed.policy)

    def _pinned(self, root: Directory) -> tuple[bytes, ...]:
        keys = root.enter("keys")
        if keys is not None:
            with keys:
                keys.check_private()
                pinned = pinned_keys(keys, "policy")
            if pinned:
                return pinned
        message = f"{self.root}/keys/signing has no policy key, so no policy can be believed"
        away = "run this where the store's keys are kept"
        raise KeyMissing(message, hint=away if keys is None else f"sealproof init --root {self.root}")

    def _check_marks(self, root: Directory, policy: Policy) -> str:
        """Refuse a policy older than what was seen, remember a newer one, and return its digest in hex."""
        seen = Mark(*_MARK_SCOPE, policy.generation, policy.digest().hex())
        with _access(root) as directory:
            _raise_mark(directory, seen, self.root)
        state = os.environ.get("SEALPROOF_STATE")
        if state:
            with state_directory(state) as directory:
                directory.check_private()
                _raise_mark(directory, seen, self.root)
        return seen.digest


@contextmanager
def _access(root: Directory) -> Iterator[Directory]:
    with root.make("keys") as keys, keys.make("access") as directory:
        directory.check_private()
        yield directory


def _read_mark(directory: Directory) -> Mark | None:
    text = directory.read(MARK, limit=_MARK_MAX, private=True)
    tenant, environment = _MARK_SCOPE
    return None if text is None else Mark.parse(text, tenant=tenant, environment=environment)


def _raise_mark(directory: Directory, seen: Mark, root: str) -> None:
    mark = _read_mark(directory)
    if mark is not None and mark.generation >= seen.generation:
        if (mark.generation, mark.digest) == (seen.generation, seen.digest):
            return
        other = "another generation" if mark.generation == seen.generation else "generation"
        message = f"{root}/{POLICY} is {other} {seen.generation}, and this host has seen {mark.generation}"
        raise StaleFile(message, hint="put the newest policy back; to undo a change, grant or revoke again")
    directory.lock()
    again = _read_mark(directory)
    if again is None or again.generation < seen.generation:  # nobody was faster
        directory.sweep()
        directory.replace(MARK, seen.to_bytes())
