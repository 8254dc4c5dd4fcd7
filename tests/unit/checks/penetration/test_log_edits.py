"""PEN-006, on the verifier as it is and on verifiers that look away."""

from __future__ import annotations

import pytest

from sealproof.checks.penetration import log_edits
from sealproof.findings import Severity, Status
from sealproof.vault.audit.verify import verify


def test_every_edit_is_told(store, run_check):
    result = run_check(store, "PEN-006")
    assert result.status is Status.PASS
    kinds = ["record changed", "record removed", "record inserted", "records reordered", "tail cut", "key swapped"]
    assert [finding.resource for finding in result.findings] == kinds


def test_a_verifier_that_forgets_the_anchor_misses_a_cut_tail(store, run_check, failure, monkeypatch):
    def forgetful(root, tenant, pinned, **_more):
        return verify(root, tenant, pinned)

    monkeypatch.setattr(log_edits, "verify", forgetful)
    result = run_check(store, "PEN-006")
    assert (result.status, result.severity) == (Status.FAIL, Severity.CRITICAL)
    assert failure(result).resource == "tail cut"


@pytest.mark.parametrize("kind", ["record changed", "key swapped"])
def test_a_verifier_that_believes_the_log_misses_everything(store, run_check, failures, monkeypatch, kind):
    class Believed:
        size = 99

    monkeypatch.setattr(log_edits, "verify", lambda *_args, **_more: Believed)
    assert "accepted" in failures(run_check(store, "PEN-006"))[kind].observed
