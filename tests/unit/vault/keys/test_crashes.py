"""kill -9 at every named point of every key operation: the old state or the new one, and resuming finishes.

The points lie before and behind every journal line, and between the side effects of one step, so that
each side effect is met both undone and done. Some resumptions (all with SEALPROOF_TEST_FULL) are killed once, too, at a
point that the seed chooses.
"""

from __future__ import annotations

import os
import random

import pytest

from sealproof.errors import KeyMissing, SealproofError, UnknownTenant
from sealproof.loader import keys as loader_keys
from sealproof.loader.keys import forget_keys
from sealproof.signing import fingerprint, verify_dsse
from sealproof.vault.custodian import Custodian
from sealproof.vault.journal import Journal
from sealproof.vault.keys.erasure import PAYLOAD_TYPE
from sealproof.vault.keys.ledger import Purpose, State, read_ledger
from sealproof.vault.keys.life import KeyLife
from sealproof.vault.keys.signers import Signers

from .conftest import GLOBEX, PRODUCTION, SCENARIOS

SEED = int(os.environ.get("SEALPROOF_TEST_SEED") or random.SystemRandom().randrange(2**32))
FULL = bool(os.environ.get("SEALPROOF_TEST_FULL"))
SCOPES = (("acme", "production", PRODUCTION), ("acme", "development", GLOBEX), ("globex", "development", GLOBEX))
PASSPHRASE = "nine-lanterns-drift-past-the-quiet-harbour-42"


def holds(root, *, tenants=("acme", "globex")):
    """Every file opens with every value, from nothing but what lies on the disk."""
    forget_keys()
    custodian = Custodian(str(root))
    for tenant, environment, values in SCOPES:
        if tenant in tenants:
            assert custodian.open(tenant, environment).values() == values
    Journal(str(root)).verify()
    return custodian


def finished(root, crashed, scenario, *, kind, over=("done",)):
    """Bring the operation to its end; where the seed chooses so, the resumption is killed once, too."""
    chance = random.Random(f"{SEED}{root}")
    if FULL or not chance.randrange(4):
        again = _next(root, scenario, kind, over)
        if again:
            ((_, root),) = crashed(again, root, pick=chance.randrange(1000))
            holds(root, tenants=() if scenario == "erase" else ("acme", "globex"))
    again = _next(root, scenario, kind, over)
    if again:
        forget_keys()
        SCENARIOS[again](Custodian(str(root)))
    assert not _next(root, scenario, kind, over), f"SEALPROOF_TEST_SEED={SEED}"
    return root


def _next(root, scenario, kind, over):
    """Say what has to be run: nothing where it is over, the scenario where it was not begun or waits for someone."""
    found = Journal(str(root)).history(kind)
    if found and found[-1].last in over:
        return ""
    return "resume" if found and not found[-1].is_over and found[-1].last != "wait" else scenario


def test_epoch_rotation(store, crashed):
    met = crashed("rotate", store)
    assert [point for point, _ in met] == [
        f"epoch.rotate:{event}:{when}"
        for event in ("begin", "make", "seal", "retire", "done")
        for when in ("before", "written")
    ]
    for _, root in met:
        assert holds(root).envelope("acme", "production").epoch in (1, 2)
        copy = finished(root, crashed, "rotate", kind="epoch.rotate")
        envelope = holds(copy).envelope("acme", "production")
        assert (envelope.epoch, envelope.generation) == (2, 2)
        states = {
            key.epoch: key.state for key in read_ledger(Custodian(str(copy))).of(Purpose.EPOCH, "acme", "production")
        }
        assert states == {1: State.RETIRED, 2: State.ACTIVE}
        assert Journal(str(copy)).unfinished() == []


def test_epoch_destruction(store, custodian, crashed):
    custodian.rotate_epoch("acme", "production")
    met = crashed("destroy", store)
    assert len(met) == 6
    for _, root in met:
        holds(root)
        copy = finished(root, crashed, "destroy", kind="epoch.destroy")
        holds(copy)
        (gone,) = [key for key in read_ledger(Custodian(str(copy))).keys if key.state is State.DESTROYED]
        assert (gone.ref, gone.purpose) == ("acme/production/1", Purpose.EPOCH)
        assert [line.epoch for line in Custodian(str(copy)).keyring.key_lines("acme", "production")] == [2]


def test_master_rotation(store, crashed):
    before = (store / "keys/master.key").read_bytes()
    met = crashed("master", store)
    assert {"master.rotate:wrap:tenant", "master.rotate:drop:tenant", "master.rotate:flip:written"} <= {
        p for p, _ in met
    }
    assert len(met) == 16
    for _, root in met:
        holds(root)
        copy = finished(root, crashed, "master", kind="master.rotate")
        custodian = holds(copy)
        assert (copy / "keys/master.key").read_bytes() != before
        assert not list((copy / "keys").rglob("*.next"))
        assert [key.state for key in read_ledger(custodian).of(Purpose.MASTER)][-1] is State.ACTIVE


