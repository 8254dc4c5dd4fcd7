"""A scheduler that says when it has seen what is due, and waits for a line before it acts on it.

Typed as `python slow_scheduler.py ROOT TENANT NOW`; NOW is in unix seconds. Answers with what became of each secret.
"""

from __future__ import annotations

import asyncio
import json
import sys

from sealproof import AutoRotationScheduler


def main(root: str, tenant: str, now: str) -> None:
    """Look, wait, act."""
    scheduler = AutoRotationScheduler(tenant, root=root, clock=lambda: float(now))
    rotate = scheduler.manager.rotate_secret

    async def slowly(*words: object, **options: object) -> object:
        _say("looked")
        await asyncio.to_thread(sys.stdin.readline)
        return await rotate(*words, **options)

    scheduler.manager.rotate_secret = slowly
    outcomes = asyncio.run(scheduler.run_due())
    scheduler.close()
    _say(json.dumps([[one.name, one.did] for one in outcomes]))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
