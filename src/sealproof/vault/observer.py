"""What the vault tells higher rooms: decisions, the end of each call, writes, rotation steps.

Metrics, alerts and live validation are observers. The vault imports none of them; it is handed a tuple
of observers, empty by default, and tells each one in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from sealproof.vault.audit.interface import Established, Outcome


class Decided(NamedTuple):
    """An access decision was made."""

    at: float
    """Unix seconds, like every `at` here."""
    request: str
    """Ties the events and audit records of one call together."""
    subject: str
    established: Established
    tenant: str
    environment: str
    name: str
    """The secret's name; empty where the operation concerns the tenant as a whole. Never a value."""
    operation: str
    allowed: bool
    reason: str
    rule: str
    """The rule that decided; empty where none matched."""
    locked: bool
    """The subject is locked out: nothing was weighed."""


class Finished(NamedTuple):
    """A call came to its end, and its audit record is durable."""

    at: float
    request: str
    tenant: str
    environment: str
    name: str
    operation: str
    outcome: Outcome
    error: str
    """The name of the error's type; empty where there was none."""
    seconds: float
    """From the call to the moment before the answer, durable record included."""


class Written(NamedTuple):
    """A secret was written or deleted, durably, and the outcome is in the audit log."""

    at: float
    request: str
    tenant: str
    environment: str
    name: str
    operation: str
    version: int
    """The secret's version from now on; 0 where it was deleted."""
    generation: int
    """The file's."""


class RotationStep(NamedTuple):
    """A rotation reached a state of its journal (`docs/rotation.md`)."""

    at: float
    rotation: str
    """The rotation's id."""
    tenant: str
    environment: str
    name: str
    step: str
    """The state that was reached, in lower case: `created`, `set`, `tested`, `current`, …"""
    strategy: str


class Observer(Protocol):
    """Is told what happened, in the order in which it happened, in the thread where it happened.

    An observer returns at once and does not raise: what it raises ends the call that told it, as any defect would.
    """

    def decided(self, event: Decided) -> None:
        """Take note of an access decision."""
        ...

    def finished(self, event: Finished) -> None:
        """Take note of the end of a call, refused ones included."""
        ...

    def written(self, event: Written) -> None:
        """Take note of a change."""
        ...

    def rotated(self, event: RotationStep) -> None:
        """Take note of a rotation's step."""
        ...
