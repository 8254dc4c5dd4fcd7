"""Checks that provoke on scratch stores, in a process that was given a key or passphrase of another store."""

from __future__ import annotations

import time

import pytest

from sealproof.checks.compliance import _probes, _restore_drill
from sealproof.checks.gate import Gate, run_gate
from sealproof.checks.penetration import injection
from sealproof.checks.registry import registered
from sealproof.checks.runner import Selection
from sealproof.compliance import catalogue
from sealproof.envelope import cipher
from sealproof.envelope.keyfile import KeyLine
from sealproof.findings import Status, gates
from sealproof.loader.keys import forget_keys
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import WHOLE_STORE, Recipients
from sealproof.vault.backup.shelf import Shelf, name_of
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation

PASSPHRASE = "quince-lantern-57-Bremen-oyster-waltz"
KNOWN = catalogue.load().checks
SCRATCH = sorted(check.id for check in KNOWN.values() if check.cost == "scratch" and check.id in registered())


@pytest.fixture(autouse=True)
def _fresh_drills(monkeypatch):
    _probes.probed.cache_clear()
    _restore_drill.drill.cache_clear()
    monkeypatch.setattr(injection, "HOSTILE", injection.HOSTILE[:2])  # what is rendered meets no key


@pytest.fixture
def readers_key(store, tmp_path, monkeypatch):
    """The store, in a process whose key is that of an X25519 recipient."""
    private = bytes(range(32))
    custodian = Custodian(str(store))
    custodian.add_reader("aurora", "development", cipher.reader_public(private))
    writers = (custodian.keyring.signing_key("writer").public,)
    path = tmp_path / "ci.key"
    path.write_text(KeyLine("x25519", private, writers).to_line() + "\n")
    path.chmod(0o600)
    monkeypatch.setenv("SEALPROOF_KEY_FILE", str(path))
    return store


@pytest.fixture
def passphrase_store(tmp_path, monkeypatch):
    """A store whose master is stretched, in a process that was given the passphrase."""
    (tmp_path / "stretched").mkdir()
    root = tmp_path / "stretched" / "secrets"
    monkeypatch.setenv("MASTER_SECRET_KEY", PASSPHRASE)
    forget_keys()
    lay_foundation(str(root), passphrase=PASSPHRASE, iterations=100_000, clock=time.time)
    Custodian(str(root)).seal("aurora", "development", {"API_TOKEN": b"b7Qk29sLm4Xw81Vz63Rt50Yp"})
    return root


def test_a_clone_with_a_readers_key_loses_no_gating_evidence_but_what_needs_custody(readers_key):
    """As in CI: a clone has neither `keys/` nor the audit log, and says with `without` that both are elsewhere."""
    cheap = tuple(check.id for check in KNOWN.values() if check.cost == "fast" and check.id in registered())
    before = {result.check for result in _missing(readers_key, Selection(checks=cheap))}
    for name in ("keys", "audit"):
        if (readers_key / name).exists():
            (readers_key / name).rename(readers_key.parent / f"away-{name}")
    lost = {result.check for result in _missing(readers_key, Selection(checks=cheap))} - before
    assert len(lost) > 5
    assert lost <= {check.id for check in KNOWN.values() if "custody" in check.needs}
    assert {result.check for result in _missing(readers_key, Selection(checks=cheap, without=("custody",)))} <= before


def _missing(root, selection):
    run = run_gate(Gate(str(root), selection=selection))
    return [result for result in run.results if result.status is Status.NOT_EVALUATED and gates(result, run.gate)]


@pytest.mark.parametrize("check_id", SCRATCH)
def test_a_readers_key_breaks_no_check(readers_key, run_check, check_id):
    result = run_check(readers_key, check_id, "aurora")
    assert [finding for finding in result.findings if finding.status is Status.ERROR] == []


@pytest.mark.parametrize("check_id", SCRATCH)
def test_a_passphrase_breaks_no_check(passphrase_store, run_check, check_id):
    result = run_check(passphrase_store, check_id, "aurora")
    assert [finding for finding in result.findings if finding.status is Status.ERROR] == []


@pytest.mark.parametrize("scope", [WHOLE_STORE, "aurora"])
@pytest.mark.parametrize("given", ["readers_key", "passphrase_store"])
def test_a_backup_restores_all_the_same(request, run_check, given, scope):
    root = request.getfixturevalue(given)
    private = bytes(range(1, 33))
    writers = (Custodian(str(root)).keyring.signing_key("writer").public,)
    identity = root / "keys" / "escrow.key"
    identity.write_text(KeyLine("x25519", private, writers).to_line() + "\n")
    identity.chmod(0o600)
    shelf = Shelf(str(root / "backups"))
    shelf.prepare()
    name, recipients = name_of(scope, int(time.time()), "0a0b0c0d"), Recipients((cipher.reader_public(private),))
    create(Custodian(str(root)), scope, recipients, directory=shelf.directory, name=name)
    result = run_check(root, "CMP-014", "aurora")
    assert [finding.observed for finding in result.findings if finding.status is not Status.PASS] == []
