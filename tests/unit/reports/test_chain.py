"""A chain of kept runs, and everything that breaks it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealproof.errors import EvidenceRejected
from sealproof.findings import Shard, Status
from sealproof.reports import attestation
from sealproof.reports.chain import late, verify_chain
from sealproof.reports.formats import KEPT
from sealproof.reports.kept import keep_report, kept_runs
from sealproof.reports.predecessor import HISTORY_MAX, past, predecessor
from sealproof.reports.write import write_report
from sealproof.signing import sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

HOUR = 3_600_000


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return the directory of a store that keeps runs."""
    (tmp_path / "secrets" / "reports").mkdir(parents=True)
    return tmp_path / "secrets" / "reports"


@pytest.fixture
def add(
    tmp_path: Path, runs: Path, run: RunResult, catalogue: Catalogue, key: SigningKey
) -> Callable[..., tuple[RunResult, bytes]]:
    """Return a function that writes and keeps the run after another one."""
    small = replace(run, results=run.results[:3], history=(), previous="", number=1)

    def write(before: tuple[RunResult, bytes] | None = None, **changes: object) -> tuple[RunResult, bytes]:
        following = small
        if before:
            earlier, signed = before
            digest = sha256(signed).hex()
            following = replace(
                small,
                number=earlier.number + 1,
                previous=digest,
                history=(*earlier.history, past(earlier, digest))[-HISTORY_MAX:],
                started=earlier.started + 24 * HOUR,
                ended=earlier.ended + 24 * HOUR,
                run_id=f"run-{earlier.number + 1}",
            )
        following = replace(following, **changes)
        write_report(tmp_path / "report", following, catalogue, [key])
        keep_report(runs.parent, following, tmp_path / "report")
        return following, (tmp_path / "report" / attestation.NAME).read_bytes()

    return write


def _refused(runs: Path, key: SigningKey, pattern: str) -> None:
    with pytest.raises(EvidenceRejected, match=pattern) as refused:
        verify_chain(runs, [key.public])
    assert refused.value.hint


def test_three_runs_verify_and_each_names_the_one_before(
    runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey
) -> None:
    third = add(add(add()))
    links = verify_chain(runs, [key.public])
    assert [link.run.number for link in links] == [1, 2, 3]
    assert links[-1].run == third[0]
    assert [entry.number for entry in third[0].history] == [1, 2]
    assert third[0].history[-1].verdict.counts == past(links[1].run, "").verdict.counts


def test_a_kept_run_is_small_and_everything_else_renders_from_it(
    runs: Path, add: Callable[..., tuple[RunResult, bytes]]
) -> None:
    add()
    (folder,) = kept_runs(runs)
    assert {path.name for path in folder.iterdir()} == KEPT


def test_nothing_is_kept_where_the_store_keeps_none(report: Path, run: RunResult, tmp_path: Path) -> None:
    assert keep_report(tmp_path / "elsewhere", run, report) == ""


@pytest.mark.parametrize("change", [{"shard": Shard(1, 2, "0" * 64, 4)}, {"edition": "aurora"}])
def test_a_part_or_an_edition_is_not_kept(runs: Path, report: Path, run: RunResult, change: dict[str, object]) -> None:
    assert keep_report(runs.parent, replace(run, **change), report) == ""
    assert not list(runs.iterdir())


def test_a_chain_whose_start_is_gone_still_verifies(
    runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey
) -> None:
    add(add(add()))
    shutil.rmtree(kept_runs(runs)[0])
    assert [link.run.number for link in verify_chain(runs, [key.public])] == [2, 3]


def test_a_missing_run_is_named(runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey) -> None:
    add(add(add(add())))
    middle = kept_runs(runs)[1:3]
    shutil.rmtree(middle[0])
    _refused(runs, key, r"^run 000003-\w+: run 2 is missing before it")
    shutil.rmtree(middle[1])
    _refused(runs, key, r"^run 000004-\w+: runs 2 to 3 are missing before it")


def test_a_fork_is_named(runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey) -> None:
    first = add()
    add(first)
    add(first, run_id="the other")
    _refused(runs, key, r"there are two runs of number 2: the chain forks")


