"""Short load runs: the parameters' floors are for real ones."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealproof.checks.load import _measurement, _stage
from sealproof.checks.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sealproof.findings import CheckResult, Scope

BROKEN = os.path.join(os.path.dirname(__file__), "broken_service.py")
# A latency that a busy machine keeps to as well: what is slow is slow by design here.
SHORT = {"load_users": 6, "load_seconds": 2, "load_min_samples": 50, "load_p95_ms": 2000}


@pytest.fixture(autouse=True)
def _nothing_measured_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_measurement, "_shared", {})


@pytest.fixture
def parameters(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run under these parameters, whatever the profile says."""
    original = Target.profile

    def change(values: Mapping[str, int]) -> None:
        def profile(target: Target, scope: Scope) -> object:
            chosen = original(target, scope)
            return replace(chosen, parameters={**chosen.parameters, **values})

        monkeypatch.setattr(Target, "profile", profile)

    change(SHORT)
    return lambda **values: change({**SHORT, **values})


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The directory of every run that was begun."""
    begun: list[str] = []
    original = _stage.lay

    def lay(directory: str) -> _stage.Stage:
        begun.append(directory)
        return original(directory)

    monkeypatch.setattr(_stage, "lay", lay)
    return begun


@pytest.fixture
def load(
    store: Path,
    run_check: Callable[..., CheckResult],
    parameters: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], dict[str, CheckResult]]:
    """Run both checks at once, in two threads, on the service or on one with a fault."""

    def run(fault: str = "") -> dict[str, CheckResult]:
        if fault:
            monkeypatch.setattr(_measurement, "SERVICE", (BROKEN, fault))
        checks = ("LOD-001", "LOD-002")
        with ThreadPoolExecutor(len(checks)) as executor:
            return dict(zip(checks, executor.map(lambda check: run_check(store, check), checks), strict=True))

    return run
