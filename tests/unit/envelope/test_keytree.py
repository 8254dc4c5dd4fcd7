"""Master, tenant keys, epoch keys: what a store's `keys/` holds."""

from __future__ import annotations

import copy
import json
import os
import pickle
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from vector_maker import store
from vector_maker.second import SAVED, fixed, run

from sealproof.envelope.keytree import ITERATIONS_MAX, EpochRecord, MasterFile, TenantFile, pbkdf2, tenant_kek
from sealproof.errors import CannotOpen, InvalidName, LimitExceeded, MalformedFile, UnsupportedFormat

from .laboratory import VECTORS, entropy

TENANT = store.Tenant()
TEXT = TENANT.to_bytes()
KEK = bytes.fromhex("d58d6704065d13d9a08e7ee6d0e2191718f7d4bba70a4cecd25e2d1b647937fd")


def test_pbkdf2_agrees_with_rfc_7914() -> None:
    for vector in json.loads((VECTORS / "primitives/pbkdf2_rfc7914.json").read_bytes())["vectors"]:
        assert pbkdf2(vector["password"].encode(), vector["salt"].encode(), vector["iterations"]).hex() == vector["key"]


def test_tenant_key_of_the_worked_example() -> None:
    assert tenant_kek(store.MASTER, "acme", run(0xE0, 16), 100_000) == KEK == TENANT.kek


def test_tenant_keys_differ_by_tenant_salt_and_master() -> None:
    keys = {
        tenant_kek(master, tenant, salt, 1)
        for master in (store.MASTER, fixed("other master"))
        for tenant in ("a", "ab", "b")
        for salt in (bytes(16), b"b" + bytes(15))
    }
    assert len(keys) == 12


def test_random_master_is_read_and_written() -> None:
    master = MasterFile.parse(store.master_random())
    assert (master.is_passphrase, master.key, master.created) == (False, store.MASTER, SAVED)
    assert master.to_bytes() == store.master_random()
    assert repr(master) == f"{master}" == "MasterFile(random)"


def test_passphrase_master_is_read_written_and_stretched() -> None:
    master = MasterFile.parse(store.master_passphrase())
    assert (master.is_passphrase, master.key, master.salt) == (True, b"", store.PASSPHRASE_SALT)
    assert master.to_bytes() == store.master_passphrase()
    assert repr(master) == "MasterFile(passphrase)"
    expected = json.loads((VECTORS / "positive/store/store.json").read_bytes())["passphrase_master"]
    assert master.stretch(store.PASSPHRASE).hex() == expected


def test_passphrase_counts_as_given() -> None:
    """An environment variable that is no UTF-8 reaches Python with surrogates, and must neither fail nor be changed."""
    master = MasterFile(SAVED, salt=bytes(16), iterations=600_000)
    given = os.fsdecode(b"caf\xe9 au lait")
    assert master.stretch(given) == pbkdf2(b"caf\xe9 au lait", bytes(16), 600_000)


@pytest.mark.parametrize("iterations", [0, 1, 599_999, ITERATIONS_MAX + 1, 2**30, 2**53 - 1])
def test_cost_outside_its_range_is_refused_before_stretching(iterations: int) -> None:
    """D4 and D5 of the attack table."""
    master = MasterFile.parse(store.master_passphrase(iterations))
    started = time.process_time()
    with pytest.raises(LimitExceeded, match=r"600000 to 10000000"):
        master.stretch(store.PASSPHRASE)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_master_does_not_travel(travel: Callable[[MasterFile], object]) -> None:
    with pytest.raises(TypeError, match="does not travel"):
        travel(MasterFile.parse(store.master_random()))


def test_tenant_file_is_read() -> None:
    tenant = TenantFile.parse(TEXT, tenant="acme")
    assert (tenant.tenant, tenant.created, tenant.salt, tenant.iterations) == ("acme", SAVED, TENANT.salt, 100_000)
    assert [(record.environment, record.epoch, record.created, record.state) for record in tenant.epochs] == [
        (epoch.environment, epoch.epoch, epoch.created, epoch.state) for epoch in TENANT.epochs
    ]
    kek = tenant.kek(store.MASTER)
    assert kek == KEK
    assert [tenant.unwrap(kek, record) for record in tenant.epochs] == [epoch.key for epoch in TENANT.epochs]
    assert repr(tenant) == "TenantFile(acme, 3 epochs)"


def test_tenant_file_is_written_as_the_second_implementation_writes_it() -> None:
    made = TenantFile("acme", SAVED, TENANT.salt, TENANT.iterations)
    records = []
    for epoch in TENANT.epochs:
        nonce = fixed(f"epoch nonce {epoch.environment} {epoch.epoch}", 12)
        record = made.wrap(KEK, epoch.environment, epoch.epoch, epoch.key, now=epoch.created, random=entropy(nonce))
        assert record.state == "active"
        record.state = epoch.state
        records.append(record)
    made.epochs = tuple(reversed(records))
    assert made.to_bytes(KEK) == TEXT


