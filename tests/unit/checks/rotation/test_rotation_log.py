"""ROT-006 and ROT-007: the log of rotations is true, and old values do not come back."""

from __future__ import annotations

import asyncio

import pytest

from sealproof.errors import JournalBroken
from sealproof.findings import Status
from sealproof.rotation.custody import AdvancedSecretManager
from sealproof.rotation.engine import Engine
from sealproof.rotation.plan import Plan
from sealproof.rotation.states import State
from sealproof.rotation.targets.api_keys import CallableTarget
from sealproof.vault.custodian import Custodian

NAME = "DB_PASSWORD"


@pytest.fixture
def engine(store) -> Engine:
    custodian = Custodian(str(store))
    return Engine(custodian, custodian.keyring.journal, "aurora", "development")


def value(engine: Engine) -> bytes:
    return engine.shelf.look(NAME).current.reveal().encode()


def seal(engine: Engine, new: bytes) -> None:
    engine.shelf.custodian.seal("aurora", "development", {NAME: new})


def test_without_a_rotation_the_log_is_true_and_no_earlier_value_known(store, run_check):
    assert run_check(store, "ROT-006", "aurora").status is Status.PASS
    assert run_check(store, "ROT-007", "aurora").status is Status.NOT_APPLICABLE


def test_rotations_match_the_file(engine, store, run_check):
    for _ in range(3):
        engine.rotate(NAME, Plan())
    result = run_check(store, "ROT-006", "aurora")
    assert result.status is Status.PASS
    assert result.findings[-1].resource == f"aurora/development/{NAME}"
    assert run_check(store, "ROT-007", "aurora").findings[0].observed == "none of the 3 values before it"


def test_a_change_by_another_way_lacks_an_entry(engine, store, run_check, failure):
    engine.rotate(NAME, Plan())
    seal(engine, b"typed-by-hand-and-not-in-the-log")
    finding = failure(run_check(store, "ROT-006", "aurora"))
    assert "version 3" in finding.observed
    assert "has no entry in the log" in finding.observed
    assert finding.fix.startswith(f"sealproof rotate {NAME} --tenant aurora --environment development --force")
    engine.rotate(NAME, Plan())
    assert run_check(store, "ROT-006", "aurora").status is Status.PASS


def test_a_file_from_before_the_rotation_contradicts_the_log(engine, store, run_check, failure):
    path = store / "tenants" / "aurora" / ".env.enc"
    before = path.read_bytes()
    engine.rotate(NAME, Plan())
    path.write_bytes(before)
    assert failure(run_check(store, "ROT-006", "aurora")).observed == "the file holds version 1"


def test_another_value_under_the_same_version_contradicts_the_log(engine, store, run_check, failure):
    path = store / "tenants" / "aurora" / ".env.enc"
    before = path.read_bytes()
    engine.rotate(NAME, Plan())
    path.write_bytes(before)
    seal(engine, b"somebody-s-own-second-version")
    assert "another value than the log says" in failure(run_check(store, "ROT-006", "aurora")).observed


def test_a_line_changed_in_the_log_is_found(engine, store, run_check, failure):
    engine.rotate(NAME, Plan())
    path = store / "keys" / "rotation_log.json"
    path.write_bytes(path.read_bytes().replace(b'"strategy":"immediate"', b'"strategy":"canary"'))
    assert failure(run_check(store, "ROT-006", "aurora")).resource == "keys/rotation_log.json"
    assert run_check(store, "ROT-007", "aurora").status is Status.NOT_EVALUATED


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_a_log_that_was_taken_away_fails(engine, store, run_check, failure, how):
    engine.rotate(NAME, Plan())
    path = store / "keys" / "rotation_log.json"
    path.unlink() if how == "deleted" else path.write_bytes(b"")
    finding = failure(run_check(store, "ROT-006", "aurora"))
    assert finding.resource == "keys/rotation_log.json"
    assert "signed lines before" in finding.observed
    with pytest.raises(JournalBroken):
        engine.rotate(NAME, Plan())


@pytest.fixture
def manager(store):
    made = AdvancedSecretManager("aurora", root=str(store))
    yield made
    made.close()


def test_a_rotation_that_only_the_audit_log_tells_of_fails(manager, store, run_check, failure):
    path = store / "keys" / "rotation_log.json"
    before = path.read_bytes()
    asyncio.run(manager.rotate_secret(NAME))
    assert run_check(store, "ROT-006", "aurora").status is Status.PASS
    path.write_bytes(before)
    finding = failure(run_check(store, "ROT-006", "aurora"))
    assert finding.resource == f"aurora/development/{NAME}"
    assert finding.observed == "the audit log tells of a rotation to version 2, and the rotation log does not"


def test_without_the_digest_key_values_cannot_be_compared(engine, store, run_check):
    engine.rotate(NAME, Plan())
    (store / "keys" / "digest.key").unlink()
    for check in ("ROT-006", "ROT-007"):
        assert run_check(store, check, "aurora").status is Status.NOT_EVALUATED
    assert not (store / "keys" / "digest.key").exists()


def test_a_rotation_that_was_rolled_back_after_its_flip_is_true_too(engine, store, run_check):
    accepted = {value(engine).decode()}
    target = CallableTarget(
        name="a service",
        is_effective=lambda one: one.reveal() in accepted,
        set=lambda one: accepted.add(one.reveal()),
        test=lambda _: None,
        revoke=lambda one: accepted.discard(one.reveal()),
    )
    slow = Plan(target, grace_s=3600)
    assert engine.rotate(NAME, slow, wait=False).state is State.GRACE
    assert run_check(store, "ROT-006", "aurora").status is Status.PASS  # under way: judged when it has ended
    assert engine.abandon(NAME, slow, wait=False).state is State.ROLLING_BACK
    assert engine.rotate(NAME, Plan(target, grace_s=0)).state is State.ROLLED_BACK
    for check in ("ROT-006", "ROT-007"):
        assert run_check(store, check, "aurora").status is Status.PASS


def test_an_old_value_that_came_back_is_found(engine, store, run_check, failure):
    first = value(engine)
    for _ in range(2):
        engine.rotate(NAME, Plan())
    seal(engine, first)
    finding = failure(run_check(store, "ROT-007", "aurora"))
    assert finding.observed == "the present value was in use 3 values ago"
    assert first.decode() not in str(finding)


def test_a_value_older_than_the_profile_keeps_may_come_back(engine, store, run_check):
    first = value(engine)
    for _ in range(6):
        engine.rotate(NAME, Plan())
    seal(engine, first)
    assert run_check(store, "ROT-007", "aurora").status is Status.PASS
