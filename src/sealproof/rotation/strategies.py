"""Who uses the new credential when. Pure: shares, fixed sets, and the choice that a consumer makes for itself.

A consumer is in a share if HMAC-SHA256(rotation id, consumer id) mod 10 000 is below it: the same answer in every
process without a word between them, and whoever is in stays in as the share grows.
"""

from __future__ import annotations

from enum import Enum
from hmac import digest
from typing import TYPE_CHECKING

from sealproof.errors import RotationRefused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sealproof.rotation.targets.interface import Capabilities

WHOLE = 10_000
SHARES = (500, 2_500, 5_000, WHOLE)  # 5, 25, 50 and 100 per cent
_OVERLAP = 2


class Strategy(Enum):
    """How a new credential reaches its users."""

    BLUE_GREEN = "blue-green"
    """A complete second credential, tested while idle, then one flip for all; back again in one flip."""
    CANARY = "canary"
    """A fixed set of consumers first, watched for a while; then all, or they return."""
    GRADUAL = "gradual"
    """5, 25, 50, 100 per cent of consumers, each step watched."""
    IMMEDIATE = "immediate"
    """The old value ends where the new one begins. Not without downtime."""


def choose(asked: Strategy | None, capabilities: Capabilities, *, described: str) -> Strategy:
    """Return the strategy to use: what was asked for, where the target can do it.

    Raises RotationRefused for one that needs two valid credentials at a target that has one.
    """
    if capabilities.overlap >= _OVERLAP:
        return asked or Strategy.BLUE_GREEN
    if asked in (None, Strategy.IMMEDIATE):
        return Strategy.IMMEDIATE
    message = f"{asked.value} needs a target with two valid credentials at once, and this is {described}"
    raise RotationRefused(message, hint="--strategy immediate, which is not without downtime")


def shares(strategy: Strategy) -> tuple[int, ...]:
    """Return the shares, of 10 000, that are watched one after the other. A canary's set has no share."""
    return {Strategy.GRADUAL: SHARES, Strategy.CANARY: (0,)}.get(strategy, ())


def is_in_share(rotation: str, consumer: str, share: int) -> bool:
    """Tell whether `consumer` belongs to the first `share` of 10 000 in this rotation."""
    return int.from_bytes(digest(rotation.encode(), consumer.encode(), "sha256")) % WHOLE < share


def canary_set(named: Collection[str], count: int, registered: Iterable[str]) -> tuple[str, ...]:
    """Return the canaries: those that are named, or the first `count` of the registered consumers.

    Raises RotationRefused where there is nobody to be one.
    """
    chosen = sorted(named) or sorted(registered)[:count]
    if not chosen:
        message = "there is no consumer that could be the canary"
        raise RotationRefused(message, hint='canaries = ["web-1"] in rotation.toml, or --strategy blue-green')
    return tuple(chosen)