def test_master_rotation_to_a_passphrase(store, crashed, monkeypatch):
    met = crashed("passphrase", store)
    for _, root in met:
        flipped = b"passphrase" in (root / "keys/master.key").read_bytes()
        monkeypatch.setitem(loader_keys._taken, "MASTER_SECRET_KEY", PASSPHRASE.encode())
        if not flipped:
            loader_keys._taken.clear()
        holds_with(root, flipped=flipped)
        unfinished = Journal(str(root)).unfinished()
        if unfinished and not flipped:
            life = KeyLife(Custodian(str(root)), subject="user:tester")
            with pytest.raises(KeyMissing, match="passphrase is needed"):
                life.resume(unfinished[0])
            life.abandon(unfinished[0])
            holds_with(root, flipped=False)
            assert not list((root / "keys").rglob("*.next"))
        elif unfinished:
            KeyLife(Custodian(str(root)), subject="user:tester").resume(unfinished[0])
            holds_with(root, flipped=True)
        assert Journal(str(root)).unfinished() == []


def holds_with(root, *, flipped):
    forget_keys()
    if flipped:
        loader_keys._taken["MASTER_SECRET_KEY"] = PASSPHRASE.encode()
    custodian = Custodian(str(root))
    for tenant, environment, values in SCOPES:
        assert custodian.open(tenant, environment).values() == values


@pytest.mark.parametrize("purpose", ["report", "journal"])
def test_rolling_a_signing_key(store, custodian, crashed, purpose):
    old = custodian.keyring.signing_publics()[purpose]
    met = crashed(f"roll-{purpose}", store)
    assert len(met) == 13
    for _, root in met:
        assert old in holds(root).keyring.signing_publics().values()
        copy = finished(root, crashed, f"roll-{purpose}", kind="signing.roll")
        publics = holds(copy).keyring.signing_publics()
        assert publics[f"{purpose}-1"] == old
        assert Custodian(str(copy)).keyring.signing_key(purpose).public == publics[purpose] != old
        assert f"{purpose}-next" not in publics


def test_rolling_the_writer(store, custodian, crashed):
    old = custodian.keyring.signing_publics()["writer"]
    met = crashed("roll-writer", store)
    assert len(met) == 7
    for _, root in met:
        custodian = holds(root)
        assert custodian.keyring.signing_key("writer").public == old
        copy = finished(root, crashed, "roll-writer", kind="signing.roll", over=("done", "wait"))
        custodian = holds(copy)
        pinned = custodian.keyring.key_lines("acme", "production")[0].writers
        assert len(pinned) == 2
        assert old in pinned
        (waiting,) = Journal(str(copy)).unfinished()
        assert waiting.last == "wait"


def test_finishing_the_roll_of_the_writer(store, custodian, crashed):
    old = custodian.keyring.signing_publics()["writer"]
    Signers(custodian).roll("writer")
    new = custodian.keyring.signing_publics()["writer-next"]
    met = crashed("finish-writer", store)
    assert len(met) == 12
    for _, root in met:
        holds(root)
        copy = finished(root, crashed, "finish-writer", kind="signing.roll")
        custodian = holds(copy)
        assert custodian.keyring.key_lines("acme", "production")[0].writers == (new,)
        assert {custodian.envelope(tenant, environment).writer for tenant, environment, _ in SCOPES} == {new}
        (retired,) = [key for key in read_ledger(custodian).of(Purpose.WRITER) if key.state is State.RETIRED]
        assert (retired.ref, retired.public) == ("signing/former-writer-1", fingerprint(old))


def test_erasure(store, custodian, crashed):
    kept = (store / "tenants/acme/.env.production.enc").read_bytes()
    met = crashed("erase", store)
    assert {"tenant.erase:shredded", "tenant.erase:pseudonym", "tenant.erase:file"} <= {point for point, _ in met}
    for _, root in met:
        custodian = holds(root, tenants=("globex",))
        if (root / "keys/tenant_keys/acme.key").exists():
            holds(root)
        else:
            with pytest.raises(SealproofError):
                custodian.open("acme", "production")
        copy = finished(root, crashed, "erase", kind="tenant.erase")
        custodian = holds(copy, tenants=("globex",))
        assert custodian.store.tenants() == ["globex"]
        assert not list((copy / "keys").rglob("*acme.key*"))
        assert not (copy / "keys/audit/acme/subjects").exists()
        (tombstone,) = (copy / "records/tombstone").iterdir()
        signed = verify_dsse(
            tombstone.read_bytes(), [custodian.keyring.signing_publics()["journal"]], payload_type=PAYLOAD_TYPE
        )
        assert b'"tenant":"acme"' in signed
        (copy / "tenants/acme").mkdir(mode=0o755)
        (copy / "tenants/acme/.env.production.enc").write_bytes(kept)
        with pytest.raises((KeyMissing, UnknownTenant)):
            custodian.open("acme", "production")
