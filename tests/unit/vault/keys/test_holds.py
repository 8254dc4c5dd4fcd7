"""Erasing a tenant and restoring it, from two processes at once: one of them is refused, and nothing is half."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from sealproof.envelope import cipher
from sealproof.errors import CannotOpen, KeyMissing, OperationUnderWay, SealproofError
from sealproof.loader.keys import forget_keys
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import Identity, Recipients
from sealproof.vault.backup.restore import Restore
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.epochs import Epochs
from sealproof.vault.keys.erasure import Erasure
from sealproof.vault.keys.holds import alone, beside

from .conftest import GLOBEX, PRODUCTION

PRIVATE = bytes(range(32))
SEED = int(os.environ.get("SEALPROOF_TEST_SEED") or random.SystemRandom().randrange(2**32))
ROUNDS = 24 if os.environ.get("SEALPROOF_TEST_FULL") else 2
WORKER = """
import os, sys
from sealproof.errors import OperationUnderWay, SealproofError
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import Identity, Recipients
from sealproof.vault.backup.restore import Restore
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.epochs import Epochs
from sealproof.vault.keys.erasure import Erasure

root, work, stop = sys.argv[1:4]
met = []
def reached(point):
    if point == stop and not met:
        met.append(point)
        print(point, flush=True)
        sys.stdin.readline()
custodian = Custodian(root, reached=reached)
if stop == "start":
    reached(stop)
box = os.path.dirname(root)
restore = lambda name: Restore(custodian).restore(
    f"{box}/{name}.spbak", Identity((bytes(range(32)),)), older=True, erased=True)
WORK = {
    "erase": lambda: Erasure(custodian, subject="user:tester").erase("acme"),
    "restore": lambda: restore("acme"),
    "restore-all": lambda: restore("store"),
    "rotate": lambda: Epochs(custodian).rotate("acme", "production"),
}
try:
    WORK[work]()
except OperationUnderWay as exc:
    print("refused:", exc, flush=True)
except SealproofError as exc:
    print(type(exc).__name__, exc, flush=True)
else:
    print("done", flush=True)
"""


@pytest.fixture
def place(store, custodian):
    """Return the directory that holds the store, and a backup of acme and of the whole store beside it."""
    box = store.parent
    for scope, name in (("acme", "acme"), ("*", "store")):
        create(custodian, scope, Recipients((cipher.reader_public(PRIVATE),)), directory=str(box), name=f"{name}.spbak")
    return box


@pytest.fixture
def worker(store):
    """Start another process that works on the store and stops at a point until it is told to go on."""
    started = []

    def start(work, stop="start"):
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(store), work, stop],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == f"{stop}\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process):
    """Let a worker go on, and return what it says in the end."""
    return process.communicate("\n", timeout=60)[0]


def lives(store):
    forget_keys()
    custodian = Custodian(str(store))
    assert custodian.open("acme", "production").values() == PRODUCTION
    assert custodian.open("acme", "development").values() == GLOBEX


def is_gone(store):
    assert not (store / "tenants/acme").exists()
    assert not list((store / "keys/tenant_keys").glob("acme*"))
    assert len(list((store / "records/tombstone").iterdir())) == 1


@pytest.mark.parametrize("work", ["restore", "restore-all", "rotate"])
def test_a_tenant_is_not_erased_under_a_process_that_works_on_it(place, store, worker, work):
    point = "epoch.rotate:seal:before" if work == "rotate" else "backup.restore:write:written"
    other = worker(work, point)
    with pytest.raises(OperationUnderWay, match="another process is working on"):
        Erasure(Custodian(str(store)), subject="user:tester").erase("acme")
    assert ended(other) == "done\n"
    lives(store)
    Erasure(Custodian(str(store)), subject="user:tester").erase("acme")
    is_gone(store)


def test_nothing_is_brought_back_or_begun_while_a_tenant_is_erased(place, store, worker):
    other = worker("erase", "tenant.erase:file")  # the keys are gone; neither journal nor keys/ is locked here
    custodian = Custodian(str(store))
    for name in ("acme", "store"):
        for erased in (False, True):
            with pytest.raises(OperationUnderWay, match="another process is working on"):
                Restore(custodian).restore(f"{place}/{name}.spbak", Identity((PRIVATE,)), older=True, erased=erased)
    with pytest.raises(OperationUnderWay):
        Epochs(custodian).rotate("acme", "production")
    with pytest.raises(OperationUnderWay):
        create(custodian, "acme", Recipients((cipher.reader_public(PRIVATE),)), directory=str(place), name="x.spbak")
    Epochs(custodian).rotate("globex", "development")  # another tenant is nobody's hindrance
    assert ended(other) == "done\n"
    is_gone(store)


def test_an_erasure_that_was_broken_off_has_the_tenant_until_it_is_finished(place, store, worker):
    other = worker("erase", "tenant.erase:begin:written")
    other.kill()
    other.wait()
    custodian = Custodian(str(store))
    with pytest.raises(OperationUnderWay, match="the erasure of acme is not finished") as refused:
        Restore(custodian).restore(f"{place}/store.spbak", Identity((PRIVATE,)), older=True, erased=True)
    assert (refused.value.names, refused.value.hint) == (("acme",), "sealproof key resume")
    for work in (
        lambda: Epochs(custodian).rotate("acme", "production"),
        lambda: Epochs(custodian).destroy("acme", "production"),
        lambda: create(custodian, "acme", Recipients((PRIVATE,)), directory=str(place), name="x.spbak"),
    ):
        with pytest.raises(OperationUnderWay, match="the erasure of acme is not finished"):
            work()
    restore = Restore(custodian)
    restore.restore(f"{place}/store.spbak", Identity((PRIVATE,)), older=True)
    assert restore.left_out == ("acme",)
    Erasure(custodian, subject="user:tester").erase("acme")
    is_gone(store)


@pytest.mark.parametrize("work", ["restore", "restore-all"])
def test_whoever_is_faster_nothing_is_half(place, store, worker, work):
    chance = random.Random(f"{SEED}{work}")
    for _ in range(ROUNDS):
        both = [worker(work), worker("erase")]
        chance.shuffle(both)
        for process in both:
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.communicate(timeout=60)[0] for process in both]
        assert "done\n" in said, (said, f"SEALPROOF_TEST_SEED={SEED}")
        assert all(one.startswith(("done", "refused: another process is working on")) for one in said), said
        custodian = Custodian(str(store))
        forget_keys()
        assert custodian.keyring.journal.unfinished() == []
        if (store / "tenants/acme").exists():
            lives(store)
        else:
            assert "acme" not in custodian.keyring.tenants()
            with pytest.raises((KeyMissing, CannotOpen, SealproofError)):
                custodian.open("acme", "production")
            restore = Restore(custodian)
            restore.restore(f"{place}/acme.spbak", Identity((PRIVATE,)), older=True, erased=True)
            lives(store)


def test_every_tenant_excludes_one_and_one_excludes_every(store, custodian):
    journal = custodian.keyring.journal
    with alone(journal, ""):
        for hold in (alone, beside):
            with pytest.raises(OperationUnderWay, match="every tenant"), hold(journal, "acme"):
                pass
    with alone(journal, "acme"), alone(journal, "globex"):
        for hold in (alone, beside):
            with pytest.raises(OperationUnderWay, match="working on acme"), hold(journal, "acme"):
                pass
    with beside(journal, "acme"), beside(journal, "acme"):
        for tenant in ("", "acme"):
            with pytest.raises(OperationUnderWay), alone(journal, tenant):
                pass
    with alone(journal, ""):
        pass
