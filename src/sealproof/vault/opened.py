"""A tenant's file, opened and kept for as long as it is the one in place: keys are not stretched for every read.

What is kept is the data key and the sealed lines; each value is opened when it is asked for. The file and the keys
that open it are watched, so a write or an erasure in any process shows at the next read. That a writer was revoked
shows in the access control's standing, which changes with the keys in `keys/signing/`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.freshness import Freshness
from sealproof.errors import CannotOpen, UnknownSecret
from sealproof.loader.tenant import file_name
from sealproof.vault.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.envelope.open import Unlocked
    from sealproof.envelope.parse import Envelope
    from sealproof.vault.custodian import Custodian

_TRIES = 3  # openings that a writer may spoil before the newest one is used without being kept


class Held(NamedTuple):
    """One opened state of the file."""

    envelope: Envelope
    value: Callable[[str], bytes]
    versions: dict[str, int]


class OpenFile:
    """The file of one tenant and environment. `clock` gives unix seconds."""

    def __init__(self, custodian: Custodian, tenant: str, environment: str, clock: Callable[[], float]) -> None:
        self._custodian = custodian
        self._tenant = tenant
        self._environment = environment
        self._clock = clock
        root = custodian.store.root
        self._watched = (
            f"{root}/tenants/{tenant}/{file_name(environment)}",
            f"{root}/keys/tenant_keys/{tenant}.key",
        )
        self._kept: tuple[Watch, Held, object] | None = None

    def __repr__(self) -> str:
        return f"OpenFile({self._tenant}/{self._environment})"

    def kept(self, standing: object) -> Held | None:
        """Return the opened file if it is still the one in place, and was opened under this `standing`; else None.

        Raises StaleFile if it has expired.
        """
        kept = self._kept
        if kept is None or kept[2] is not standing or not kept[0].holds():
            return None
        envelope = kept[1].envelope
        if envelope.expires:
            Freshness(now=int(self._clock())).check(envelope)
        return kept[1]

    def open(self, standing: object) -> Held:
        """Take the file through all steps, every value included, and keep it. Raises what `Custodian.open` raises."""
        for left in reversed(range(_TRIES)):
            watch = Watch(self._paths())
            try:
                held = _held(self._custodian.open(self._tenant, self._environment))
            except CannotOpen:
                if watch.holds() or not left:
                    raise  # else a new epoch came between the file and its key
                continue
            if watch.holds():
                self._kept = watch, held, standing
                break
        return held

    def drop(self) -> None:
        """Keep nothing."""
        self._kept = None

    def _paths(self) -> tuple[str, ...]:
        handed_over = os.environ.get("SEALPROOF_KEY_FILE")
        return (*self._watched, handed_over) if handed_over else self._watched


def no_such_secret(tenant: str, environment: str, name: str) -> UnknownSecret:
    """Return the error for a name that the file does not have."""
    message = f"{tenant}/{environment} has no secret {name!r:.80}"
    return UnknownSecret(message, hint=f"sealproof list {tenant} --environment {environment}", names=(name,))


def _held(unlocked: Unlocked) -> Held:
    unlocked.values()  # step 7 for the whole file, before anything of it is handed out
    versions = {entry.name: int(entry.version) for entry in unlocked.envelope.entries}
    return Held(unlocked.envelope, unlocked.opener(), versions)
