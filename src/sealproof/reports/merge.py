"""Put the parts of a sharded run together: every item of the plan once, no more and no fewer.

Each part is a signed report of its own and is verified like any other before a result of it counts. The
parts must belong together (same run, plan, release, catalogue, profile, gate, predecessor), none may be
missing or there twice, and their items together must be the plan whose digest every part states.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sealproof.errors import EvidenceRejected
from sealproof.findings import Shard
from sealproof.reports._visible import visible
from sealproof.signing import canonical, sha256
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import CheckResult, RunResult, Waiver

APART_MAX: Final = 24 * 3_600_000
"""Milliseconds between the first and the last part: a part of another day is a replayed one."""

_SAME: Final[tuple[tuple[str, Callable[[RunResult], object]], ...]] = (
    ("run id", lambda run: run.run_id),
    ("plan", lambda run: (run.shard or Shard(0, 0, "", 0)).plan),
    ("number of parts", lambda run: (run.shard or Shard(0, 0, "", 0)).of),
    ("release", lambda run: run.tool_version),
    ("catalogue", lambda run: run.catalogue_digest),
    ("profile", lambda run: run.profile),
    ("gate", lambda run: (run.gate, run.report_level)),
    ("place in the chain", lambda run: (run.number, run.previous, run.history)),
    ("tenants", lambda run: run.tenants),
    ("frameworks", lambda run: run.frameworks),
    ("leading framework", lambda run: run.lead),
    ("overlay", lambda run: run.additions),
    ("waiver file", lambda run: run.waiver_file),
    ("list of checks left out", lambda run: run.not_run),
)


def plan_digest(items: Iterable[tuple[str, str, str]]) -> str:
    """Return SHA-256 in hex over a plan's items (check, tenant, environment), whatever their order."""
    return sha256(canonical(sorted(list(item) for item in items))).hex()


def merge(parts: Sequence[tuple[RunResult, bytes]], catalogue: Catalogue) -> RunResult:
    """Return the whole run, its items in the plan's order; `parts` are verified runs with their attestations.

    Raises EvidenceRejected naming the part that is missing, doubled or foreign, or the items that are.
    """
    runs = sorted((run for run, _ in parts), key=lambda run: run.shard.index if run.shard else 0)
    _all_parts(runs)
    first = runs[0]
    for name, of in _SAME:
        for run in runs[1:]:
            if of(run) != of(first):
                raise _refused(f"part {run.shard} is of another {name} than part {first.shard}", run)
    if max(run.started for run in runs) - min(run.started for run in runs) > APART_MAX:
        raise _refused("the parts lie more than a day apart: one of them was replayed", first)
    results = [result for run in runs for result in run.results]
    order = {check: number for number, check in enumerate(catalogue.checks)}
    _whole_plan(results, first)
    return replace(
        first,
        started=min(run.started for run in runs),
        ended=max(run.ended for run in runs),
        results=tuple(sorted(results, key=lambda result: _place(result, order))),
        notes=tuple(dict.fromkeys(note for run in runs for note in run.notes)),
        waivers=_waivers(runs),
        shard=None,
        parts=tuple(sha256(data).hex() for _, data in sorted(parts, key=_index)),
    )


def _index(part: tuple[RunResult, bytes]) -> int:
    return part[0].shard.index if part[0].shard else 0


def _all_parts(runs: Sequence[RunResult]) -> None:
    if not runs:
        message = "there is nothing to merge"
        raise EvidenceRejected(message, hint="sealproof report merge DIR DIR … --key FILE --output DIR")
    for run in runs:
        if run.shard is None:
            raise _refused(f"run {visible(run.run_id)} is a whole run, and no part of one", run)
    shards = [run.shard for run in runs if run.shard]
    counted = Counter(shard.index for shard in shards)
    doubled = sorted(index for index, count in counted.items() if count > 1)
    if doubled:
        raise _refused(f"part {doubled[0]}/{shards[0].of} is there twice", runs[0])
    missing = sorted(set(range(1, shards[0].of + 1)) - set(counted))
    if missing:
        named = ", ".join(f"{index}/{shards[0].of}" for index in missing)
        raise _refused(f"part {named} is missing", runs[0])


def _whole_plan(results: Sequence[CheckResult], first: RunResult) -> None:
    items = [(result.check, result.scope.tenant, result.scope.environment) for result in results]
    doubled = [item for item, count in Counter(items).items() if count > 1]
    if doubled:
        raise _refused(f"two parts hold {_named(doubled)}", first)
    plan = first.shard or Shard(0, 0, "", 0)
    if len(items) != plan.items:
        raise _refused(f"the parts hold {counted(len(items), 'item')}, and the plan has {plan.items}", first)
    if plan_digest(items) != plan.plan:
        raise _refused("the items of the parts are not those of the plan", first)


def _named(items: Sequence[tuple[str, str, str]]) -> str:
    check, tenant, environment = items[0]
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    return f"{check} over {visible(tenant) or 'the store'} {visible(environment)}".strip() + more


def _place(result: CheckResult, order: Mapping[str, int]) -> tuple[bool, str, str, int]:
    return (not result.scope.tenant, result.scope.tenant, result.scope.environment, order[result.check])


def _waivers(runs: Sequence[RunResult]) -> tuple[Waiver, ...]:
    """Return the waivers of the one file, each with what it covers in all parts together."""
    covers: Counter[str] = Counter()
    for run in runs:
        covers.update({waiver.id: waiver.covers for waiver in run.waivers})
    found = {waiver.id: waiver for run in reversed(runs) for waiver in run.waivers}
    return tuple(replace(found[name], covers=covers[name]) for name in found)


def _refused(reason: str, run: RunResult) -> EvidenceRejected:
    return EvidenceRejected(
        reason, hint="run the missing or foreign part again, from the same plan", names=(run.run_id,)
    )
