"""SEC-009: key material is strong."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from pathlib import Path

import pytest

from sealproof.checks.security.key_material import SAMPLE_KEYS
from sealproof.envelope import seal as sealing
from sealproof.envelope.keyfile import KeyLine
from sealproof.findings import Status
from sealproof.loader.files import open_root
from sealproof.loader.keys import forget_keys
from sealproof.loader.storekeys import kek_of, read_tenant_file
from sealproof.signing import SigningKey
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation

VECTORS = Path(__file__).parents[3] / "vectors"
WEAK = {
    "zero": bytes(32),
    "two-valued": b"\x00\xff" * 16,
    "printable": b"correct-horse-battery-staple-123",
    "repeated": os.urandom(16) * 2,
    "counted": bytes(range(5, 37)),
    "rfc-8032": bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
}


@pytest.fixture
def custodian(store):
    return Custodian(str(store))


def replace_epoch(store, tenant: str, key: bytes) -> None:
    """Put `key` in the place of a tenant's epoch key, and seal an empty file under it."""
    custodian = Custodian(str(store))
    with open_root(str(store)) as root, root.enter("keys") as keys:
        owner = read_tenant_file(keys, tenant)
        kek = kek_of(keys, owner)
        owner.epochs = (owner.wrap(kek, "development", 1, key, now=int(time.time())),)
        with keys.enter("tenant_keys") as directory:
            directory.replace(f"{tenant}.key", owner.to_bytes(kek))
    seal(custodian, tenant)


def seal(custodian, tenant: str, random=os.urandom) -> None:
    epoch = custodian.keyring.ensure_epoch(tenant, "development")
    writer = custodian.keyring.signing_key("writer")
    data = sealing.create(epoch, {}, writer=writer, now=int(time.time()), random=random)
    Path(custodian.store.root, "tenants", tenant, ".env.enc").write_bytes(data)


def test_a_new_store_passes(store, run_check):
    result = run_check(store, "SEC-009")
    assert result.status is Status.PASS
    assert result.findings[0].observed == "11 keys in use are strong; 0 of earlier epochs are not in use"


@pytest.mark.parametrize("kind", WEAK)
def test_a_weak_epoch_key_fails_and_rotation_mends_it(store, run_check, failure, kind):
    replace_epoch(store, "aurora", WEAK[kind])
    result = run_check(store, "SEC-009")
    finding = failure(result)
    assert finding.resource == "keys/tenant_keys/aurora.key"
    assert finding.observed.startswith("the epoch key 1 of aurora/development is ")
    assert finding.fix == f"sealproof key rotate aurora --environment development --root {store}"
    assert WEAK[kind].hex() not in repr(result)
    Custodian(str(store)).rotate_epoch("aurora", "development")
    result = run_check(store, "SEC-009")
    assert result.status is Status.PASS
    assert "1 of earlier epochs" in result.findings[0].observed


@pytest.mark.parametrize("key", sorted(SAMPLE_KEYS))
def test_a_published_sample_fails(store, run_check, failure, key):
    replace_epoch(store, "aurora", key)
    assert "a sample that stands in a published document" in failure(run_check(store, "SEC-009")).observed


def test_the_samples_of_rfc_8032_are_those_of_the_vectors():
    cases = json.loads((VECTORS / "primitives" / "ed25519_rfc8032.json").read_text())
    text = json.dumps(cases)
    assert sum(key.hex() in text for key in SAMPLE_KEYS) >= 2


def test_a_weak_data_key_fails(store, custodian, run_check, failure):
    seal(custodian, "aurora", random=lambda size: bytes(size) if size == 32 else os.urandom(size))
    finding = failure(run_check(store, "SEC-009"))
    assert finding.observed == "the data key of aurora/development is constant"


def test_a_weak_master_fails(tmp_path, run_check, failure):
    root = tmp_path / "weak"
    lay_foundation(str(root), passphrase=None, iterations=100_000, clock=time.time)
    master = root / "keys" / "master.key"
    line = json.loads(master.read_text())
    line["key"] = "A" * 43
    master.write_text(json.dumps(line, separators=(",", ":")) + "\n")
    finding = failure(run_check(root, "SEC-009"))
    assert finding.observed == "the master is constant"
    assert "make a new store" in finding.fix


def test_a_weak_signing_key_fails_and_the_fix_draws_another(store, run_check, failure):
    path = store / "keys" / "signing" / "report.key"
    path.write_bytes(SigningKey(WEAK["printable"]).to_pem())
    finding = failure(run_check(store, "SEC-009"))
    assert finding.observed == "the report key is printable text, so not drawn at random"
    subprocess.run(finding.fix, shell=True, check=True)
    assert run_check(store, "SEC-009").status is Status.PASS


