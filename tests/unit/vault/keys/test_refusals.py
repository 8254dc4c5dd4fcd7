"""What is refused is not begun: nothing is left that a later `key resume` would carry out."""

from __future__ import annotations

import io
import os
import sys

import pytest

from sealproof.cli.main import dispatch
from sealproof.envelope.keytree import MasterFile
from sealproof.errors import (
    AuditUnavailable,
    CannotOpen,
    ConfigurationError,
    FileUnavailable,
    KeyMissing,
    OperationUnderWay,
)
from sealproof.loader.keys import forget_keys
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys import erasure, master
from sealproof.vault.keys.epochs import Epochs
from sealproof.vault.keys.erasure import Erasure
from sealproof.vault.keys.ledger import read_ledger
from sealproof.vault.keys.life import KeyLife
from sealproof.vault.keys.master import ROTATE, MasterRotation
from sealproof.vault.keys.signers import Signers

from .conftest import PRODUCTION

PASSPHRASE = "nine-lanterns-drift-past-the-quiet-harbour-42"
ANOTHER = "seven-anvils-sleep-under-the-copper-orchard-93"


@pytest.fixture
def stretched(store, custodian):
    """Return a store whose master is a passphrase, which this process does not have."""
    MasterRotation(custodian.keyring).rotate(passphrase=PASSPHRASE)
    forget_keys()
    return Custodian(str(store))


def is_passphrase(store):
    return MasterFile.parse((store / "keys/master.key").read_bytes()).is_passphrase


def test_a_refused_change_of_the_master_is_not_carried_out_later(store, stretched, monkeypatch):
    with pytest.raises(KeyMissing):
        MasterRotation(stretched.keyring).rotate()
    assert stretched.keyring.journal.unfinished() == []
    monkeypatch.setenv("MASTER_SECRET_KEY", PASSPHRASE)
    assert dispatch(["key", "resume", "--root", str(store)]) == 0
    assert is_passphrase(store)
    assert Custodian(str(store)).open("acme", "production").values() == PRODUCTION


def test_a_wrong_passphrase_begins_no_change_of_the_master(stretched, monkeypatch):
    monkeypatch.setenv("MASTER_SECRET_KEY", PASSPHRASE + "!")
    before = stretched.keyring.journal.history(ROTATE)
    with pytest.raises(CannotOpen):
        MasterRotation(stretched.keyring).rotate()
    assert len(stretched.keyring.journal.history(ROTATE)) == len(before)


def test_a_passphrase_over_a_random_master_leaves_nothing_unfinished(custodian, monkeypatch):
    monkeypatch.setenv("MASTER_SECRET_KEY", PASSPHRASE)
    with pytest.raises(ConfigurationError):
        MasterRotation(custodian.keyring).rotate()
    assert custodian.keyring.journal.unfinished() == []


@pytest.mark.parametrize(("begun", "asked"), [("passphrase", None), ("random", PASSPHRASE)])
def test_what_was_begun_to_one_form_is_not_finished_to_the_other(store, custodian, begun, asked):
    custodian.keyring.journal.begin(ROTATE, "master", form=begun)
    before = (store / "keys/master.key").read_bytes()
    with pytest.raises(OperationUnderWay, match=f"a rotation to a {begun} master is not finished"):
        MasterRotation(custodian.keyring).rotate(passphrase=asked)
    assert (store / "keys/master.key").read_bytes() == before


def test_resuming_says_what_the_master_is_now(store, custodian, capsys):
    custodian.keyring.journal.begin(ROTATE, "master", form="random")
    assert dispatch(["key", "resume", "--root", str(store)]) == 0
    said = capsys.readouterr()
    assert said.out == "carried on: master.rotate of master\n"
    assert "a new master wraps the keys of 2 tenants" in said.err
    assert "unset MASTER_SECRET_KEY, if set" in said.err


def test_an_epoch_is_not_begun_where_nobody_can_sign(store, custodian):
    (store / "keys/signing/writer.key").unlink()
    with pytest.raises(KeyMissing):
        Epochs(custodian).rotate("acme", "production")
    assert custodian.keyring.journal.unfinished() == []


def test_a_writers_roll_is_not_finished_halfway(stretched):
    signers = Signers(stretched)
    signers.roll("writer")
    with pytest.raises(KeyMissing):
        signers.finish("writer")
    (operation,) = stretched.keyring.journal.unfinished()
    assert operation.last == "wait"


def test_a_refused_erasure_is_not_carried_out_later(store, custodian, monkeypatch):
    def full(*args, **options):
        raise AuditUnavailable("no room for the record", hint="free some")

    with monkeypatch.context() as patched:
        patched.setattr(erasure, "AuditLog", full)
        with pytest.raises(AuditUnavailable):
            Erasure(custodian, subject="user:tester").erase("acme")
    assert KeyLife(custodian, subject="user:tester").unfinished() == []
    assert custodian.open("acme", "production").values() == PRODUCTION


class Stopped(BaseException):
    """The process ends here."""


@pytest.fixture
def flipped(store):
    """Return a store whose rotation to PASSPHRASE was stopped behind the flip, before any old wrap was dropped."""

    def stop(point):
        if point == "master.rotate:drop:before":
            raise Stopped

    with pytest.raises(Stopped):
        MasterRotation(Custodian(str(store), reached=stop).keyring).rotate(passphrase=PASSPHRASE)
    forget_keys()
    return Custodian(str(store))


