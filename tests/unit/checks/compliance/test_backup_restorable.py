"""CMP-014: backups are encrypted, fresh and restorable."""

from __future__ import annotations

import os
import time

import pytest

from sealproof.checks.compliance import _restore_drill
from sealproof.envelope import cipher
from sealproof.envelope.keyfile import KeyLine
from sealproof.findings import Status
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import WHOLE_STORE, Recipients
from sealproof.vault.backup.shelf import Shelf, name_of
from sealproof.vault.custodian import Custodian

HOUR = 3600
NOW = int(time.time())


@pytest.fixture
def escrow(store):
    """An escrowed identity in the store's keys/, and its public half."""
    _restore_drill.drill.cache_clear()
    private = bytes(range(32))
    publics = Custodian(str(store)).keyring.signing_publics()
    writers = tuple(key for name, key in publics.items() if name.startswith("writer"))
    path = store / "keys" / "escrow.key"
    path.write_text(KeyLine("x25519", private, writers).to_line() + "\n")
    path.chmod(0o600)
    return cipher.reader_public(private)


@pytest.fixture
def back_up(store, escrow):
    def make(scope=WHOLE_STORE, public=escrow):
        shelf = Shelf(str(store / "backups"))
        shelf.prepare()
        name = name_of(scope, NOW, os.urandom(4).hex())
        recipients = Recipients((public,))
        made = create(Custodian(str(store)), scope, recipients, directory=shelf.directory, name=name)
        return store / "backups" / os.path.basename(made.path)

    return make


def judged(run_check, store, now=None):
    return run_check(store, "CMP-014", "aurora", now=now or int(time.time()))


@pytest.mark.parametrize("scope", [WHOLE_STORE, "aurora"])
def test_a_fresh_backup_that_restores_passes(store, run_check, back_up, scope):
    back_up(scope)
    result = judged(run_check, store)
    assert result.status is Status.PASS
    assert "5 values of aurora/development opened" in result.findings[-1].observed


def test_a_young_store_owes_no_backup_and_an_old_one_has_no_evidence(store, run_check):
    assert judged(run_check, store).status is Status.NOT_APPLICABLE
    assert judged(run_check, store, NOW + 30 * HOUR).status is Status.NOT_EVALUATED


def test_an_old_backup_fails(store, run_check, back_up, failures):
    path = back_up()
    later = int(time.time()) + 25 * HOUR + 60
    assert "made 25 hours ago" in failures(judged(run_check, store, later))[path.name].observed


def test_another_tenants_backup_is_none_of_ours(store, run_check, back_up):
    back_up("borealis")
    assert judged(run_check, store, NOW + 30 * HOUR).status is Status.NOT_EVALUATED


def test_a_plain_file_among_the_backups_fails(store, run_check, back_up, failures):
    back_up()
    plain = store / "backups" / "dump.env"
    plain.write_text("DB_PASSWORD=x\n")
    assert str(plain) in failures(judged(run_check, store))


def test_a_backup_with_a_flipped_byte_does_not_restore(store, run_check, back_up, failures):
    path = back_up()
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    assert "it failed" in failures(judged(run_check, store))["restore drill"].observed


def test_a_backup_for_somebody_else_does_not_restore(store, run_check, back_up, failures):
    back_up(public=cipher.reader_public(bytes(range(1, 33))))
    assert "it failed" in failures(judged(run_check, store))["restore drill"].observed


def test_without_the_escrowed_key_nothing_is_known(store, run_check, back_up):
    back_up()
    (store / "keys" / "escrow.key").unlink()
    assert judged(run_check, store).status is Status.NOT_EVALUATED


def test_a_slow_restore_fails(store, run_check, back_up, failures, monkeypatch):
    back_up()
    slow = _restore_drill.Drill(3601.0, {}, "")
    monkeypatch.setattr("sealproof.checks.compliance.backup_restorable.drill", lambda *_: slow)
    assert "did not come back" in failures(judged(run_check, store))["restore drill"].observed


def test_a_change_after_the_backup_is_no_fault_of_it(store, run_check, back_up):
    back_up()
    Custodian(str(store)).seal("aurora", "development", {"API_TOKEN": b"a value from after the backup"})
    result = judged(run_check, store)
    assert result.status is Status.PASS
    assert "still current: 4" in result.findings[-1].observed
