"""SEC-005: nonces never repeat under a key."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest

from sealproof.envelope import seal as sealing
from sealproof.findings import Status
from sealproof.vault.custodian import Custodian

NOW = int(time.time())


@pytest.fixture
def custodian(store):
    return Custodian(str(store))


def edit(custodian, changes, *, random=os.urandom, tenant="aurora") -> None:
    """Save an edit whose nonces come from `random`."""
    unlocked = custodian.open(tenant, "development")
    writer = custodian.keyring.signing_key("writer")
    data = sealing.edit(unlocked, changes=changes, writer=writer, now=NOW, random=random)
    custodian.store.write(tenant, "development", data, expected=unlocked.envelope.data)


def broken(size: int) -> bytes:
    return b"\7" * size


def test_a_store_that_draws_its_nonces_passes(store, run_check):
    result = run_check(store, "SEC-005", "aurora")
    assert result.status is Status.PASS
    assert [finding.observed for finding in result.findings] == [
        "5 seals under the data key, the limit is 1048576",
        "6 nonces in 1 file, none used twice; copies in the git history are not looked at",
    ]


def test_two_values_under_one_nonce_fail_by_name(store, custodian, run_check, failure):
    edit(custodian, {"DB_PASSWORD": b"first", "API_TOKEN": b"second"}, random=broken)
    finding = failure(run_check(store, "SEC-005", "aurora"))
    assert finding.resource == "aurora/development/API_TOKEN"
    assert "one nonce under one data key serves 2 seals: API_TOKEN, DB_PASSWORD" in finding.observed
    assert finding.fix == f"sealproof key rotate aurora --environment development --root {store}"


def test_the_fix_gives_every_value_a_new_key(store, custodian, run_check):
    edit(custodian, {"DB_PASSWORD": b"first", "API_TOKEN": b"second"}, random=broken)
    custodian.rotate_epoch("aurora", "development")
    assert run_check(store, "SEC-005", "aurora").status is Status.PASS


def test_a_nonce_used_again_in_a_later_version_is_found_in_a_kept_copy(store, custodian, run_check, failure):
    directory = store / "tenants" / "aurora"
    edit(custodian, {"DB_PASSWORD": b"first"}, random=broken)
    shutil.copy(directory / ".env.enc", directory / ".env.enc.bak")
    edit(custodian, {"DB_PASSWORD": b"second"}, random=broken)
    finding = failure(run_check(store, "SEC-005", "aurora"))
    assert "tenants/aurora/.env.enc, tenants/aurora/.env.enc.bak" in finding.observed
    custodian.rotate_epoch("aurora", "development")
    assert run_check(store, "SEC-005", "aurora").status is Status.PASS


def test_copies_that_repeat_among_themselves_have_to_go(store, custodian, run_check, failure):
    directory = store / "tenants" / "aurora"
    for number, value in enumerate((b"first", b"second")):
        edit(custodian, {"DB_PASSWORD": value}, random=broken)
        shutil.copy(directory / ".env.enc", directory / f"old{number}.enc")
    custodian.rotate_epoch("aurora", "development")
    finding = failure(run_check(store, "SEC-005", "aurora"))
    subprocess.run(finding.fix, shell=True, check=True)
    assert run_check(store, "SEC-005", "aurora").status is Status.PASS


def test_one_sealed_line_in_two_copies_is_one_seal(store, custodian, run_check):
    directory = store / "tenants" / "aurora"
    shutil.copy(directory / ".env.enc", directory / "copy.enc")
    edit(custodian, {"DB_PASSWORD": b"another"})
    result = run_check(store, "SEC-005", "aurora")
    assert result.status is Status.PASS
    assert "7 nonces in 2 files" in result.findings[-1].observed


def test_a_key_line_under_a_used_nonce_fails(store, custodian, run_check, failure):
    directory = store / "tenants" / "aurora"
    writer = custodian.keyring.signing_key("writer")
    key = custodian.keyring.ensure_epoch("aurora", "development")
    drawn = iter((os.urandom(32), b"\7" * 12, os.urandom(32), b"\7" * 12))
    for name in (".env.enc", "old.enc"):
        data = sealing.create(key, {}, writer=writer, now=NOW, random=lambda _: next(drawn))
        (directory / name).write_bytes(data)
    finding = failure(run_check(store, "SEC-005", "aurora"))
    assert "one nonce under one epoch key serves 2 seals: key line" in finding.observed


def test_more_seals_than_the_limit_fail(store, run_check, failure):
    result = run_check(store, "SEC-005", "aurora", overrides={"seals_per_key": 4})
    finding = failure(result)
    assert (finding.observed, finding.expected) == ("5 seals under one data key", "at most 4")
    assert run_check(store, "SEC-005", "aurora", overrides={"seals_per_key": 5}).status is Status.PASS


def test_seals_that_git_brought_back_are_counted_from_what_is_seen(store, custodian, run_check):
    directory = store / "tenants" / "aurora"
    before = (directory / ".env.enc").read_bytes()
    edit(custodian, {"DB_PASSWORD": b"one", "API_TOKEN": b"one"})
    shutil.copy(directory / ".env.enc", directory / "kept.enc")
    (directory / ".env.enc").write_bytes(before)
    edit(custodian, {"JWT_SECRET_KEY": b"two", "LOG_LEVEL": b"two"})
    result = run_check(store, "SEC-005", "aurora")
    assert "9 seals under the data key" in result.findings[0].observed


def test_another_environments_file_is_left_to_its_own_scope(store, custodian, run_check):
    custodian.seal("aurora", "production", {"DB_PASSWORD": b"elsewhere"})
    assert "in 1 file" in run_check(store, "SEC-005", "aurora").findings[-1].observed


def test_a_copy_that_cannot_be_read_is_not_passed_over(store, run_check):
    directory = store / "tenants" / "aurora"
    (directory / "cut.enc").write_bytes((directory / ".env.enc").read_bytes()[:-40])
    result = run_check(store, "SEC-005", "aurora")
    assert result.status is Status.NOT_EVALUATED
    assert result.findings[0].resource == "tenants/aurora/cut.enc"
    subprocess.run(result.findings[0].fix, shell=True, check=True)
    assert run_check(store, "SEC-005", "aurora").status is Status.PASS


def test_a_file_of_another_kind_beside_it_is_no_copy(store, run_check):
    (store / "tenants" / "aurora" / "backup.enc").write_bytes(b"another container")
    assert run_check(store, "SEC-005", "aurora").status is Status.PASS


def test_copies_beyond_the_limit_are_said_to_be_unseen(store, run_check, monkeypatch):
    monkeypatch.setattr("sealproof.checks.security.nonce_uniqueness.COPIES_MAX", 1)
    directory = store / "tenants" / "aurora"
    for number in range(2):
        shutil.copy(directory / ".env.enc", directory / f"{number}.enc")
    result = run_check(store, "SEC-005", "aurora")
    assert result.status is Status.NOT_EVALUATED
    assert "2 copies here, the first 1 were looked at" in result.findings[0].reason
