"""What consumers are told of rotations under way: a sealed entry beside the values, changed in the same saves.

It is sealed like a value and bears a rotation's suffix, so it takes part in everything except the environment, and a
consumer that can open the file needs nothing else to know which credential is its own.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import PENDING, PREVIOUS
from sealproof.errors import MalformedFile
from sealproof.rotation.strategies import is_in_share

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRY = "_sealproof_rollout" + PENDING


class Stage(Enum):
    """What the two credentials in the file are."""

    STAGED = "staged"  # NAME.pending is nobody's yet
    SHARED = "shared"  # NAME.pending is used by some
    GRACE = "grace"  # NAME is the new one, NAME.previous the old
    WITHDRAWN = "withdrawn"  # NAME is the old one again, NAME.pending is nobody's any more


@dataclass(frozen=True, slots=True)
class Rollout:
    """One secret's rotation, as its consumers see it."""

    rotation: str
    stage: Stage
    since: float
    """When this stage began, in unix seconds."""
    generation: int
    """The file's generation in which it began: who has that one has seen it."""
    share: int = 0
    canaries: tuple[str, ...] = ()

    def uses_new(self, consumer: str) -> bool:
        """Tell whether `consumer` is to use the new credential."""
        if self.stage is Stage.GRACE:
            return True
        if self.stage is not Stage.SHARED:
            return False
        return consumer in self.canaries or is_in_share(self.rotation, consumer, self.share)


def value_for(name: str, consumer: str, values: Mapping[str, bytes], rollout: Rollout | None) -> bytes | None:
    """Return the value of `name` that `consumer` is to use, or None where there is no such secret."""
    if rollout is not None and rollout.stage is Stage.SHARED and rollout.uses_new(consumer):
        return values.get(name + PENDING, values.get(name))
    return values.get(name)


def decode(values: Mapping[str, bytes]) -> dict[str, Rollout]:
    """Return the rollouts by secret name that an open file tells of. Raises MalformedFile."""
    text = values.get(ENTRY)
    if text is None:
        return {}
    try:
        return {name: _rollout(fields) for name, fields in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError, KeyError):
        message = f"the sealed entry {ENTRY} does not say who uses which credential"
        raise MalformedFile(message, hint="sealproof rotate --status") from None


def encode(rollouts: Mapping[str, Rollout]) -> bytes:
    """Return the sealed entry's text."""
    fields = {name: asdict(rollout) | {"stage": rollout.stage.value} for name, rollout in rollouts.items()}
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _rollout(fields: Mapping[str, object]) -> Rollout:
    canaries = fields["canaries"]
    return Rollout(
        str(fields["rotation"]),
        Stage(fields["stage"]),
        float(fields["since"]),  # type: ignore[arg-type]  # what is no number is refused by `decode`
        int(fields["generation"]),  # type: ignore[call-overload]
        int(fields["share"]),  # type: ignore[call-overload]
        tuple(str(name) for name in canaries) if isinstance(canaries, list) else (),
    )


__all__ = ["ENTRY", "PENDING", "PREVIOUS", "Rollout", "Stage", "decode", "encode", "value_for"]