def test_tenant_file_may_hold_no_epoch() -> None:
    text = TenantFile("acme", SAVED, bytes(16), 100_000).to_bytes(KEK)
    assert TenantFile.parse(text, tenant="acme").epochs == ()


def test_epochs_are_ordered_as_numbers() -> None:
    made = TenantFile("acme", SAVED, TENANT.salt, 100_000)
    made.epochs = tuple(made.wrap(KEK, "production", epoch, bytes(32), now=1) for epoch in (10, 9, 100))
    assert [record.epoch for record in TenantFile.parse(made.to_bytes(KEK), tenant="acme").epochs] == [9, 10, 100]


def test_wrap_is_bound_to_tenant_environment_and_epoch() -> None:
    tenant = TenantFile.parse(TEXT, tenant="acme")
    record = tenant.epochs[0]
    for moved in (
        EpochRecord("staging", 1, 1, "active", record.wrapped),
        EpochRecord("production", 11, 1, "active", record.wrapped),
    ):
        with pytest.raises(CannotOpen, match="keys of acme"):
            tenant.unwrap(KEK, moved)
    other = TenantFile("other", SAVED, TENANT.salt, 100_000)
    with pytest.raises(CannotOpen, match="keys of other"):
        other.unwrap(KEK, record)
    with pytest.raises(CannotOpen):
        tenant.unwrap(fixed("another key"), record)


def test_wrong_master_and_changed_file_read_alike() -> None:
    texts = set()
    for text, master in ((TEXT, fixed("wrong")), (TEXT.replace(b"retired", b"active"), store.MASTER)):
        with pytest.raises(CannotOpen) as refused:
            TenantFile.parse(text, tenant="acme").kek(master)
        texts.add(str(refused.value))
    assert len(texts) == 1


def test_mac_covers_every_byte_before_it() -> None:
    """One bit of every byte: refused by the grammar, or by the MAC. The KEK is derived once."""
    tenant = TenantFile.parse(TEXT, tenant="acme")
    accepted = 0
    for index in range(len(TEXT)):
        changed = TEXT[:index] + bytes([TEXT[index] ^ 1]) + TEXT[index + 1 :]
        try:
            parsed = TenantFile.parse(changed, tenant="acme")
        except (MalformedFile, UnsupportedFormat):
            continue
        accepted += parsed.to_bytes(KEK) == changed and parsed.mac != tenant.mac
    assert not accepted


@pytest.mark.parametrize("recover", [0, -1, ITERATIONS_MAX + 1, 2**62])
def test_recovery_cost_has_a_range_too(recover: int) -> None:
    with pytest.raises(LimitExceeded):
        TenantFile.parse(TEXT, tenant="acme").kek(store.MASTER, recover=recover)


def test_recovery_reaches_the_epochs_of_a_damaged_file() -> None:
    """The count that was really used, in place of the one that stands there; each wrap still proves itself."""
    damaged = TenantFile.parse(TEXT.replace(b":100000}", b":100001}"), tenant="acme")
    with pytest.raises(CannotOpen):
        damaged.kek(store.MASTER)
    kek = damaged.kek(store.MASTER, recover=100_000)
    assert [damaged.unwrap(kek, record) for record in damaged.epochs] == [epoch.key for epoch in TENANT.epochs]
    below = TenantFile.parse(replace(TENANT, iterations=1000).to_bytes(), tenant="acme")
    with pytest.raises(LimitExceeded):
        below.kek(store.MASTER)
    kek = below.kek(store.MASTER, recover=1000)
    assert below.unwrap(kek, below.epochs[0]) == TENANT.epochs[0].key


@pytest.mark.parametrize("tenant", ["", "..", "Acme", "../acme"])
def test_tenant_file_of_no_tenant_is_refused(tenant: str) -> None:
    with pytest.raises(InvalidName):
        TenantFile(tenant, SAVED, bytes(16), 100_000)
    with pytest.raises(MalformedFile):
        TenantFile.parse(TEXT, tenant=tenant)
    with pytest.raises(MalformedFile):
        TenantFile.parse(TEXT.replace(b'"acme"', f'"{tenant}"'.encode()), tenant=tenant)


@pytest.mark.parametrize("iterations", [0, 1, 99_999, ITERATIONS_MAX + 1])
def test_cost_outside_its_range_is_refused_before_writing(iterations: int) -> None:
    """D4 of the attack table, on write: what no reader would take is not made."""
    with pytest.raises(LimitExceeded, match="100000 to 10000000"):
        TenantFile("acme", SAVED, bytes(16), iterations).to_bytes(KEK)
    with pytest.raises(LimitExceeded, match="600000 to 10000000"):
        MasterFile(SAVED, salt=bytes(16), iterations=iterations).to_bytes()
