"""SEC-008: one key, one tenant, one purpose."""

from __future__ import annotations

import os
import subprocess

import pytest

from sealproof.envelope import seal as sealing
from sealproof.findings import Status
from sealproof.loader.files import open_root
from sealproof.loader.storekeys import kek_of, master_of, read_tenant_file
from sealproof.signing import SigningKey
from sealproof.vault.custodian import Custodian


@pytest.fixture
def custodian(store):
    return Custodian(str(store))


def epoch_key(custodian, tenant: str, environment: str = "development") -> bytes:
    return custodian.keyring.ensure_epoch(tenant, environment).key


def plant_epoch(store, tenant: str, key: bytes, environment: str = "development") -> None:
    """Make `key` the newest epoch key of a tenant, as a wrong hand with the master could."""
    with open_root(str(store)) as root, root.enter("keys") as keys:
        owner = read_tenant_file(keys, tenant)
        kek = kek_of(keys, owner)
        number = 1 + max((record.epoch for record in owner.epochs if record.environment == environment), default=0)
        record = owner.wrap(kek, environment, number, key, now=1_700_000_000)
        owner.epochs = (*owner.epochs, record)
        with keys.enter("tenant_keys") as directory:
            directory.replace(f"{tenant}.key", owner.to_bytes(kek))


def plant_signing_key(store, purpose: str, seed: bytes) -> None:
    path = store / "keys" / "signing" / f"{purpose}.key"
    path.touch(0o600)
    path.write_bytes(SigningKey(seed).to_pem())
    (store / "keys" / "signing" / f"{purpose}.pub").unlink(missing_ok=True)


def test_a_new_store_passes(store, run_check):
    result = run_check(store, "SEC-008")
    assert result.status is Status.PASS
    assert result.findings[0].observed == "13 keys and salts of 2 tenants, each with one use"


def test_no_fingerprint_is_reported(store, custodian, run_check):
    plant_epoch(store, "borealis", epoch_key(custodian, "aurora"))
    key = epoch_key(custodian, "aurora")
    assert key.hex() not in repr(run_check(store, "SEC-008"))
    assert SigningKey(key).public.hex()[:16] not in repr(run_check(store, "SEC-008"))


def test_one_epoch_key_for_two_tenants_fails_until_both_have_new_ones(store, custodian, run_check, failure):
    plant_epoch(store, "borealis", epoch_key(custodian, "aurora"))
    finding = failure(run_check(store, "SEC-008"))
    assert (
        finding.observed == "one and the same: epoch key 1 of aurora/development, epoch key 2 of borealis/development"
    )
    assert finding.fix == (
        f"sealproof key rotate aurora --environment development --root {store}"
        f" && sealproof key rotate borealis --environment development --root {store}"
    )
    custodian.rotate_epoch("aurora", "development")
    assert run_check(store, "SEC-008").status is Status.FAIL
    custodian.rotate_epoch("borealis", "development")
    assert run_check(store, "SEC-008").status is Status.PASS


def test_one_epoch_key_for_two_environments_fails(store, custodian, run_check, failure):
    plant_epoch(store, "aurora", epoch_key(custodian, "aurora"), environment="production")
    assert "aurora/production" in failure(run_check(store, "SEC-008")).observed


def test_a_new_epoch_with_the_old_key_fails(store, custodian, run_check, failure):
    plant_epoch(store, "aurora", epoch_key(custodian, "aurora"))
    observed = failure(run_check(store, "SEC-008")).observed
    assert observed == "one and the same: epoch key 1 of aurora/development, epoch key 2 of aurora/development"


def test_one_data_key_for_two_tenants_fails(store, custodian, run_check, failure):
    dek = os.urandom(32)
    for tenant in ("aurora", "borealis"):
        data = sealing.create(
            custodian.keyring.ensure_epoch(tenant, "development"),
            {},
            writer=custodian.keyring.signing_key("writer"),
            now=1_700_000_000,
            random=lambda size: dek if size == 32 else os.urandom(size),
        )
        (store / "tenants" / tenant / ".env.enc").write_bytes(data)
    finding = failure(run_check(store, "SEC-008"))
    assert finding.observed == "one and the same: data key of aurora/development, data key of borealis/development"


def test_one_key_that_signs_files_and_reports_fails_and_the_fix_draws_another(store, run_check, failure):
    signing = store / "keys" / "signing"
    for half in ("key", "pub"):
        (signing / f"report.{half}").write_bytes((signing / f"writer.{half}").read_bytes())
    finding = failure(run_check(store, "SEC-008"))
    assert finding.observed == "one and the same: report key, writer key"
    subprocess.run(finding.fix, shell=True, check=True)
    assert run_check(store, "SEC-008").status is Status.PASS
    assert run_check(store, "SEC-006").status is Status.PASS
    SigningKey.from_pem((signing / "report.key").read_bytes(), name="report.key")


