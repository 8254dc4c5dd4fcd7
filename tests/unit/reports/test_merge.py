"""Parts of a run: put together whole, or refused by the name of what is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.checks.runner import Item, Plan
from sealproof.checks.shards import cut, parse_shard
from sealproof.errors import CallerError, EvidenceRejected
from sealproof.findings import Scope, Severity, Shard
from sealproof.reports.merge import APART_MAX, merge, plan_digest
from sealproof.signing import sha256

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult

Part = tuple["RunResult", bytes]
PARTS = 3


@pytest.fixture
def parts(run: RunResult) -> list[Part]:
    """Return the run of the other tests, cut into three."""
    plan = Plan(tuple(Item(item.check, item.scope) for item in run.results), run.not_run)
    made: list[Part] = []
    for index in range(1, PARTS + 1):
        planned, shard = cut(plan, index, PARTS)
        results = tuple(item for item in run.results if Item(item.check, item.scope) in planned.items)
        part = replace(run, results=results, shard=shard, started=run.started + index, ended=run.ended + index)
        made.append((part, f"the attestation of part {index}".encode()))
    return made


def test_the_parts_together_are_the_run(parts: list[Part], run: RunResult, catalogue: Catalogue) -> None:
    whole = merge(parts[::-1], catalogue)
    assert whole.shard is None
    assert whole.parts == tuple(sha256(data).hex() for _, data in parts)
    assert (whole.started, whole.ended) == (run.started + 1, run.ended + PARTS)
    assert set(whole.results) == set(run.results)
    assert len(whole.results) == len(run.results)
    order = [(item.scope.tenant, list(catalogue.checks).index(item.check)) for item in whole.results]
    tenants = [place for place in order if place[0]]
    assert tenants == sorted(tenants)
    assert order[len(tenants) :] == sorted(order[len(tenants) :])
    assert whole.waivers == (replace(run.waivers[0], covers=PARTS),)


def _without(index: int) -> Callable[[list[Part]], list[Part]]:
    return lambda parts: parts[:index] + parts[index + 1 :]


def _changed(**fields: object) -> Callable[[list[Part]], list[Part]]:
    def change(parts: list[Part]) -> list[Part]:
        return [*parts[:-1], (replace(parts[-1][0], **fields), parts[-1][1])]

    return change


def _shard(**fields: object) -> Callable[[list[Part]], list[Part]]:
    def change(parts: list[Part]) -> list[Part]:
        run, data = parts[-1]
        assert run.shard
        return [*parts[:-1], (replace(run, shard=replace(run.shard, **fields)), data)]

    return change


def _overlap(parts: list[Part]) -> list[Part]:
    run, data = parts[-1]
    return [*parts[:-1], (replace(run, results=(*run.results, parts[0][0].results[0])), data)]


def _short(parts: list[Part]) -> list[Part]:
    run, data = parts[-1]
    return [*parts[:-1], (replace(run, results=run.results[1:]), data)]


def _exchanged(parts: list[Part]) -> list[Part]:
    run, data = parts[-1]
    foreign = replace(run.results[0], scope=Scope("delta", "development"))
    return [*parts[:-1], (replace(run, results=(foreign, *run.results[1:])), data)]


ATTACKS: dict[str, tuple[Callable[[list[Part]], list[Part]], str]] = {
    "nothing": (lambda _: [], "there is nothing to merge"),
    "first_missing": (_without(0), "part 1/3 is missing"),
    "last_missing": (_without(2), "part 3/3 is missing"),
    "one_of_three": (lambda parts: parts[1:2], "part 1/3, 3/3 is missing"),
    "doubled": (lambda parts: [*parts, parts[1]], "part 2/3 is there twice"),
    "a_whole_run": (_changed(shard=None), "is a whole run, and no part of one"),
    "another_run": (_changed(run_id="yesterday's"), "part 3/3 is of another run id than part 1/3"),
    "another_plan": (_shard(plan="0" * 64), "part 3/3 is of another plan than part 1/3"),
    "another_cut": (_shard(of=4), "part 3/4 is of another number of parts"),
    "another_release": (_changed(tool_version="0.2.0"), "another release"),
    "another_catalogue": (_changed(catalogue_digest="0" * 64), "another catalogue"),
    "another_profile": (_changed(profile="development"), "another profile"),
    "a_looser_gate": (_changed(gate=Severity.CRITICAL), "another gate"),
    "another_chain": (_changed(previous=""), "another place in the chain"),
    "other_tenants": (_changed(tenants=("aurora",)), "another tenants"),
    "other_frameworks": (_changed(frameworks=("soc2",)), "another frameworks"),
    "another_lead": (_changed(lead="soc2"), "another leading framework"),
    "other_waivers": (_changed(waiver_file=""), "another waiver file"),
    "other_left_out": (_changed(not_run=()), "another list of checks left out"),
    "replayed": (
        _changed(started=1_795_472_405_123 + 2 * APART_MAX),
        "more than a day apart: one of them was replayed",
    ),
    "overlap": (_overlap, "two parts hold SEC-001 over aurora development"),
    "short": (_short, "the parts hold 61 items, and the plan has 62"),
    "exchanged": (_exchanged, "the items of the parts are not those of the plan"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_not_the_plan_is_refused_by_name(parts: list[Part], catalogue: Catalogue, attack: str) -> None:
    change, reason = ATTACKS[attack]
    with pytest.raises(EvidenceRejected, match=reason) as refused:
        merge(change(parts), catalogue)
    assert refused.value.hint


SCOPES = st.tuples(st.sampled_from(["", "a", "b", "c-1"]), st.sampled_from(["development", "production"]))


@given(
    items=st.lists(st.tuples(st.sampled_from(["SEC-001", "SEC-008", "LOD-001", "LOD-002"]), SCOPES), unique=True),
    of=st.integers(1, 7),
)
def test_every_item_is_in_exactly_one_part(items: list[tuple[str, tuple[str, str]]], of: int) -> None:
    plan = Plan(tuple(Item(check, Scope(tenant, tenant and env)) for check, (tenant, env) in items), ())
    plan = replace(plan, items=tuple(dict.fromkeys(plan.items)))
    cuts = [cut(plan, index, of) for index in range(1, of + 1)]
    assert sorted(map(str, plan.items)) == sorted(str(item) for part, _ in cuts for item in part.items)
    assert {shard.plan for _, shard in cuts} == {cuts[0][1].plan}
    assert [shard.items for _, shard in cuts] == [len(plan.items)] * of
    for scope in {item.scope for item in plan.items if item.scope.tenant and item.suite != "load"}:
        holders = [
            index
            for index, (part, _) in enumerate(cuts)
            if any(item.scope == scope and item.suite != "load" for item in part.items)
        ]
        assert len(holders) == 1


def test_a_plan_s_digest_does_not_depend_on_its_order() -> None:
    items = [("SEC-001", "a", "production"), ("SEC-001", "b", "production")]
    assert plan_digest(items) == plan_digest(items[::-1]) != plan_digest(items[:1])


@pytest.mark.parametrize("text", ["", "0/3", "4/3", "1", "1/", "1/3/5", "01/3", "1/1001", "-1/3", "a/b", "1/3\n"])
def test_what_is_no_part_of_a_run_is_refused(text: str) -> None:
    with pytest.raises(CallerError, match="is no part of a run"):
        parse_shard(text)


def test_a_shard_reads_as_it_is_written() -> None:
    assert parse_shard("2/3") == (2, 3)
    assert str(Shard(2, 3, "", 0)) == "2/3"