def test_a_key_shorter_than_the_profile_asks_fails(store, run_check, failures):
    found = failures(run_check(store, "SEC-009", overrides={"min_symmetric_key_bits": 257}))
    assert all(finding.observed.endswith("is only 256 bits long") for finding in found.values())


def test_a_weak_key_that_was_handed_over_fails(store, tmp_path, run_check, failure, monkeypatch):
    writer = SigningKey(os.urandom(32)).public
    (store / "keys").rename(tmp_path / "away")
    monkeypatch.setenv("SEALPROOF_KEY", KeyLine("x25519", WEAK["zero"], (writer,)).to_line())
    finding = failure(run_check(store, "SEC-009"))
    assert finding.resource == "handed-over key"


def test_a_strong_key_that_was_handed_over_passes(store, tmp_path, run_check, custodian, monkeypatch):
    line = custodian.keyring.key_lines("aurora", "development")[0].to_line()
    (store / "keys").rename(tmp_path / "away")
    monkeypatch.setenv("SEALPROOF_KEY", line)
    assert run_check(store, "SEC-009").status is Status.PASS


def test_a_key_handed_over_does_not_hide_the_stores_own(store, run_check, failure, custodian, monkeypatch):
    line = custodian.keyring.key_lines("aurora", "development")[0].to_line()
    replace_epoch(store, "borealis", WEAK["zero"])
    monkeypatch.setenv("SEALPROOF_KEY", line)
    assert failure(run_check(store, "SEC-009")).resource == "keys/tenant_keys/borealis.key"


@pytest.mark.parametrize("strong", [True, False])
def test_a_passphrase_is_judged_as_it_was_given(tmp_path, run_check, monkeypatch, strong):
    root = tmp_path / "passphrase"
    text = secrets.token_urlsafe(32) if strong else "hunter-two"
    lay_foundation(str(root), passphrase=secrets.token_urlsafe(32), iterations=100_000, clock=time.time)
    monkeypatch.setenv("MASTER_SECRET_KEY", text)
    forget_keys()
    result = run_check(root, "SEC-009")
    assert result.status is (Status.PASS if strong else Status.FAIL)
    assert text not in repr(result)


def test_no_key_at_all_is_no_evidence(store, tmp_path, run_check):
    (store / "keys").rename(tmp_path / "away")
    assert run_check(store, "SEC-009").status is Status.NOT_EVALUATED


def test_a_handed_over_key_that_cannot_be_read_is_no_evidence(store, tmp_path, run_check, monkeypatch):
    monkeypatch.setenv("SEALPROOF_KEY_FILE", str(tmp_path / "missing.key"))
    assert run_check(store, "SEC-009").status is Status.NOT_EVALUATED


def test_a_narrowed_run_names_no_other_tenant(store, run_check, failure):
    replace_epoch(store, "borealis", WEAK["zero"])
    result = run_check(store, "SEC-009", tenants=("aurora",))
    assert failure(result).observed == "the epoch key of another tenant is constant"
    assert "borealis" not in repr(result)


@pytest.mark.parametrize(
    ("path", "name", "fix"),
    [
        ("keys/signing/policy.key", "policy key", "sealproof access signer --output FILE"),
        ("keys/audit/platform/epoch-0000000001.key", "audit key of platform", "sealproof audit seal platform"),
    ],
)
def test_a_weak_key_for_policy_or_log_fails(store, run_check, failure, path, name, fix):
    (store / path).write_bytes(SigningKey(bytes(32)).to_pem())
    finding = failure(run_check(store, "SEC-009"))
    assert (finding.resource, finding.observed.startswith(f"the {name} is ")) == (path, True)
    assert finding.fix.startswith(fix)


def test_a_weak_key_for_the_names_in_a_log_fails(store, run_check, failure):
    (store / "keys/audit/platform/log.key").write_bytes(b"00" * 32 + b"\n")
    assert failure(run_check(store, "SEC-009")).observed.startswith("the audit name key of platform is ")


def test_an_audit_key_that_cannot_be_read_is_no_pass(store, run_check):
    (store / "keys/audit/platform/epoch-0000000001.key").write_bytes(b"?")
    result = run_check(store, "SEC-009")
    assert any(finding.status is Status.NOT_EVALUATED for finding in result.findings)
