"""A report's directory: all of it or nothing, and never in place of something else."""

from __future__ import annotations

import ctypes
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealproof.errors import CallerError, EvidenceRejected, FileUnavailable
from sealproof.reports import _swap, attestation, formats, results, testresult, write
from sealproof.reports.verify import verify
from sealproof.reports.write import RENDERERS, render_directory, write_report

if TYPE_CHECKING:
    from pathlib import Path

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

UNSIGNED = tuple(RENDERERS)
SIGNED = (*RENDERERS, testresult.NAME, attestation.NAME)


def _content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_signed_report_has_every_format_and_verifies(
    tmp_path: Path, run: RunResult, catalogue: Catalogue, key: SigningKey
) -> None:
    target = tmp_path / "build" / "report"
    assert write_report(target, run, catalogue, [key]) == SIGNED
    assert set(_content(target)) == set(SIGNED)
    assert verify(target, [key.public]) == run


def test_an_unsigned_report_has_no_attestation_and_says_so(
    tmp_path: Path, run: RunResult, catalogue: Catalogue
) -> None:
    assert write_report(tmp_path / "report", run, catalogue) == UNSIGNED
    assert b"<strong>UNSIGNED</strong>" in (tmp_path / "report" / "report.html").read_bytes()


def test_modes_do_not_depend_on_the_umask(
    tmp_path: Path, run: RunResult, catalogue: Catalogue, key: SigningKey
) -> None:
    before = os.umask(0o077)
    try:
        write_report(tmp_path / "report", run, catalogue, [key])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report").stat().st_mode) == 0o755
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "report").iterdir()} == {0o644}


@pytest.mark.parametrize("exchange", [True, False])
def test_a_report_of_ours_is_replaced_as_a_whole(
    report: Path, run: RunResult, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, *, exchange: bool
) -> None:
    if not exchange:
        monkeypatch.setattr(_swap, "_exchange", lambda *_: False)
    write_report(report, replace(run, number=13), catalogue)
    assert set(_content(report)) == set(UNSIGNED)
    assert results.decode((report / "results.json").read_bytes()).number == 13
    assert [path.name for path in report.parent.iterdir()] == ["report"]


def test_an_empty_directory_is_taken(tmp_path: Path, run: RunResult, catalogue: Catalogue) -> None:
    (tmp_path / "report").mkdir()
    write_report(tmp_path / "report", run, catalogue)
    assert set(_content(tmp_path / "report")) == set(UNSIGNED)


def test_a_relative_path_means_the_working_directory(
    tmp_path: Path, run: RunResult, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_report(type(tmp_path)("report"), run, catalogue)
    assert (tmp_path / "report" / "results.json").is_file()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("notes.txt", b"mine", id="another file"),
        pytest.param("results.json", b'{"tests":[]}', id="results of another program"),
        pytest.param("report.html", b"<html>", id="page of another program"),
    ],
)
def test_what_is_not_a_report_of_ours_is_left_alone(
    tmp_path: Path, run: RunResult, catalogue: Catalogue, name: str, content: bytes
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / name).write_bytes(content)
    with pytest.raises(CallerError, match="report") as refused:
        write_report(tmp_path / "report", run, catalogue)
    assert refused.value.hint == "name a new directory"
    assert _content(tmp_path / "report") == {name: content}
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_report_with_something_of_yours_in_it_is_left_alone(
    report: Path, run: RunResult, catalogue: Catalogue
) -> None:
    (report / "review\n.txt").write_bytes(b"mine")
    before = _content(report)
    with pytest.raises(CallerError, match=r"holds what is no report of sealproof's: review\[U\+000A\]\.txt"):
        write_report(report, run, catalogue)
    assert _content(report) == before


@pytest.mark.parametrize("kind", ["file", "link to a report", "dangling link"])
def test_only_a_directory_is_replaced(report: Path, run: RunResult, catalogue: Catalogue, kind: str) -> None:
    target = report.parent / "target"
    if kind == "file":
        target.write_bytes(b"mine")
    else:
        target.symlink_to(report if kind == "link to a report" else report.parent / "gone")
    with pytest.raises(CallerError, match="is a link or another thing that is no plain directory"):
        write_report(target, run, catalogue)


