"""LOD-001 and LOD-002 on real runs: one that is clean, and one for each way to break."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from sealproof.findings import CheckResult, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    Load = Callable[..., dict[str, CheckResult]]
    Failures = Callable[[CheckResult], dict[str, object]]


def test_one_clean_run_passes_both_checks_and_imports_no_locust_here(load: Load, runs: list[str]) -> None:
    results = load()
    assert {check: result.status for check, result in results.items()} == {
        "LOD-001": Status.PASS,
        "LOD-002": Status.PASS,
    }
    assert [finding.resource for finding in results["LOD-001"].findings] == [
        "load/latency",
        "load/errors",
        "load/samples",
    ]
    assert len(runs) == 1, "two threads shared one run"
    assert not os.path.exists(runs[0]), "store, key file and digests are removed"
    assert not {"locust", "gevent"} & {module.partition(".")[0] for module in sys.modules}
    assert [entry.name for entry in results["LOD-002"].inputs] == ["sealproof/loadtests/locustfile.py"]
    assert dict(results["LOD-001"].parameters).keys() == {
        "load_users",
        "load_seconds",
        "load_min_samples",
        "load_p95_ms",
        "load_error_per_mille",
    }


def test_a_service_that_mixes_tenants_fails_lod_002_alone(load: Load, failures: Failures) -> None:
    results = load("mixes_tenants")
    assert results["LOD-002"].status is Status.FAIL
    assert "load/foreign" in failures(results["LOD-002"])
    assert results["LOD-001"].status is Status.PASS


def test_a_service_that_loses_values_fails_lod_002_alone(load: Load, failures: Failures) -> None:
    results = load("answers_empty")
    assert failures(results["LOD-002"]).keys() == {"load/missing"}
    assert results["LOD-001"].status is Status.PASS


def test_a_slow_service_fails_lod_001(load: Load, failures: Failures, parameters: Callable[..., None]) -> None:
    parameters(load_p95_ms=250, load_min_samples=200)
    results = load("is_slow")
    assert failures(results["LOD-001"]).keys() == {"load/latency", "load/samples"}
    assert results["LOD-002"].status is Status.NOT_EVALUATED, "too few answers for a verdict"
    assert "a verdict needs 200" in results["LOD-002"].findings[0].reason


def test_a_service_that_refuses_fails_lod_001_alone(load: Load, failures: Failures) -> None:
    results = load("refuses_some")
    assert failures(results["LOD-001"]).keys() == {"load/errors"}
    assert results["LOD-002"].status is Status.PASS


def test_a_tenant_without_an_answer_leaves_lod_002_without_a_verdict(load: Load) -> None:
    result = load("refuses_one_tenant")["LOD-002"]
    assert result.status is Status.NOT_EVALUATED
    assert result.findings[0].reason == "not one answer was had for scratch-c"


def test_a_service_that_dies_is_an_error_with_its_last_words_but_no_value(load: Load, runs: list[str]) -> None:
    results = load("dies")
    for result in results.values():
        assert result.status is Status.ERROR
        assert "service ended by itself with exit code 7" in result.findings[0].observed
        assert "out of luck | (line withheld)" in result.findings[0].observed
    assert len(runs) == 1, "the second check does not try again"
