"""PEN-006, on the verifier as it is and on verifiers that look away."""

from __future__ import annotations

import pytest

from sealproof.findings import Severity, Status

FORGETFUL = """
from sealproof.checks.penetration import log_edits
whole = log_edits.verify
log_edits.verify = lambda root, tenant, pinned, **more: whole(root, tenant, pinned)
"""
CREDULOUS = """
from types import SimpleNamespace
from sealproof.checks.penetration import log_edits
log_edits.verify = lambda *args, **more: SimpleNamespace(size=99)
"""


def test_every_edit_is_told(store, run_check):
    result = run_check(store, "PEN-006")
    assert result.status is Status.PASS
    kinds = ["record changed", "record removed", "record inserted", "records reordered", "tail cut", "key swapped"]
    assert [finding.resource for finding in result.findings] == kinds


def test_a_verifier_that_forgets_the_anchor_misses_a_cut_tail(run_weakened, failure):
    result = run_weakened("PEN-006", FORGETFUL)
    assert (result.status, result.severity) == (Status.FAIL, Severity.CRITICAL)
    assert failure(result).resource == "tail cut"


@pytest.mark.parametrize("kind", ["record changed", "key swapped"])
def test_a_verifier_that_believes_the_log_misses_everything(run_weakened, failures, kind):
    assert "accepted" in failures(run_weakened("PEN-006", CREDULOUS))[kind].observed