def test_a_linked_file_in_a_report_is_not_replaced(report: Path, run: RunResult, catalogue: Catalogue) -> None:
    (report / "report.html").rename(report.parent / "elsewhere.html")
    (report / "report.html").symlink_to(report.parent / "elsewhere.html")
    with pytest.raises(CallerError, match=r"report.html is a link"):
        write_report(report, run, catalogue)


@pytest.mark.parametrize("moment", ["_fill", "swap"])
def test_a_failure_leaves_the_old_report_whole(
    report: Path, run: RunResult, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = _content(report)
    monkeypatch.setattr(write, moment, full)
    with pytest.raises(FileUnavailable, match=r"cannot write the report .*: No space left on device"):
        write_report(report, replace(run, number=13), catalogue)
    assert _content(report) == before
    assert [path.name for path in report.parent.iterdir()] == ["report"]


def test_the_second_of_two_steps_undoes_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, target = tmp_path / "fresh", tmp_path / "target"
    for directory in (fresh, target):
        directory.mkdir()
        (directory / directory.name).touch()
    rename = type(tmp_path).rename

    def refuse(self: Path, other: Path) -> Path:
        if self == fresh:
            raise OSError(5, "Input/output error")
        return rename(self, other)

    monkeypatch.setattr(_swap, "_exchange", lambda *_: False)
    monkeypatch.setattr(type(tmp_path), "rename", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        _swap.swap(fresh, target)
    assert (target / "target").exists()


def test_a_system_that_cannot_exchange_names_takes_two_steps(
    report: Path, run: RunResult, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Library:
        """A C library without renameat2."""

        def __init__(self, *_: object, **__: object) -> None:
            """Take what ctypes.CDLL takes."""

    monkeypatch.setattr(ctypes, "CDLL", Library)
    write_report(report, replace(run, number=13), catalogue)
    assert results.decode((report / "results.json").read_bytes()).number == 13


def test_what_is_put_into_the_old_report_meanwhile_is_kept(
    report: Path, run: RunResult, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap_late(fresh: Path, target: Path) -> None:
        (target / "mine.txt").write_bytes(b"mine")
        _swap.swap(fresh, target)

    monkeypatch.setattr(write, "swap", swap_late)
    with pytest.raises(FileUnavailable, match="holds what was put into the old report") as refused:
        write_report(report, run, catalogue)
    kept = type(report)(refused.value.names[0])
    assert _content(kept) == {"mine.txt": b"mine"}
    assert set(_content(report)) == set(UNSIGNED)


def test_a_run_of_another_catalogue_is_not_rendered(tmp_path: Path, run: RunResult, catalogue: Catalogue) -> None:
    with pytest.raises(EvidenceRejected, match="is of catalogue"):
        write_report(tmp_path / "report", replace(run, catalogue_digest="0" * 64), catalogue)
    assert not list(tmp_path.iterdir())


def test_every_format_shows_what_the_results_can_hold(
    tmp_path: Path, run: RunResult, catalogue: Catalogue, key: SigningKey
) -> None:
    odd = replace(run, notes=("caf\udce9",))
    write_report(tmp_path / "report", odd, catalogue, [key])
    assert verify(tmp_path / "report", [key.public]).notes == ("caf\\udce9",)


def test_a_report_is_rendered_again_from_its_results(
    report: Path, tmp_path: Path, catalogue: Catalogue, key: SigningKey
) -> None:
    source = (report / "results.json").read_bytes()
    assert render_directory(source, tmp_path / "again", catalogue, [key]) == SIGNED
    assert _content(tmp_path / "again") == _content(report)


def test_results_with_a_false_verdict_are_not_rendered_again(
    report: Path, tmp_path: Path, catalogue: Catalogue
) -> None:
    source = (report / "results.json").read_bytes().replace(b'"exit_code":3', b'"exit_code":0')
    with pytest.raises(EvidenceRejected, match=r"verdict.exit_code is not what its results add up to"):
        render_directory(source, tmp_path / "again", catalogue)
    assert not (tmp_path / "again").exists()


def test_the_table_of_formats_names_every_file() -> None:
    assert RENDERERS is formats.RENDERERS
    assert all(formats.is_ours(name) for name in SIGNED)
    assert set(SIGNED) - {attestation.NAME} == formats.ALWAYS
