"""Touch a canary of a scratch store in every way that custody hears, as an intruder would.

A reader who may, a stranger who may not, somebody who breaks glass, a person with the key in hand: a real receiver on
loopback must have an alarm of each within the limit that says who, where and which, and not the value. An ordinary
secret raises none. With a dead receiver the read is served all the same, and the log says that nobody was told.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, NamedTuple

import sealproof
from sealproof.checks.penetration._guarded import NAME, READER, STRANGER, TENANT, Guarded
from sealproof.checks.penetration._receiver import Receiver
from sealproof.checks.scratch import ENVIRONMENT, leaks
from sealproof.checks.trials import Trials, control
from sealproof.errors import AccessDenied
from sealproof.monitoring.reporting import read_by_hand
from sealproof.monitoring.touches import touches
from sealproof.vault import canaries
from sealproof.vault.canaries import Canary

if TYPE_CHECKING:
    from sealproof.checks.penetration._receiver import Taken

_HEARD, _UNHEARD = "DB_PASSWORD", "SIGNING_KEY"
_DEAD = "http://127.0.0.1:1/alerts"  # a port that only root may open, and that nobody uses (tcpmux)
_ATTEMPTS = 5
_SETTLING_S = 0.5  # for one alarm too many: what could cause it is over by then


class _Way(NamedTuple):
    """One way to touch a canary, and what its alarm must say of it."""

    what: str
    subject: str
    operation: str
    allowed: bool


def touch(directory: str, limit: int) -> dict[str, object]:
    """Touch canaries, and return the trials of each finding. Runs in a child process."""
    guarded = Guarded(directory, attempts=_ATTEMPTS)
    for name in (_HEARD, _UNHEARD):
        canaries.enlist(guarded.root, TENANT, Canary(ENVIRONMENT, name, int(time.time())))
    alarm, silence = Trials(), Trials()
    with Receiver() as receiver:
        os.environ["ALERT_WEBHOOK_URL"] = receiver.url
        until = time.time() + limit
        asyncio.run(_read_as_anybody(guarded))
        ways = asyncio.run(_read_as_intruder(guarded))
        receiver.taken(len(ways), seconds=limit)
        taken = receiver.taken(len(ways) + 1, seconds=_SETTLING_S)
        for way in ways:
            _judge(alarm, way, taken, until, guarded)
        silence.holds(f"{len(taken)} alarms of {len(ways)} touches", len(taken) <= len(ways))
    heard = _logged(guarded, _HEARD, limit)
    alarm.holds("the log holds another number of touches, or calls one untold", heard == [True] * len(ways))
    dead = _read_with_a_dead_receiver(guarded, limit)
    return {"alarm": alarm.to_plain(), "silence": silence.to_plain(), "dead receiver": dead.to_plain()}


async def _read_as_anybody(guarded: Guarded) -> None:
    value = await _read(guarded, READER, NAME)
    control("a reader is served", value == guarded.store.canaries[TENANT][NAME])


async def _read_as_intruder(guarded: Guarded) -> tuple[_Way, ...]:
    me = guarded.owner.name
    value = await _read(guarded, READER, _HEARD)
    control("an intruder with rights is served", value == guarded.store.canaries[TENANT][_HEARD])
    control("an intruder without rights is refused", await _read(guarded, STRANGER, _HEARD) is None)
    control("glass can be broken", await _read(guarded, None, _HEARD, break_glass=True) is not None)
    await asyncio.to_thread(read_by_hand, guarded.root, TENANT, ENVIRONMENT, _HEARD)
    return (
        _Way("a reader", READER, "read", allowed=True),
        _Way("a stranger", STRANGER, "read", allowed=False),
        _Way("over broken glass", me, "break-glass", allowed=True),
        _Way("with the key in hand", me, "read", allowed=True),
    )


def _read_with_a_dead_receiver(guarded: Guarded, limit: int) -> Trials:
    os.environ["ALERT_WEBHOOK_URL"] = _DEAD
    trials = Trials()
    value = asyncio.run(_read(guarded, READER, _UNHEARD))
    trials.holds("the read is not served", value == guarded.store.canaries[TENANT][_UNHEARD])
    trials.holds("the log does not say that nobody was told", _logged(guarded, _UNHEARD, limit) == [False])
    return trials


async def _read(guarded: Guarded, user: str | None, name: str, *, break_glass: bool = False) -> str | None:
    """Return a secret as `user` gets it, or as this operating-system user does; None where that is refused."""
    asked = sealproof.AdvancedSecretManager(TENANT, environment=ENVIRONMENT, root=guarded.root, user_id=user)
    async with asked as manager:
        try:
            return await manager.get_secret(name, break_glass=break_glass)
        except AccessDenied:
            return None


def _judge(trials: Trials, way: _Way, taken: list[Taken], until: float, guarded: Guarded) -> None:
    found = [(one, said) for one in taken if _is_of(way, said := one.fields())]
    trials.holds(f"{way.what}: no alarm that says who", len(found) == 1)
    for one, said in found:
        which = said.get("tenant"), said.get("environment"), said.get("name")
        trials.holds(f"{way.what}: the alarm came too late", one.at <= until)
        trials.holds(f"{way.what}: it does not say which", which == (TENANT, ENVIRONMENT, _HEARD))
        trials.holds(f"{way.what}: it does not say where", said.get("host") and said.get("process") == os.getpid())
        trials.holds(f"{way.what}: it holds a value", not leaks(one.body, guarded.store.all_canaries()))


def _is_of(way: _Way, said: dict[str, object]) -> bool:
    return (said.get("subject"), said.get("operation"), said.get("allowed")) == way[1:]


def _logged(guarded: Guarded, name: str, limit: int) -> list[bool]:
    """Return for each touch that the log holds of a canary whether it calls it told."""
    known = canaries.listed(guarded.root, TENANT)
    return [one.is_told for one in touches(guarded.root, TENANT, known, within_s=limit) if one.canary.name == name]
