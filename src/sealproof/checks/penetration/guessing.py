"""PEN-010: guessing is slowed and seen.

A stranger asks a scratch store again and again for what it may not have: secrets of a name it guesses, in the name
of others. After the number of attempts that the setting allows, nothing is answered until the lock ends, a right
guess neither; each refusal stands in the log; somebody else is not locked out with it; the lock ends by itself.
Alert rules read these records; the alarm that the software raises by itself, PEN-013 tries.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sealproof.checks.isolation import run_apart
from sealproof.checks.penetration._guarded import NAME, READER, STRANGER, TENANT, Guarded
from sealproof.checks.registry import check
from sealproof.checks.trials import Trials, control, findings_of
from sealproof.errors import AccessDenied, LockedOut
from sealproof.vault.access.attempts import LONGEST_LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import Finding

_EXPECTED = "after the threshold nothing is answered, every attempt is logged, and nobody else is locked out"
_MORE = 5  # attempts behind the threshold


@check("PEN-010")
def guessing_is_slowed_and_seen(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for the lock, and one for the log."""
    directory = ctx.scratch()
    arguments = {"directory": directory, "limit": ctx.limit("access_attempts")}
    yield from findings_of(run_apart(try_guessing, directory, arguments).returned(), expected=_EXPECTED)


def try_guessing(directory: str, limit: int) -> dict[str, object]:
    """Guess, and return the trials of each finding. Runs in a child process."""
    guarded = Guarded(directory, attempts=limit)
    logged = guarded.denials()
    trials, log, tried = Trials(), Trials(), limit + _MORE
    asyncio.run(_guess(guarded, trials, limit))
    log.holds(f"{guarded.denials() - logged} of {tried} refusals are logged", guarded.denials() - logged >= tried)
    return {"repeated guesses": trials.to_plain(), "log of refusals": log.to_plain()}


async def _guess(guarded: Guarded, trials: Trials, limit: int) -> None:
    async with guarded.manager(STRANGER) as stranger:
        for number in range(limit):
            with trials.refuses(f"guess {number + 1}", AccessDenied):
                await stranger.get_secret(f"GUESS_{number}")
        for number in range(_MORE):
            with trials.refuses(f"guess {limit + number + 1}, behind the threshold", LockedOut):
                await stranger.get_secret(NAME)
    async with guarded.manager(READER) as reader:
        control("somebody else is served", await reader.get_secret(NAME) == guarded.store.canaries[TENANT][NAME])
    async with guarded.manager(STRANGER, clock=2 * LONGEST_LOCK) as later:
        try:
            await later.get_secret(NAME)
        except LockedOut:
            trials.holds("the lock does not end", condition=False)
        except AccessDenied:
            trials.holds("the lock ends", condition=True)
