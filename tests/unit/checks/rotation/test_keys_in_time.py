"""ROT-003, ROT-004, ROT-005 and ROT-008: keys end in time, and nothing stays under an old one."""

from __future__ import annotations

import time

import pytest

from sealproof.findings import Status
from sealproof.vault.custodian import DAY, Custodian
from sealproof.vault.keys.epochs import Epochs
from sealproof.vault.keys.master import MasterRotation
from sealproof.vault.keys.signers import Signers

YEAR = 365 * DAY


@pytest.fixture
def made_at(store) -> int:
    return Custodian(str(store)).keyring.master_created()


def at(store, when: float) -> Custodian:
    return Custodian(str(store), clock=lambda: when)


def test_a_young_store_s_master_and_wrapping_keys_pass(store, run_check):
    result = run_check(store, "ROT-003")
    assert result.status is Status.PASS
    assert [finding.resource for finding in result.findings] == [
        "keys/master.key", "keys/tenant_keys/aurora.key", "keys/tenant_keys/borealis.key",
    ]  # fmt: skip


def test_an_old_master_fails_and_a_new_one_starts_the_period_anew(store, made_at, run_check, failures):
    late = made_at + YEAR + DAY
    found = failures(run_check(store, "ROT-003", now=late))
    assert "keys/master.key" in found
    assert found["keys/master.key"].fix == f"sealproof key rotate-master --root {store}"
    MasterRotation(at(store, late).keyring).rotate()
    assert "keys/master.key" not in failures(run_check(store, "ROT-003", now=late))


def test_a_run_narrowed_to_one_tenant_names_no_other(store, made_at, run_check):
    result = run_check(store, "ROT-003", now=made_at + 2 * YEAR, tenants=("aurora",))
    assert not [finding for finding in result.findings if "borealis" in finding.resource]
    assert [finding for finding in result.findings if finding.resource == "another tenant's wrapping key"]


def test_a_key_file_changed_by_hand_is_no_evidence(store, run_check):
    path = store / "keys" / "tenant_keys" / "aurora.key"
    path.write_text(path.read_text().replace('"created":1', '"created":2', 1))
    result = run_check(store, "ROT-003")
    states = {finding.resource: finding.status for finding in result.findings}
    assert states["aurora"] is Status.NOT_EVALUATED


def test_without_keys_there_is_no_evidence(store, tmp_path, run_check):
    (store / "keys").rename(tmp_path / "away")
    for check in ("ROT-003", "ROT-004"):
        assert run_check(store, check).status is Status.NOT_EVALUATED
    for check in ("ROT-005", "ROT-006", "ROT-007", "ROT-008"):
        assert run_check(store, check, "aurora").status is Status.NOT_EVALUATED


def test_signing_keys_end_and_a_rolled_one_begins_anew(store, made_at, run_check, failures):
    assert run_check(store, "ROT-004").status is Status.PASS
    late = made_at + YEAR + DAY
    found = failures(run_check(store, "ROT-004", now=late))
    assert "keys/signing/report" in found
    assert found["keys/signing/report"].fix == f"sealproof key roll report --root {store}"
    Signers(at(store, late)).roll("report")
    assert "keys/signing/report" not in failures(run_check(store, "ROT-004", now=late))


def test_a_predecessor_s_public_key_has_to_be_kept(store, run_check, failures):
    signing = store / "keys" / "signing"
    public = (signing / "report.pub").read_bytes()
    Signers(Custodian(str(store))).roll("report")
    assert not failures(run_check(store, "ROT-004"))
    (former,) = [path for path in signing.glob("*.pub") if path.read_bytes() == public]
    former.unlink()
    (finding,) = failures(run_check(store, "ROT-004")).values()
    assert "is no longer kept" in finding.observed


def test_nothing_was_ever_retired(store, run_check):
    assert run_check(store, "ROT-005", "aurora").status is Status.NOT_APPLICABLE


def test_a_retired_key_only_opens_and_has_to_go(store, run_check, failure):
    now = time.time()
    Epochs(at(store, now)).rotate("aurora", "development")
    assert run_check(store, "ROT-005", "aurora").status is Status.PASS
    finding = failure(run_check(store, "ROT-005", "aurora", now=int(now) + YEAR + DAY))
    assert "still there" in finding.observed
    Epochs(at(store, now)).destroy("aurora", "development", despite_grace=True)
    result = run_check(store, "ROT-005", "aurora", now=int(now) + YEAR + DAY)
    assert result.status is Status.PASS
    assert result.findings[0].observed == "destroyed, and in no key file"


def test_a_file_brought_back_under_a_retired_key_fails(store, run_check, failure):
    path = store / "tenants" / "aurora" / ".env.enc"
    before = path.read_bytes()
    Epochs(Custodian(str(store))).rotate("aurora", "development")
    path.write_bytes(before)
    assert "sealed under it" in failure(run_check(store, "ROT-005", "aurora")).observed


def test_a_file_left_behind_by_its_new_key_fails_after_the_window(store, run_check, failure):
    Custodian(str(store)).keyring.next_epoch("aurora", "development")
    now = int(time.time())
    assert run_check(store, "ROT-008", "aurora", now=now).status is Status.PASS
    finding = failure(run_check(store, "ROT-008", "aurora", now=now + 25 * 3600))
    assert finding.observed.startswith("under epoch 1, though epoch 2 was made")


def test_a_credential_s_rotation_that_stands_still_fails_after_the_window(store, run_check, failure):
    from sealproof.rotation.engine import Engine  # noqa: PLC0415 - this test alone
    from sealproof.rotation.plan import Plan  # noqa: PLC0415
    from sealproof.rotation.targets.manual import ManualTarget  # noqa: PLC0415

    custodian = Custodian(str(store))
    engine = Engine(custodian, custodian.keyring.journal, "aurora", "development")
    engine.rotate("DB_PASSWORD", Plan(ManualTarget("dashboard.example")))
    now = int(time.time())
    assert run_check(store, "ROT-008", "aurora", now=now).status is Status.PASS
    finding = failure(run_check(store, "ROT-008", "aurora", now=now + 25 * 3600))
    assert "its rotation stands at `needs-human`" in finding.observed
