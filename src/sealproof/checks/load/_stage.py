"""What the load run is played on: a scratch store, one key file for the service, keyed digests for locust.

Laid out in a process of its own, so that neither a key nor a passphrase of the caller's environment
takes part. Afterwards the store has no `keys/` any more: the service opens files the way a
production host does, with exported epoch keys and no key stretching in the request path.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import shutil
from dataclasses import dataclass

from sealproof.checks.isolation import run_apart
from sealproof.checks.scratch import ENVIRONMENT, ScratchStore

TENANTS = tuple(f"scratch-{letter}" for letter in "abcdefgh")
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class Stage:
    """Paths of one run's files, all in its private directory."""

    directory: str
    canaries: tuple[str, ...]
    """Every canary, for keeping them out of messages."""

    @property
    def root(self) -> str:
        """Return the root of the scratch store."""
        return os.path.join(self.directory, "secrets")

    @property
    def key_file(self) -> str:
        """Return the service's key file: the epoch key of each tenant."""
        return os.path.join(self.directory, "service.key")

    @property
    def expected(self) -> str:
        """Return the file of keyed digests."""
        return os.path.join(self.directory, "expected.json")

    @property
    def tally(self) -> str:
        """Return where locust writes its counts."""
        return os.path.join(self.directory, "tally.json")


def lay(directory: str) -> Stage:
    """Lay everything out in a private `directory`. Raises ToolFailed."""
    canaries = run_apart(_lay, directory, {"directory": directory}).returned()
    return Stage(directory, tuple(canaries) if isinstance(canaries, list) else ())


def _lay(directory: str) -> list[str]:
    store = ScratchStore(directory, TENANTS)
    stage = Stage(directory, tuple(store.all_canaries()))
    lines = [line for tenant in TENANTS for line in store.custodian.keyring.key_lines(tenant, ENVIRONMENT)]
    _write_private(stage.key_file, "".join(line.to_line() + "\n" for line in lines))
    key = secrets.token_bytes(_KEY_BYTES)
    digests = {
        tenant: {name: hmac.digest(key, value.encode(), "sha256").hex() for name, value in values.items()}
        for tenant, values in store.canaries.items()
    }
    _write_private(stage.expected, json.dumps({"key": key.hex(), "digests": digests}))
    shutil.rmtree(os.path.join(store.root, "keys"))
    return store.all_canaries()


def _write_private(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
