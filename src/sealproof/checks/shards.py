"""Cut a plan into parts that run side by side, each on a machine of its own.

What shares its evidence stays together: the items over one tenant's environment, the load suite, each
store-wide check. These units are dealt out in turn, in the plan's order, so every machine that sees the
same store makes the same cut without speaking to another. Each part states the digest of the whole plan,
by which `sealproof.reports.merge` finds a gap or an overlap.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.runner import Item, Plan, jobs
from sealproof.errors import CallerError
from sealproof.findings import Shard
from sealproof.reports.merge import plan_digest

if TYPE_CHECKING:
    from collections.abc import Iterable

SHARDS_MAX = 1000
_SPELLING = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")


class Part(NamedTuple):
    """What one machine runs, and the whole that it is of."""

    plan: Plan
    whole: Plan
    shard: Shard | None
    """What names the part; none where the plan is not cut."""


def part_of(whole: Plan, text: str) -> Part:
    """Return the part that `k/n` names, or the whole where `text` is empty. Raises CallerError."""
    plan, shard = cut(whole, *parse_shard(text)) if text else (whole, None)
    return Part(plan, whole, shard)


def parse_shard(text: str) -> tuple[int, int]:
    """Return part and number of parts of `k/n`. Raises CallerError."""
    match = _SPELLING.fullmatch(text)
    index, of = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= of <= SHARDS_MAX:
        message = f"shard {text!r:.20} is no part of a run"
        raise CallerError(message, hint=f"1/4, 2/4, 3/4 and 4/4 are the four parts of one; at most {SHARDS_MAX}")
    return index, of


def cut(planned: Plan, index: int, of: int) -> tuple[Plan, Shard]:
    """Return part `index` of `of` of a plan, and what names it."""
    items = {item for number, unit in enumerate(jobs(planned.items)) if number % of == index - 1 for item in unit}
    part = tuple(item for item in planned.items if item in items)
    shard = Shard(index, of, plan_digest(_triples(planned.items)), len(planned.items))
    return replace(planned, items=part), shard


def _triples(items: Iterable[Item]) -> list[tuple[str, str, str]]:
    return [(item.check, item.scope.tenant, item.scope.environment) for item in items]
