"""What the tests of attacks share: a check run on a library that was weakened in the children it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealproof.checks import isolation

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.findings import CheckResult


@pytest.fixture
def run_weakened(store, run_check, monkeypatch) -> Callable[..., CheckResult]:
    """Run a check with Python text that runs first in every child: `run_weakened("PEN-001", WEAK, …)`."""

    def run(check_id: str, *preludes: str, **spec: object) -> CheckResult:
        monkeypatch.setattr(isolation, "PRELUDE", "".join(preludes))
        return run_check(store, check_id, **spec)

    return run
