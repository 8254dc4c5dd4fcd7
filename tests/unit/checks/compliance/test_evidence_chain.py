"""CMP-018: the evidence chain has no gap."""

from __future__ import annotations

import base64
import json
import time

import pytest

from sealproof.checks import evidence
from sealproof.checks import gate as gates
from sealproof.checks.runner import Selection
from sealproof.findings import Status
from sealproof.signing import SEED_BYTES, SigningKey, canonical, sign_dsse
from sealproof.vault.keys.keyring import Keyring

HOUR = 3600
NOW = int(time.time())


@pytest.fixture
def attestation(store, tmp_path):
    """The attestation of a real first run."""
    gate = gates.Gate(root=str(store), selection=Selection(checks=("CMP-006",)), report_dir=str(tmp_path / "report"))
    evidence.write(gate, gates.run_gate(gate))
    return tmp_path / "report" / "attestation.dsse.json"


def judged(run_check, store, path, now=None):
    return run_check(store, "CMP-018", now=now or int(time.time()), previous=str(path))


def resigned(path, key, change):
    """Write the attestation anew, changed and signed by `key`."""
    payload = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))
    change(payload["predicate"])
    path.write_bytes(sign_dsse(canonical(payload), [key]))


def test_a_predecessor_of_today_passes(store, run_check, attestation):
    result = judged(run_check, store, attestation)
    assert result.status is Status.PASS
    assert [item.resource for item in result.findings] == ["the predecessor", "run numbers", "cadence"]


def test_a_young_store_may_start_and_an_old_one_must_have_a_past(store, run_check):
    assert run_check(store, "CMP-018").status is Status.NOT_APPLICABLE
    assert run_check(store, "CMP-018", now=NOW + 30 * HOUR).status is Status.NOT_EVALUATED


def test_a_late_run_fails(store, run_check, failure, attestation):
    assert judged(run_check, store, attestation, NOW + 24 * HOUR).status is Status.PASS
    assert failure(judged(run_check, store, attestation, NOW + 27 * HOUR)).resource == "cadence"


def test_a_missing_run_in_the_history_fails(store, run_check, failures, attestation):
    def drop(predicate):
        entry = {"attestation": "0" * 64, "ended": predicate["window"]["ended"], "gate": "high"}
        predicate["history"] = [{**entry, "number": number, "verdict": predicate["verdict"]} for number in (1, 2)]
        predicate["run"]["number"] = 4

    resigned(attestation, Keyring(str(store)).signing_key("report"), drop)
    found = failures(judged(run_check, store, attestation))
    assert found["run numbers"].observed == "run 2 is followed by run 4"


def test_another_keys_attestation_fails(store, run_check, failure, attestation):
    resigned(attestation, SigningKey(bytes([5]) * SEED_BYTES), lambda _: None)
    finding = failure(judged(run_check, store, attestation))
    assert (finding.resource, "no pinned key" in finding.observed) == ("the predecessor", True)


def test_a_cut_attestation_fails(store, run_check, failure, attestation):
    attestation.write_bytes(attestation.read_bytes()[:-9])
    assert failure(judged(run_check, store, attestation)).resource == "the predecessor"


def test_without_a_report_key_nobody_can_tell(store, run_check, attestation):
    for half in (store / "keys" / "signing").glob("report*"):
        half.unlink()
    assert judged(run_check, store, attestation).status is Status.NOT_EVALUATED
