"""When a run is shared, and which runs are no evidence."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from sealproof.checks.load import _measurement
from sealproof.errors import SealproofError, ToolFailed
from sealproof.findings import CheckResult, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Check = Callable[..., CheckResult]

REPORT = {
    "format": "sealproof-load/1",
    "users": 6,
    "steady_us": 15_000_000,
    "requests": 900,
    "samples": 800,
    "errors": 0,
    "foreign": 0,
    "missing": 0,
    "p50_us": 4000,
    "p95_us": 9000,
    "max_us": 50_000,
    "tenants": {f"scratch-{letter}": 100 for letter in "abcdefgh"},
}


def measured(**changed: object) -> _measurement.Measurement:
    return _measurement._parse(json.dumps(REPORT | changed).encode())


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[_measurement.Measurement | SealproofError]:
    """What the next runs end with, instead of being run."""
    coming: list[_measurement.Measurement | SealproofError] = []
    monkeypatch.setattr(_measurement, "_outcome", lambda *_: coming.pop(0))
    return coming


def test_each_check_is_served_once_by_a_run(store: Path, run_check: Check, outcomes: list[object]) -> None:
    outcomes += [measured(samples=1000), measured(samples=2000)]
    first, shared, again = [run_check(store, check) for check in ("LOD-001", "LOD-002", "LOD-001")]
    assert "1000 requests" in first.findings[2].observed
    assert shared.status is Status.PASS
    assert "2000 requests" in again.findings[2].observed, "a second validation measures anew"


def test_a_run_serves_for_ten_minutes(
    store: Path, run_check: Check, outcomes: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes += [measured(), measured(foreign=1)]
    assert run_check(store, "LOD-001").status is Status.PASS
    monkeypatch.setattr(_measurement, "_SHARED_SECONDS", -1)
    assert run_check(store, "LOD-002").status is Status.FAIL


def test_another_number_of_users_is_another_run(
    store: Path, run_check: Check, outcomes: list[object], parameters: Callable[..., None]
) -> None:
    outcomes += [measured(), measured(foreign=1)]
    parameters(load_users=6)
    assert run_check(store, "LOD-001").status is Status.PASS
    parameters(load_users=12)
    assert run_check(store, "LOD-002").status is Status.FAIL


def test_a_failed_run_fails_for_both_checks(store: Path, run_check: Check, outcomes: list[object]) -> None:
    outcomes += [ToolFailed("locust did not end", hint="sealproof doctor")]
    for check in ("LOD-001", "LOD-002"):
        result = run_check(store, check)
        assert (result.status, result.findings[0].fix) == (Status.ERROR, "sealproof doctor")
        assert "locust did not end" in result.findings[0].observed


def test_without_locust_there_is_no_evidence(store: Path, run_check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "locust", None)
    for check in ("LOD-001", "LOD-002"):
        result = run_check(store, check)
        assert result.status is Status.NOT_EVALUATED
        assert result.findings[0].fix == "pip install 'sealproof[ci]'"


@pytest.fixture
def failing(
    store: Path, run_check: Check, outcomes: list[object], failures: Callable[..., dict[str, object]]
) -> Callable[..., set[str]]:
    """Which of LOD-001's findings fail over a run that was `changed`."""

    def judge(**changed: object) -> set[str]:
        outcomes.append(measured(**changed))
        return set(failures(run_check(store, "LOD-001")))

    return judge


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"p95_us": 250_000}, set()),
        ({"p95_us": 250_001}, {"load/latency"}),
        ({"errors": 1}, {"load/errors"}),
        ({"samples": 200}, set()),
        ({"samples": 199}, {"load/samples"}),
        ({"samples": 300, "errors": 300, "p95_us": 0, "tenants": {}}, {"load/latency", "load/errors"}),
    ],
)
def test_the_service_level_is_kept_to_the_last_unit(
    failing: Callable[..., set[str]], changed: dict[str, object], expected: set[str]
) -> None:
    assert failing(**changed) == expected


def test_fixes_name_the_store(store: Path, run_check: Check, outcomes: list[object]) -> None:
    outcomes.append(measured(p95_us=999_999))
    fix = run_check(store, "LOD-001").findings[0].fix
    assert fix.startswith(f"sealproof check --check LOD-001 --root {store}  # ")


@pytest.mark.parametrize("changed", [{"users": 5}, {"steady_us": 11_999_999}])
def test_a_run_that_was_not_the_one_asked_for_is_no_verdict(changed: dict[str, int]) -> None:
    with pytest.raises(ToolFailed, match=r"5 of 6 users|lasted 12\.0 s of 15 s"):
        _measurement._judge_run(measured(**changed), 6, 15)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"users": 6}', json.dumps(REPORT | {"format": "x/2"}).encode()])
def test_counts_that_cannot_be_read_are_no_verdict(text: bytes) -> None:
    with pytest.raises(ToolFailed, match="locust's counts"):
        _measurement._parse(text)


@pytest.mark.parametrize("line", [b"", b"8080", b"{}", b'{"port": null}'])
def test_a_service_without_a_port_is_no_verdict(line: bytes) -> None:
    with pytest.raises(ToolFailed, match="did not name its port"):
        _measurement._port(line)


def test_a_service_that_does_not_start_is_an_error_at_once(
    store: Path, run_check: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = os.path.join(tmp_path, "broken.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write("import sys; sys.exit('no such luck')")
    monkeypatch.setattr(_measurement, "SERVICE", (script,))
    result = run_check(store, "LOD-001")
    assert result.status is Status.ERROR
    assert "service was not ready" in result.findings[0].observed
    assert "no such luck" in result.findings[0].observed


def test_a_locust_without_counts_is_an_error(store: Path, run_check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_measurement, "_locust", lambda *_: ("-c", "pass"))
    result = run_check(store, "LOD-002")
    assert result.status is Status.ERROR
    assert "locust ended without its counts" in result.findings[0].observed