def test_a_run_of_another_chain_is_named(
    runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey
) -> None:
    first = add()
    add(first, previous="0" * 64)
    _refused(runs, key, r"^run 000002-\w+: it names another predecessor \(0{16}…\) than run 1")


def test_a_run_that_starts_anew_is_named(
    runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey
) -> None:
    add(add(), previous="", history=())
    _refused(runs, key, r"it names another predecessor \(none\) than run 1")


def test_a_false_history_is_named(runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey) -> None:
    second = add(add())
    better = tuple(replace(entry, verdict=replace(entry.verdict, gating=0)) for entry in second[0].history)
    add(second, history=(*better, past(second[0], sha256(second[1]).hex())))
    verdicts = {entry.verdict.gating for entry in second[0].history}
    assert verdicts != {0}
    _refused(runs, key, r"^run 000003-\w+: its history says something else than the runs before it")


def test_a_time_that_goes_backwards_is_named(
    runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey
) -> None:
    first = add()
    add(first, started=first[0].started - HOUR, ended=first[0].ended - HOUR)
    _refused(runs, key, r"^run 000002-\w+: it ended on .*, before run 1 did")


def test_a_replayed_run_under_another_number_is_named(
    runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey
) -> None:
    add(add())
    first, _ = kept_runs(runs)
    shutil.copytree(first, runs / first.name.replace("000001", "000003"))
    _refused(runs, key, r"^run 000003-\w+: it is run 1, .*and lies under another name")


def test_an_edited_run_is_named(runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey) -> None:
    add(add())
    first, _ = kept_runs(runs)
    results = first / "results.json"
    results.write_bytes(results.read_bytes().replace(b'"gate":"high"', b'"gate":"info"'))
    _refused(runs, key, r"^run 000001-\w+: step 3: results.json is not the file that was signed")


@pytest.mark.parametrize("name", sorted(KEPT))
def test_a_run_that_is_not_kept_whole_is_refused(
    runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey, name: str
) -> None:
    add()
    (folder,) = kept_runs(runs)
    (folder / name).unlink()
    if name == attestation.NAME:
        assert not kept_runs(runs)
    else:
        _refused(runs, key, rf"^run 000001-\w+: step 3: {name} is missing")


def test_another_key_is_refused(runs: Path, add: Callable[..., tuple[RunResult, bytes]], other_key: SigningKey) -> None:
    add()
    _refused(runs, other_key, r"^run 000001-\w+: step 1, .*no pinned key signed")


def test_late_runs_are_counted_in_hours(
    runs: Path, add: Callable[..., tuple[RunResult, bytes]], key: SigningKey
) -> None:
    last = add(add(add()))[0]
    links = verify_chain(runs, [key.public])
    assert late(links, now=last.ended + HOUR, cadence_hours=24) == ()
    assert [(gap.after, gap.hours) for gap in late(links, now=last.ended + 30 * HOUR, cadence_hours=24)] == [(3, 30)]
    assert [gap.after for gap in late(links, now=last.ended, cadence_hours=23)] == [1, 2]
    assert late((), now=0, cadence_hours=1) == ()


def test_the_history_that_is_carried_has_an_end(run: RunResult, key: SigningKey) -> None:
    entries = tuple(replace(run.history[0], number=number) for number in range(1, HISTORY_MAX + 1))
    envelope = attestation.attest(replace(run, number=HISTORY_MAX + 1, history=entries), {}, [key])
    before = predecessor(envelope, [key.public])
    assert [entry.number for entry in before] == list(range(1, HISTORY_MAX + 2))
    assert before[-1].attestation == sha256(envelope).hex()
    assert dict(before[-1].verdict.counts)[Status.FAIL.value] == 5


@pytest.mark.parametrize("change", [{"shard": Shard(1, 2, "0" * 64, 4)}, {"edition": "aurora"}])
def test_a_part_or_an_edition_is_no_predecessor(run: RunResult, key: SigningKey, change: dict[str, object]) -> None:
    with pytest.raises(EvidenceRejected, match="no run of a chain"):
        predecessor(attestation.attest(replace(run, **change), {}, [key]), [key.public])
