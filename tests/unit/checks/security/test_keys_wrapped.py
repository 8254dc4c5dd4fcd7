"""SEC-011, on a keyring under a random master, under a passphrase, and on a host without one."""

from __future__ import annotations

import shutil

from sealproof.envelope.keytree import MasterFile
from sealproof.findings import Severity, Status


def test_a_random_master_beside_what_it_wraps_fails_in_production(store, run_check, failure):
    result = run_check(store, "SEC-011", profile="production")
    assert (result.status, result.severity) == (Status.FAIL, Severity.HIGH)
    assert "the keys of 2 tenants" in failure(result).observed


def test_a_development_profile_allows_it(store, run_check):
    assert run_check(store, "SEC-011").status is Status.NOT_APPLICABLE


def test_a_passphrase_is_kept_elsewhere(store, run_check):
    path = store / "keys" / "master.key"
    path.write_bytes(MasterFile(1, salt=bytes(range(16)), iterations=600_000).to_bytes())
    assert run_check(store, "SEC-011", profile="production").status is Status.PASS


def test_a_host_that_was_handed_its_key_has_nothing_to_wrap(store, run_check, monkeypatch):
    shutil.rmtree(store / "keys")
    monkeypatch.setenv("SEALPROOF_KEY", "a key")
    assert run_check(store, "SEC-011", profile="production").status is Status.NOT_APPLICABLE


def test_a_keyring_without_its_master_is_no_evidence(store, run_check):
    (store / "keys" / "master.key").unlink()
    assert run_check(store, "SEC-011").status is Status.NOT_EVALUATED
