"""Epoch keys: a stolen current key opens nothing of a destroyed epoch, and yesterday's key nothing of today."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256

import pytest

from sealproof.envelope import cipher, seal
from sealproof.envelope.freshness import Freshness
from sealproof.envelope.open import unlock
from sealproof.errors import (
    CallerError,
    CannotOpen,
    Changed,
    GraceNotOver,
    LimitExceeded,
    OperationUnderWay,
    UnknownTenant,
)
from sealproof.loader.keys import forget_keys
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import Recipients
from sealproof.vault.backup.shelf import Shelf, name_of
from sealproof.vault.custodian import DAY, Custodian
from sealproof.vault.keys import keyring
from sealproof.vault.keys.epochs import ROTATE, Epochs
from sealproof.vault.keys.erasure import Erasure
from sealproof.vault.keys.ledger import Purpose, State, read_ledger
from sealproof.vault.keys.life import KeyLife
from sealproof.vault.keys.master import MasterRotation
from sealproof.vault.keys.signers import Signers

from .conftest import PRODUCTION

NOW = 1_800_000_000


@pytest.fixture
def epochs(custodian):
    return Epochs(custodian)


def sealed(store):
    return (store / "tenants/acme/.env.production.enc").read_bytes()


def opens(data, lines):
    return unlock(data, tenant="acme", environment="production", keys=lines, freshness=Freshness(now=NOW)).values()


def test_forward_secrecy_by_key_destruction(store, custodian, epochs):
    yesterdays_file, yesterdays_keys = sealed(store), custodian.keyring.key_lines("acme", "production")
    yesterdays_store = store.with_name("a backup of keys, from before")
    shutil.copytree(store, yesterdays_store)
    epochs.rotate("acme", "production")
    assert epochs.destroy("acme", "production") == [1]
    todays_file, todays_keys = sealed(store), custodian.keyring.key_lines("acme", "production")
    assert opens(todays_file, todays_keys) == opens(yesterdays_file, yesterdays_keys) == PRODUCTION
    for file, keys in ((yesterdays_file, todays_keys), (todays_file, yesterdays_keys)):
        with pytest.raises(CannotOpen):
            opens(file, keys)
    (store / "tenants/acme/.env.production.enc").write_bytes(yesterdays_file)
    forget_keys()
    with pytest.raises(CannotOpen):  # nor with all of today's store: its master opens no wrap that is gone
        Custodian(str(store)).open("acme", "production")
    # What it cannot do, said in docs/limitations.md: an old backup of keys/ opens the old file.
    assert Custodian(str(yesterdays_store)).open("acme", "production").values() == PRODUCTION


def test_a_new_master_closes_old_backups_of_tenant_keys(store, custodian):
    old_wraps = (store / "keys/tenant_keys/acme.key").read_bytes()
    assert MasterRotation(custodian.keyring).rotate() == 2
    assert custodian.open("acme", "production").values() == PRODUCTION
    (store / "keys/tenant_keys/acme.key").write_bytes(old_wraps)
    with pytest.raises(CannotOpen):
        custodian.open("acme", "production")


def test_what_held_a_destroyed_wrap_is_overwritten_where_it_lay(store, custodian, epochs):
    epochs.rotate("acme", "production")
    with (store / "keys/tenant_keys/acme.key").open("rb") as held_open:
        before = held_open.read()
        epochs.destroy("acme", "production")
        held_open.seek(0)
        assert held_open.read() == bytes(len(before))


def test_the_grace_is_kept(store):
    Epochs(Custodian(str(store), clock=lambda: NOW)).rotate("acme", "production", grace_days=3)
    Epochs(Custodian(str(store), clock=lambda: NOW + DAY)).rotate("acme", "production", grace_days=1)
    early = Epochs(Custodian(str(store), clock=lambda: NOW + DAY + 1))
    with pytest.raises(GraceNotOver, match="stays for 1 d more") as refused:
        early.destroy("acme", "production")
    assert refused.value.hint.endswith("--now")
    later = Epochs(Custodian(str(store), clock=lambda: NOW + 2 * DAY))
    assert later.destroy("acme", "production") == [2]  # the second rotation gave less time than the first
    with pytest.raises(GraceNotOver):
        later.destroy("acme", "production")
    assert later.destroy("acme", "production", despite_grace=True) == [1]
    assert later.destroy("acme", "production") == []
    with pytest.raises(CallerError):
        later.rotate("acme", "production", grace_days=-1)


def test_no_key_is_destroyed_under_an_unfinished_rotation(custodian, epochs):
    operation = custodian.keyring.journal.begin(ROTATE, "acme/production", **{"from": 1, "to": 2, "grace": 0})
    with pytest.raises(OperationUnderWay, match="not finished"):
        epochs.destroy("acme", "production")
    epochs.abandon(operation)
    assert epochs.destroy("acme", "production") == []


def test_a_rotation_is_given_up_until_the_file_is_sealed(custodian, epochs):
    journal = custodian.keyring.journal
    operation = journal.begin(ROTATE, "acme/production", **{"from": 1, "to": 2, "grace": 0})
    operation.step("make")
    custodian.keyring.make_epoch("acme", "production", 2)
    epochs.abandon(operation)
    assert [line.epoch for line in custodian.keyring.key_lines("acme", "production")] == [1]
    operation = journal.begin(ROTATE, "acme/production", **{"from": 1, "to": 2, "grace": 0})
    custodian.reseal(custodian.open("acme", "production"), custodian.keyring.make_epoch("acme", "production", 2))
    with pytest.raises(OperationUnderWay, match="too far"):
        epochs.abandon(operation)
    epochs.resume(operation)
    assert journal.unfinished() == []


def test_a_save_in_between_is_taken_up(custodian, epochs, monkeypatch):
    real, raced = custodian.store.write, []

    def write(tenant, environment, data, *, expected):
        if not raced:
            raced.append(True)
            Custodian(custodian.store.root).seal(tenant, environment, {"NEW": b"in-between-7712"})
        real(tenant, environment, data, expected=expected)

    monkeypatch.setattr(custodian.store, "write", write)
    change = epochs.rotate("acme", "production")
    assert change.generation == 3
    assert custodian.open("acme", "production").values() == {**PRODUCTION, "NEW": b"in-between-7712"}


def test_a_store_under_endless_saves_is_given_back(custodian, epochs, monkeypatch):
    def write(*_, expected):
        message = "changed"
        raise Changed(message)

    monkeypatch.setattr(custodian.store, "write", write)
    with pytest.raises(Changed):
        epochs.rotate("acme", "production")
    monkeypatch.undo()
    assert epochs.rotate("acme", "production").generation == 2


def test_the_ledger_tells_the_whole_life(store):
    for step, action in enumerate(("rotate", "destroy", "rotate")):
        getattr(Epochs(Custodian(str(store), clock=lambda at=step: NOW + at * DAY)), action)("acme", "production")
    ledger = read_ledger(Custodian(str(store)))
    one, two, three = sorted(ledger.of(Purpose.EPOCH, "acme", "production"), key=lambda key: key.epoch)
    assert (one.state, one.retired, one.destroyed) == (State.DESTROYED, NOW, NOW + DAY)
    assert (two.state, two.created, two.retired, two.destroyed) == (State.RETIRED, NOW, NOW + 2 * DAY, None)
    assert (three.state, three.created, three.retired, three.destroyed) == (State.ACTIVE, NOW + 2 * DAY, None, None)
    assert [key.private_here for key in (one, two, three)] == [False, True, True]
    (data,) = ledger.of(Purpose.DATA, "acme", "production")
    assert (data.seals, data.seals_max, data.epoch, data.created) == (2, 2**20, 3, None)
    assert ledger.of(Purpose.MASTER)[0].created
    dated_elsewhere = (Purpose.DATA, Purpose.AUDIT)  # in the file's entries, and in the audit log
    assert all(key.created for key in ledger.keys if key.purpose not in dated_elsewhere)
    assert (ledger.problems, ledger.unfinished) == ((), ())


def test_a_file_date_changes_nothing_in_the_ledger(store):
    before = read_ledger(Custodian(str(store))).keys
    for path in (store / "keys").rglob("*"):
        os.utime(path, (0, 0))
    assert read_ledger(Custodian(str(store))).keys == before


def test_what_cannot_be_read_is_said(store, custodian):
    (store / "keys/tenant_keys/acme.key").write_bytes(b"damaged\n")
    (store / "keys/master.key").write_bytes(b"damaged\n")
    (store / "keys/signing/report.pub").write_bytes(b"damaged\n")
    (store / "tenants/globex/.env.enc").write_bytes(b"damaged\n")
    problems = {problem.ref for problem in read_ledger(custodian).problems}
    assert problems == {"acme", "globex", "master", "signing/report", "globex/development/data"}


def test_the_seal_limit_makes_a_new_data_key(custodian, monkeypatch):
    monkeypatch.setattr(seal, "SEALS_MAX", 4)
    wraps = set()
    for number in range(6):
        custodian.seal("acme", "production", {"TOKEN": f"value-{number}-of-many".encode()})
        envelope = custodian.envelope("acme", "production")
        wraps.add(envelope.wrapped)
        assert envelope.seals <= 4
    assert len(wraps) == 3
    assert custodian.open("acme", "production").values()["TOKEN"] == b"value-5-of-many"


def test_more_epochs_than_a_key_file_holds_are_refused(custodian, epochs, monkeypatch):
    monkeypatch.setattr(keyring, "KEY_LINES_MAX", 2)
    epochs.rotate("acme", "production")
    with pytest.raises(LimitExceeded, match="2 live epochs") as refused:
        epochs.rotate("acme", "production")
    assert refused.value.hint.startswith("sealproof key destroy acme")
    assert epochs.destroy("acme", "production") == [1]  # the hint works: nothing was begun that stands in its way


def test_readers_work_throughout_a_change_of_the_master(store):
    work = (
        "import sys, time\n"
        "from sealproof.loader.keys import forget_keys\n"
        "from sealproof.vault.custodian import Custodian\n"
        "print('reading', flush=True)\n"
        "end, count = time.monotonic() + 120, 0\n"
        "while time.monotonic() < end and not __import__('os').path.exists(sys.argv[1] + '/enough'):\n"
        "    Custodian(sys.argv[1]).open('acme', 'production').values(); count += 1\n"
        "print(count)\n"
    )
    with subprocess.Popen([sys.executable, "-c", work, str(store)], stdout=subprocess.PIPE) as reading:
        assert reading.stdout.readline() == b"reading\n"
        for _ in range(5):
            MasterRotation(Custodian(str(store)).keyring).rotate()
            forget_keys()
        (store / "enough").write_text("")
        assert int(reading.stdout.read()) > 0
        assert reading.wait(60) == 0


def test_keys_may_change_while_the_master_does(store, custodian):
    """What is added between the wrapping and the flip is wrapped, too; what is destroyed there stays destroyed."""
    Epochs(custodian).rotate("acme", "production")

    def reached(point):
        if point == "master.rotate:wrap:tenant" and not met:
            met.append(point)
            other = Custodian(str(store))
            assert Epochs(other).destroy("acme", "production") == [1]
            other.seal("initech", "development", {"A": b"added-meanwhile-1199"})

    met = []
    assert MasterRotation(Custodian(str(store), reached=reached).keyring).rotate() == 3
    forget_keys()
    fresh = Custodian(str(store))
    assert fresh.open("initech", "development").values() == {"A": b"added-meanwhile-1199"}
    assert fresh.open("acme", "production").values() == PRODUCTION
    assert [line.epoch for line in fresh.keyring.key_lines("acme", "production")] == [2]


def test_a_tenant_whose_keys_do_not_open_leaves_the_old_master(store, custodian):
    before = (store / "keys/master.key").read_bytes()
    intact = (store / "keys/tenant_keys/globex.key").read_bytes()
    (store / "keys/tenant_keys/globex.key").write_bytes(intact.replace(b'"created":1', b'"created":2', 1))
    with pytest.raises(CannotOpen):
        MasterRotation(custodian.keyring).rotate()
    assert (store / "keys/master.key").read_bytes() == before
    assert not list((store / "keys").rglob("*.next"))
    assert custodian.keyring.journal.unfinished() == []
    assert custodian.open("acme", "production").values() == PRODUCTION


def test_what_cannot_be_given_up_says_so(store, custodian):
    life = KeyLife(custodian, subject="user:tester")
    journal = custodian.keyring.journal
    operation = journal.begin("epoch.destroy", "acme/production", epochs=[], created=[], current=1)
    with pytest.raises(OperationUnderWay, match="cannot be given up"):
        life.abandon(operation)
    life.resume(operation)
    operation = journal.begin("master.rotate", "master", form="random")
    life.abandon(operation)
    operation = journal.begin("master.rotate", "master", form="random")
    operation.step("next", sha256=sha256((store / "keys/master.key").read_bytes()).hexdigest())
    operation.step("flip")
    with pytest.raises(OperationUnderWay, match="in force already"):
        life.abandon(operation)
    life.resume(operation)
    assert life.unfinished() == []


def test_a_roll_is_of_a_purpose_that_rolls_and_within_the_limit(custodian):
    signers = Signers(custodian)
    for call in (signers.roll, signers.finish):
        with pytest.raises(CallerError):
            call("audit")
    for _ in range(15):
        custodian.keyring.new_signing_key("writer")
    with pytest.raises(LimitExceeded, match="16 writers"):
        signers.roll("writer")


def test_an_erased_tenants_own_backups_go(store, custodian):
    shelf = Shelf(str(store / "backups"))
    shelf.prepare()
    for scope in ("acme", "globex", "*"):
        public = cipher.reader_public(bytes(range(32)))
        create(custodian, scope, Recipients((public,)), directory=shelf.directory, name=name_of(scope, NOW, "1"))
    Erasure(custodian, subject="user:tester").erase("acme")
    assert sorted(one.header.scope for one in shelf.kept()) == ["*", "globex"]
    gone = {key.ref: key for key in read_ledger(custodian).keys if key.tenant == "acme" and key.destroyed}
    assert gone.keys() == {"acme", "acme/production/1", "acme/development/1"}
    assert all(key.state is State.DESTROYED and key.created for key in gone.values())
    for tenant, busy in (("nobody", None), ("globex", "globex/development")):
        if busy:
            custodian.keyring.journal.begin(ROTATE, busy, **{"from": 1, "to": 2, "grace": 0})
        with pytest.raises(OperationUnderWay if busy else UnknownTenant):
            Erasure(custodian, subject="user:tester").erase(tenant)


def test_an_erased_tenants_consumers_go_and_the_tombstone_says_what_may_open_elsewhere(store, custodian):
    for tenant in ("acme", "globex"):
        place = store / "consumers" / tenant / "production"
        place.mkdir(parents=True)
        (place / "c1.json").write_text("{}")
    path = Erasure(custodian, subject="user:tester").erase("acme")
    assert [one.name for one in (store / "consumers").iterdir()] == ["globex"]
    statement = json.loads(base64.b64decode(json.loads((store / path).read_bytes())["payload"]))
    assert "backups of this tenant and exported key files" in statement["remains"]