def test_a_public_half_alone_is_enough_to_tell(store, run_check, failure):
    signing = store / "keys" / "signing"
    (signing / "report.pub").write_bytes((signing / "writer.pub").read_bytes())
    (signing / "report.key").unlink()
    assert failure(run_check(store, "SEC-008")).observed == "one and the same: report key, writer key"


def test_a_file_signed_with_the_report_key_fails(store, run_check, failure):
    signing = store / "keys" / "signing"
    (signing / "writer-2.pub").touch(0o600)
    (signing / "writer-2.pub").write_bytes((signing / "report.pub").read_bytes())
    custodian = Custodian(str(store))
    unlocked = custodian.open("aurora", "development")
    report = SigningKey.from_pem((signing / "report.key").read_bytes(), name="report.key")
    data = sealing.edit(unlocked, changes={"DB_PASSWORD": b"x"}, writer=report, now=1_700_000_000)
    custodian.store.write("aurora", "development", data, expected=unlocked.envelope.data)
    (signing / "writer-2.pub").unlink()
    assert failure(run_check(store, "SEC-008")).observed == "one and the same: report key, writer key"


def test_a_signing_seed_that_is_an_epoch_key_fails(store, custodian, run_check, failure):
    plant_signing_key(store, "audit", epoch_key(custodian, "aurora"))
    finding = failure(run_check(store, "SEC-008"))
    assert finding.observed == "one and the same: audit key, epoch key 1 of aurora/development"


def test_a_master_that_is_an_epoch_key_fails(store, custodian, run_check, failure):
    with open_root(str(store)) as root, root.enter("keys") as keys:
        plant_epoch(store, "aurora", master_of(keys))
    finding = failure(run_check(store, "SEC-008"))
    assert finding.observed == "one and the same: master, epoch key 2 of aurora/development"
    assert "make a new store" in finding.fix


def test_two_writers_with_one_key_have_one_purpose(store, run_check):
    signing = store / "keys" / "signing"
    for half in ("key", "pub"):
        (signing / f"writer-2.{half}").touch(0o600)
        (signing / f"writer-2.{half}").write_bytes((signing / f"writer.{half}").read_bytes())
    assert run_check(store, "SEC-008").status is Status.PASS


def test_one_salt_for_two_tenants_fails_and_the_fix_draws_others(store, custodian, run_check, failure):
    salt = os.urandom(16)
    for tenant in ("aurora", "borealis"):
        drawn = Custodian(str(store), random=lambda size: salt if size == len(salt) else os.urandom(size))
        drawn.keyring.rewrap(tenant)
    finding = failure(run_check(store, "SEC-008"))
    assert finding.observed == "one and the same: salt of aurora, salt of borealis"
    assert "sealproof key rewrap aurora" in finding.fix
    custodian.keyring.rewrap("aurora")
    assert run_check(store, "SEC-008").status is Status.PASS


def test_a_narrowed_run_names_no_other_tenant(store, custodian, run_check, failure):
    plant_epoch(store, "borealis", epoch_key(custodian, "aurora"))
    result = run_check(store, "SEC-008", tenants=("aurora",))
    assert (
        failure(result).observed == "one and the same: epoch key 1 of aurora/development, epoch key of another tenant"
    )
    assert "borealis" not in repr(result)


def test_a_key_file_that_does_not_unwrap_is_not_passed_over(store, run_check):
    path = store / "keys" / "tenant_keys" / "aurora.key"
    path.write_bytes(path.read_bytes().replace(b'"state":"active"', b'"state":"retired"'))
    result = run_check(store, "SEC-008")
    assert result.status is Status.NOT_EVALUATED
    assert result.findings[0].resource == "keys/tenant_keys/aurora.key"


def test_a_narrowed_run_does_not_name_whose_file_does_not_unwrap(store, run_check):
    path = store / "keys" / "tenant_keys" / "borealis.key"
    path.write_bytes(path.read_bytes().replace(b'"state":"active"', b'"state":"retired"'))
    assert "borealis" not in repr(run_check(store, "SEC-008", tenants=("aurora",)))


def test_a_signing_key_that_cannot_be_read_is_not_passed_over(store, run_check):
    (store / "keys" / "signing" / "report.key").write_bytes(b"torn")
    assert run_check(store, "SEC-008").status is Status.NOT_EVALUATED


def test_without_a_master_there_is_no_evidence(store, run_check):
    (store / "keys" / "master.key").unlink()
    result = run_check(store, "SEC-008")
    assert result.status is Status.NOT_EVALUATED


def test_a_host_with_a_handed_over_key_has_no_evidence(store, tmp_path, run_check):
    (store / "keys").rename(tmp_path / "away")
    assert run_check(store, "SEC-008").status is Status.NOT_EVALUATED


def test_a_policy_key_that_signs_a_log_too_fails(store, run_check, failure):
    (store / "keys/audit/platform/epoch-0000000001.key").write_bytes((store / "keys/signing/policy.key").read_bytes())
    finding = failure(run_check(store, "SEC-008"))
    assert finding.observed == "one and the same: policy key, audit key of platform"
    assert "sealproof audit seal platform" in finding.fix
