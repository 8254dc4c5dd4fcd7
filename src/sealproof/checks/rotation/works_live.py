"""ROT-009: rotation works, live and backwards.

A drill in a process of its own, on a scratch store: loaders read without a pause while a secret is rotated, rolled
back within its grace, and the tenant's key is replaced. No value that a reader is given may have ended before it
asked; the key from before must not open the file from after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.isolation import run_apart
from sealproof.checks.registry import check
from sealproof.checks.rotation._drills import rotation_drill
from sealproof.checks.trials import Trials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import Finding


@check("ROT-009")
def works_live(ctx: Context) -> Iterator[Finding]:
    """Yield one finding over everything that the drill tried."""
    directory = ctx.scratch()
    trials = Trials()
    trials.add(run_apart(rotation_drill, directory, {"directory": directory}).returned())
    expected = "readers see the old or the new value, and it works; rolling back works; the old key opens nothing new"
    yield trials.finding("rotation drill", expected=expected)
