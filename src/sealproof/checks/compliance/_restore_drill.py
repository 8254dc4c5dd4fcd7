"""Restore a backup into a scratch directory, with the escrowed key, and open every file in what comes of it.

One drill a container and process: it serves the checks of all tenants that the container holds.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import tempfile
import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.scratch import ScratchStore
from sealproof.envelope.keyfile import parse_keys
from sealproof.errors import KeyMissing, SealproofError
from sealproof.loader.files import read_private
from sealproof.loader.keys import KEY_FILE_MAX, passphrase
from sealproof.vault.backup.header import WHOLE_STORE, Identity
from sealproof.vault.backup.opening import verify
from sealproof.vault.backup.rebuild import rebuild
from sealproof.vault.backup.restore import Restore
from sealproof.vault.custodian import Custodian
from sealproof.vault.journal import nothing

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = os.urandom(32)
"""Drawn for this process and dropped with it: digests under it tell nobody anything."""


class Restored(NamedTuple):
    """One file that came back: digests of its values by name and version."""

    generation: int
    """Of the file that was backed up."""
    digests: Mapping[tuple[str, int], bytes]


class Drill(NamedTuple):
    """What came of one restore."""

    seconds: float
    files: Mapping[str, Restored]
    """By `tenant/environment`."""
    problem: str
    """Why it failed; empty if it did not."""


def digest_of(value: bytes) -> bytes:
    """Return the digest by which a restored value is compared with the present one."""
    return hmac.new(_KEY, value, hashlib.sha256).digest()


def identity_of(path: str) -> Identity:
    """Return the escrowed identity. Raises KeyMissing, MalformedFile, UnsafeFile."""
    text = read_private(path, limit=KEY_FILE_MAX)
    if text is None:
        message = f"there is no escrowed key at {path}"
        raise KeyMissing(message, hint="SEALPROOF_BACKUP_IDENTITY=FILE, the identity that backups are made for")
    return Identity(tuple(line.key for line in parse_keys(text) if line.kind == "x25519"))


@lru_cache(maxsize=8)
def drill(path: str, identifier: str, scope: str, identity_path: str) -> Drill:  # noqa: ARG001 - the id tells copies apart
    """Return the drill of one container. A restore that fails is what the drill found, not an error."""
    started = time.monotonic()
    try:
        identity = identity_of(identity_path)
        with tempfile.TemporaryDirectory(prefix="sealproof-check-") as directory:
            contents = verify(path, identity, now=int(time.time()))
            custodian = _restore(path, scope, identity, directory)
            generations = {f"{one.tenant}/{one.environment}": one.generation for one in contents.manifest.sealed}
            files = {place: _open(custodian, place, generation) for place, generation in generations.items()}
    except SealproofError as exc:
        return Drill(time.monotonic() - started, {}, exc.message)
    return Drill(time.monotonic() - started, files, "")


def _restore(path: str, scope: str, identity: Identity, directory: str) -> Custodian:
    if scope == WHOLE_STORE:
        root = os.path.join(directory, "store")
        rebuild(path, identity, root, clock=time.time, reached=nothing)
        return Custodian(root)
    # The backup's own keys may need the passphrase, so the scratch store has to go with it.
    custodian = ScratchStore(directory, tenants=(), passphrase=passphrase()).custodian
    Restore(custodian).restore(path, identity, tenant=scope, foreign=True)  # a scratch store has its own writer
    return custodian


def _open(custodian: Custodian, place: str, generation: int) -> Restored:
    tenant, _, environment = place.partition("/")
    unlocked = custodian.open(tenant, environment, own=True)
    values = unlocked.values()
    versions = {entry.name: int(entry.version) for entry in unlocked.envelope.entries}
    return Restored(generation, {(name, versions[name]): digest_of(value) for name, value in values.items()})
