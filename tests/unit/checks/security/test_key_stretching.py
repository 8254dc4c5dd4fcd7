"""SEC-010: passphrase keys are stretched."""

from __future__ import annotations

import os
import re
import secrets
import time

import pytest

from sealproof.envelope import keytree
from sealproof.envelope.grammar import encode
from sealproof.findings import Status
from sealproof.loader.keys import forget_keys
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation
from sealproof.vault.keys.keyring import Keyring


@pytest.fixture
def ledger(store):
    return store / "keys" / "tenant_keys" / "aurora.key"


def restate(path, field: str, value: str) -> None:
    """Change a field in a key file's first line by hand."""
    text = path.read_text()
    changed = re.sub(rf'"{field}":("[^"]*"|\d+)', f'"{field}":{value}', text, count=1)
    assert changed != text
    path.write_text(changed)


@pytest.fixture
def passphrase_store(tmp_path, monkeypatch):
    """A store whose master is stretched from a passphrase."""
    root = tmp_path / "passphrase"
    text = secrets.token_urlsafe(32)
    lay_foundation(str(root), passphrase=text, iterations=100_000, clock=time.time)
    monkeypatch.setenv("MASTER_SECRET_KEY", text)
    forget_keys()
    return root


def test_a_new_store_passes(store, run_check):
    result = run_check(store, "SEC-010")
    assert result.status is Status.PASS
    assert result.findings[-1].observed.startswith("2 tenants: PBKDF2-HMAC-SHA256")


@pytest.mark.parametrize("iterations", [99_999, 1, 0])
def test_a_cost_lowered_by_hand_fails_and_the_fix_raises_it(store, ledger, run_check, failure, iterations):
    restate(ledger, "iterations", str(iterations))
    finding = failure(run_check(store, "SEC-010"))
    assert finding.resource == "keys/tenant_keys/aurora.key"
    assert finding.observed == f"asks for {iterations} iterations"
    assert finding.fix == f"sealproof key rewrap aurora --root {store}"
    Keyring(str(store)).rewrap("aurora")
    assert run_check(store, "SEC-010").status is Status.PASS
    assert Custodian(str(store)).open("aurora", "development").values()


def test_wraps_really_made_with_less_fail_and_the_fix_raises_them(store, run_check, failure, monkeypatch):
    monkeypatch.setattr(keytree, "TENANT_ITERATIONS", 1000)
    Keyring(str(store), iterations=1000).rewrap("aurora")
    monkeypatch.undo()
    assert failure(run_check(store, "SEC-010")).observed == "asks for 1000 iterations"
    Keyring(str(store)).rewrap("aurora")
    assert run_check(store, "SEC-010").status is Status.PASS
    assert Custodian(str(store)).open("aurora", "development").values()


def test_a_cost_no_reader_accepts_fails_and_the_fix_lowers_it(store, ledger, run_check, failure):
    restate(ledger, "iterations", str(2**30))
    assert "allows at most 10000000" in failure(run_check(store, "SEC-010")).observed
    Keyring(str(store)).rewrap("aurora")
    assert run_check(store, "SEC-010").status is Status.PASS


def test_the_settings_may_ask_for_more(store, run_check):
    assert run_check(store, "SEC-010", overrides={"kdf_iterations_tenant": 200_000}).status is Status.FAIL


def test_one_salt_for_two_tenants_fails_and_one_rewrap_mends_it(store, run_check, failure):
    salt = os.urandom(16)
    for tenant in ("aurora", "borealis"):
        Keyring(str(store), random=lambda size: salt if size == len(salt) else os.urandom(size)).rewrap(tenant)
    finding = failure(run_check(store, "SEC-010"))
    assert (finding.resource, finding.observed) == ("keys/tenant_keys/borealis.key", "its salt is used twice")
    assert finding.fix == f"sealproof key rewrap borealis --root {store}"
    Keyring(str(store)).rewrap("borealis")
    assert run_check(store, "SEC-010").status is Status.PASS


@pytest.mark.parametrize("salt", [bytes(16), b"ab" * 8, bytes(range(0xE0, 0xF0)), b"saltsalt" * 2])
def test_a_salt_that_was_not_drawn_fails(store, ledger, run_check, failure, salt):
    restate(ledger, "salt", f'"{encode(salt)}"')
    assert failure(run_check(store, "SEC-010")).observed == "its salt is no random one"


def test_a_passphrase_is_stretched_enough(passphrase_store, run_check):
    result = run_check(passphrase_store, "SEC-010")
    assert result.status is Status.PASS
    assert "600000 iterations" in result.findings[0].observed


def test_a_passphrase_stretched_too_little_fails(passphrase_store, run_check, failure):
    restate(passphrase_store / "keys" / "master.key", "iterations", "599999")
    finding = failure(run_check(passphrase_store, "SEC-010"))
    assert (finding.resource, finding.observed) == ("keys/master.key", "asks for 599999 iterations")


def test_the_masters_salt_again_under_a_tenant_fails(passphrase_store, run_check, failure):
    Custodian(str(passphrase_store)).seal("aurora", "development", {"DB_PASSWORD": b"x"})
    salt = re.findall(r'"salt":"([^"]*)"', (passphrase_store / "keys" / "master.key").read_text())[0]
    restate(passphrase_store / "keys" / "tenant_keys" / "aurora.key", "salt", f'"{salt}"')
    assert failure(run_check(passphrase_store, "SEC-010")).observed == "its salt is used twice"


def test_nothing_is_derived_and_no_passphrase_needed(passphrase_store, run_check, monkeypatch):
    monkeypatch.delenv("MASTER_SECRET_KEY", raising=False)
    forget_keys()
    assert run_check(passphrase_store, "SEC-010").status is Status.PASS


@pytest.mark.parametrize("name", ["master.key", "tenant_keys/aurora.key"])
def test_a_key_file_that_cannot_be_read_is_no_evidence(store, run_check, name):
    (store / "keys" / name).write_text("torn\n")
    assert run_check(store, "SEC-010").status is Status.NOT_EVALUATED


def test_a_missing_master_is_no_evidence(store, run_check):
    (store / "keys" / "master.key").unlink()
    assert run_check(store, "SEC-010").status is Status.NOT_EVALUATED


def test_a_host_with_a_handed_over_key_derives_nothing(store, tmp_path, run_check, monkeypatch):
    line = Custodian(str(store)).keyring.key_lines("aurora", "development")[0].to_line()
    (store / "keys").rename(tmp_path / "away")
    assert run_check(store, "SEC-010").status is Status.NOT_EVALUATED
    monkeypatch.setenv("SEALPROOF_KEY", line)
    assert run_check(store, "SEC-010").status is Status.NOT_APPLICABLE


def test_a_handed_over_key_that_cannot_be_read_is_no_evidence(store, tmp_path, run_check, monkeypatch):
    (store / "keys").rename(tmp_path / "away")
    monkeypatch.setenv("SEALPROOF_KEY_FILE", str(tmp_path / "missing.key"))
    assert run_check(store, "SEC-010").status is Status.NOT_EVALUATED


def test_a_narrowed_run_names_no_other_tenant(store, run_check, failure):
    restate(store / "keys" / "tenant_keys" / "borealis.key", "iterations", "1")
    result = run_check(store, "SEC-010", tenants=("aurora",))
    assert failure(result).resource == "another tenant's key file"
    assert "borealis" not in repr(result)
    (store / "keys" / "tenant_keys" / "borealis.key").write_text("torn\n")
    assert "borealis" not in repr(run_check(store, "SEC-010", tenants=("aurora",)))
