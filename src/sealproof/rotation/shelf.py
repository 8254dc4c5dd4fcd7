"""One tenant's sealed file during a rotation: every change is one save, and only if nobody was faster."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import Changed, UnknownSecret
from sealproof.loader.secret import Secret
from sealproof.rotation import rollout as rollouts
from sealproof.rotation.rollout import PENDING, PREVIOUS, Rollout

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sealproof.envelope.open import Unlocked
    from sealproof.vault.custodian import Custodian

_TRIES = 8  # saves by others that one save of ours may lose against before it gives up


class Seen(NamedTuple):
    """What the file holds of one secret, from one opening."""

    current: Secret
    pending: Secret | None
    previous: Secret | None
    rollout: Rollout | None
    version: int
    updated: int
    """When the current value was sealed, in unix seconds."""
    unlocked: Unlocked


class Shelf:
    """Reads and saves one tenant's environment for rotations."""

    def __init__(self, custodian: Custodian, tenant: str, environment: str) -> None:
        self.custodian = custodian
        self.tenant = tenant
        self.environment = environment

    def __repr__(self) -> str:
        return f"Shelf({self.tenant}/{self.environment})"

    @property
    def root(self) -> str:
        """Return the store's root."""
        return self.custodian.store.root

    def look(self, name: str) -> Seen:
        """Open the file and return what it holds of `name`. Raises UnknownSecret, and what opening raises."""
        unlocked = self.custodian.open(self.tenant, self.environment)
        values = unlocked.values()
        entry = next((entry for entry in unlocked.envelope.entries if entry.name == name), None)
        if entry is None:
            message = f"{self.tenant}/{self.environment} has no secret {name!r:.80}"
            raise UnknownSecret(message, hint=f"sealproof list {self.tenant} --environment {self.environment}")
        return Seen(
            Secret(values[name].decode()),
            _secret(values, name + PENDING),
            _secret(values, name + PREVIOUS),
            rollouts.decode(values).get(name),
            int(entry.version),
            int(entry.updated),
            unlocked,
        )

    def stage(self, name: str, value: Secret, rollout: Rollout) -> None:
        """Seal `value` as NAME.pending, in the place of an earlier one."""
        self._save(name, rollout, lambda _: {name + PENDING: value.reveal().encode()})

    def announce(self, name: str, rollout: Rollout) -> None:
        """Tell consumers another stage; no value changes."""
        self._save(name, rollout, lambda _: {})

    def promote(self, name: str, rollout: Rollout) -> None:
        """Make the pending value NAME and the old one NAME.previous, at once."""

        def flipped(values: Mapping[str, bytes]) -> dict[str, bytes]:
            return {name: values[name + PENDING], name + PREVIOUS: values[name]}

        self._save(name, rollout, flipped, removals=(name + PENDING,))

    def withdraw(self, name: str, rollout: Rollout) -> None:
        """Make the old value NAME again where it was flipped; the new one is NAME.pending, and nobody's."""

        def flipped(values: Mapping[str, bytes]) -> dict[str, bytes]:
            if name + PREVIOUS not in values:
                return {}
            return {name: values[name + PREVIOUS], name + PENDING: values[name]}

        self._save(name, rollout, flipped, removals=(name + PREVIOUS,))

    def let_go(self, name: str) -> None:
        """Tell consumers nothing more of NAME, and leave every value as it is."""
        self._save(name, None, lambda _: {})

    def clear(self, name: str) -> None:
        """Drop what a rotation left beside NAME."""
        self._save(name, None, lambda _: {}, removals=(name + PENDING, name + PREVIOUS))

    def _save(
        self,
        name: str,
        rollout: Rollout | None,
        change: _Change,
        *,
        removals: Collection[str] = (),
    ) -> None:
        for attempt in range(_TRIES):
            unlocked = self.custodian.open(self.tenant, self.environment)
            values = unlocked.values()
            changes = change(values)
            told = rollouts.decode(values)
            if rollout is None:
                told.pop(name, None)
            else:
                told[name] = dataclasses.replace(rollout, generation=unlocked.envelope.generation + 1)
            gone = set(removals) - changes.keys()
            if told:
                changes[rollouts.ENTRY] = rollouts.encode(told)
            else:
                gone.add(rollouts.ENTRY)
            try:
                self.custodian.edit(unlocked, changes=changes, removals=gone)
            except Changed:
                if attempt == _TRIES - 1:
                    raise
            else:
                return


if TYPE_CHECKING:
    from collections.abc import Callable

    _Change = Callable[[Mapping[str, bytes]], dict[str, bytes]]


def _secret(values: Mapping[str, bytes], name: str) -> Secret | None:
    return Secret(values[name].decode()) if name in values else None