@pytest.mark.parametrize("dropped", [False, True])
def test_another_passphrase_than_the_one_in_force_is_refused_by_name(store, flipped, monkeypatch, dropped):
    if dropped:
        (store / "keys/tenant_keys/acme.key.next").replace(store / "keys/tenant_keys/acme.key")
    before = (store / "keys/master.key").read_bytes()
    with pytest.raises(OperationUnderWay, match="another passphrase than this one is the master already") as refused:
        MasterRotation(flipped.keyring).rotate(passphrase=ANOTHER)
    assert refused.value.names == ("MASTER_SECRET_KEY",)
    assert (store / "keys/master.key").read_bytes() == before
    assert len(flipped.keyring.journal.unfinished()) == 1
    assert MasterRotation(flipped.keyring).rotate(passphrase=PASSPHRASE) == 2
    monkeypatch.setenv("MASTER_SECRET_KEY", PASSPHRASE)
    assert Custodian(str(store)).open("acme", "production").values() == PRODUCTION


def test_the_command_claims_no_passphrase_that_is_not_in_force(store, flipped, monkeypatch, capsys):
    typed = io.TextIOWrapper(io.BytesIO(ANOTHER.encode()))
    monkeypatch.setattr(sys, "stdin", typed)
    assert dispatch(["key", "rotate-master", "--passphrase", "--root", str(store)]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert "from now on" not in said.err
    assert "another passphrase than this one is the master already" in said.err
    assert dispatch(["key", "resume", "--root", str(store)]) == 0
    said = capsys.readouterr()
    assert "MASTER_SECRET_KEY is the passphrase that the rotation began with" in said.err


def test_before_the_flip_another_passphrase_counts(store, monkeypatch):
    def stop(point):
        if point == "master.rotate:flip:before":
            raise Stopped

    with pytest.raises(Stopped):
        MasterRotation(Custodian(str(store), reached=stop).keyring).rotate(passphrase=PASSPHRASE)
    MasterRotation(Custodian(str(store)).keyring).rotate(passphrase=ANOTHER)
    forget_keys()
    monkeypatch.setenv("MASTER_SECRET_KEY", ANOTHER)
    assert Custodian(str(store)).open("acme", "production").values() == PRODUCTION


@pytest.mark.parametrize("failing", ["under", "master_created"])
def test_a_change_of_the_master_that_the_disk_stops_is_given_up(store, custodian, monkeypatch, failing):
    def full(*args):
        raise FileUnavailable("no room", hint="free some")

    before = (store / "keys/master.key").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(type(custodian.keyring), failing, full)
        with pytest.raises(FileUnavailable):
            MasterRotation(custodian.keyring).rotate()
    assert custodian.keyring.journal.unfinished() == []
    assert not list((store / "keys").rglob("*.next"))
    assert (store / "keys/master.key").read_bytes() == before
    assert custodian.open("acme", "production").values() == PRODUCTION


def test_a_master_that_is_in_force_is_not_given_up_by_a_disk_that_did_not_confirm_it(store, custodian, monkeypatch):
    def unconfirmed(directory, source, name):
        os.rename(source, name, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
        raise FileUnavailable("input/output error", hint="look at the disk")

    with monkeypatch.context() as patched:
        patched.setattr(master, "take_place", unconfirmed)
        with pytest.raises(FileUnavailable):
            MasterRotation(custodian.keyring).rotate()
    forget_keys()
    (operation,) = KeyLife(custodian, subject="user:tester").unfinished()
    assert Custodian(str(store)).open("acme", "production").values() == PRODUCTION
    KeyLife(custodian, subject="user:tester").resume(operation)
    assert not list((store / "keys").rglob("*.next"))
    assert Custodian(str(store)).open("acme", "production").values() == PRODUCTION


def test_a_random_master_behind_the_flip_is_finished_by_the_same_command(store):
    def stop(point):
        if point == "master.rotate:drop:before":
            raise Stopped

    with pytest.raises(Stopped):
        MasterRotation(Custodian(str(store), reached=stop).keyring).rotate()
    before = (store / "keys/master.key").read_bytes()
    assert MasterRotation(Custodian(str(store)).keyring).rotate() == 2
    assert (store / "keys/master.key").read_bytes() == before
    assert Custodian(str(store)).keyring.journal.unfinished() == []


def test_a_tenant_that_is_erased_while_the_master_changes_stays_erased(store, custodian):
    def erase(_, tenant):
        if tenant == "acme":
            Erasure(Custodian(str(store)), subject="user:tester").erase("globex")

    assert MasterRotation(custodian.keyring, advance=erase).rotate() == 1
    forget_keys()
    assert Custodian(str(store)).keyring.tenants() == ["acme"]
    assert Custodian(str(store)).open("acme", "production").values() == PRODUCTION


def test_keys_without_a_tenant_or_a_signer_are_listed_as_they_are(tmp_path):
    (tmp_path / "keys").mkdir(mode=0o700)
    custodian = Custodian(str(tmp_path))
    assert custodian.keyring.tenants() == []
    ledger = read_ledger(custodian)
    assert ledger.keys == ()
    assert [problem.ref for problem in ledger.problems] == ["master"]


def test_a_roll_knows_whose_key_files_were_handed_out(store, custodian, tmp_path, capsys):
    words = ["key", "export", "acme", "--environment", "production", "--output", str(tmp_path / "host.key")]
    assert dispatch([*words, "--root", str(store)]) == 0
    capsys.readouterr()
    assert Signers(custodian).exported() == ["acme/production"]
