"""Consumers: they notice, change over, say so; a canary that is refused brings everyone back by itself."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealproof.envelope import seal as sealing
from sealproof.errors import CallerError, CannotOpen, StaleFile, UnknownSecret
from sealproof.rotation.clients.postgres import connection_class
from sealproof.rotation.consumers import Consumer
from sealproof.rotation.register import Register
from sealproof.rotation.states import State
from sealproof.rotation.strategies import Strategy
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.signers import Signers

from .bench import ENVIRONMENT, TENANT


def consumer_of(bench, name: str = "web-1", **options) -> Consumer:
    return Consumer(TENANT, consumer_id=name, root=bench.root, refresh_s=0.0, **options)


def words(bench) -> dict[str, object]:
    unlocked = bench.custodian.open(TENANT, ENVIRONMENT)
    return {
        word.consumer: word for word in Register(bench.root, TENANT, ENVIRONMENT).call(unlocked, now=time.time()).words
    }


def test_a_consumer_acknowledges_each_generation_that_it_reads(at):
    bench = at("callable")
    consumer = consumer_of(bench)
    assert consumer.refresh()
    assert not consumer.refresh()
    first = words(bench)["web-1"].generation
    bench.custodian.seal(TENANT, ENVIRONMENT, {"COOKIE_KEY": b"another-value-of-some-length"})
    assert consumer.refresh()
    assert words(bench)["web-1"].generation == first + 1
    consumer.close()
    assert words(bench) == {}


def test_a_word_that_somebody_without_the_key_wrote_is_none(at):
    bench = at("callable")
    consumer_of(bench).refresh()
    (path,) = (Path(bench.root) / "consumers" / TENANT / ENVIRONMENT).iterdir()
    path.write_bytes(path.read_bytes().replace(b'"generation": ', b'"generation": 9'))
    assert words(bench) == {}
    path.write_bytes(b"\xff\n\n")
    assert words(bench) == {}


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "x" * 65, "sp ace"])
def test_an_id_that_could_be_a_path_is_refused(at, name):
    with pytest.raises(CallerError):
        consumer_of(at("callable"), name)


def test_an_unknown_secret_is_not_lent(at):
    with pytest.raises(UnknownSecret):
        consumer_of(at("callable")).lend("NOBODY")


def test_only_the_canary_is_lent_the_new_value_and_a_refusal_brings_it_back(at):
    bench = at("postgres")
    before = bench.current().reveal()
    canary, other = consumer_of(bench), consumer_of(bench, "web-2")
    plan = bench.but(canaries=("web-1",), soak_s=60.0, patience_s=60.0).plan
    engine = bench.engine()
    assert engine.rotate(bench.name, plan, strategy=Strategy.CANARY, wait=False).state is State.PROMOTING
    lent = canary.lend(bench.name)
    assert (lent.value.reveal() != before, other.lend(bench.name).value.reveal()) == (True, before)
    canary.served(lent, worked=True)
    canary.served(lent, worked=False)
    going = threading.Thread(target=_keep, args=([canary, other], ended := threading.Event()))
    going.start()
    try:
        result = engine.rotate(bench.name, bench.but(canaries=("web-1",), soak_s=60.0, patience_s=20.0).plan)
    finally:
        ended.set()
        going.join()
    assert result.state is State.ROLLED_BACK
    assert result.why == "the target refused the new credential of web-1 (1)"
    assert canary.lend(bench.name).value.reveal() == before
    assert bench.valid() == 1


def test_the_old_credential_is_kept_until_every_consumer_has_followed(at):
    bench = at("callable")
    late = consumer_of(bench, "late")
    late.refresh()
    plan = bench.but(patience_s=60.0).plan
    paused = bench.engine().rotate(bench.name, plan, wait=False)
    assert (paused.state, "late" in paused.why) == (State.GRACE, True)
    assert bench.valid() == 2
    late.refresh()
    assert bench.engine().rotate(bench.name, plan, wait=False).state is State.DONE
    assert bench.valid() == 1


def test_a_consumer_that_never_follows_is_not_waited_for_for_ever(at):
    bench = at("callable")
    consumer_of(bench, "gone").refresh()
    assert bench.engine().rotate(bench.name, bench.but(patience_s=0.2).plan).state is State.DONE


def test_grace_counts_from_the_last_acknowledgement(at):
    bench = at("callable")
    consumer = consumer_of(bench)
    consumer.refresh()
    plan = bench.but(grace_s=0.3, patience_s=60.0).plan
    bench.engine().rotate(bench.name, plan, wait=False)
    time.sleep(0.4)
    consumer.refresh()
    assert bench.engine().rotate(bench.name, plan, wait=False).state is State.GRACE
    assert bench.engine().rotate(bench.name, plan).state is State.DONE


def test_an_acknowledgement_is_in_the_audit_log(at):
    bench = at("callable")
    with AuditLog(bench.root, TENANT) as log:
        consumer = consumer_of(bench, audit=log)
        consumer.refresh()
    lines = b"".join(path.read_bytes() for path in (Path(bench.root) / "audit" / TENANT).iterdir() if path.is_file())
    assert b"rotation.acknowledge" in lines


def test_a_thread_of_its_own_follows_where_nobody_asks(at):
    bench = at("callable")
    consumer = Consumer(TENANT, consumer_id="idle", root=bench.root, refresh_s=0.01)
    with consumer.watching():
        result = bench.engine().rotate(bench.name, bench.but(patience_s=60.0).plan)
    assert result.state is State.DONE
    assert consumer.problem is None


def test_a_new_epoch_is_taken_up(at):
    bench = at("callable")
    consumer = consumer_of(bench)
    consumer.refresh()
    Custodian(bench.root).rotate_epoch(TENANT, ENVIRONMENT)
    assert consumer.refresh()
    assert words(bench)["web-1"].generation == bench.custodian.envelope(TENANT, ENVIRONMENT).generation


def test_what_a_retired_writer_signs_is_not_served_by_a_consumer_that_runs(at):
    bench = at("callable")
    consumer = consumer_of(bench)
    consumer.refresh()
    retired = Custodian(bench.root).keyring.signing_key("writer")
    signers = Signers(bench.custodian)
    signers.roll("writer")
    signers.finish("writer")
    custodian = Custodian(bench.root)
    forged = sealing.edit(
        custodian.open(TENANT, ENVIRONMENT),
        changes={bench.name: b"written-by-the-retired"}, removals=(), writer=retired, now=int(time.time()),
        expires=None, epoch_key=custodian.keyring.ensure_epoch(TENANT, ENVIRONMENT), random=os.urandom,
    )  # fmt: skip
    (Path(bench.root) / "tenants" / TENANT / ".env.enc").write_bytes(forged)
    with pytest.raises(CannotOpen):
        consumer.get_secret(bench.name)


def test_a_file_in_place_is_not_served_once_its_writer_is_retired_without_signing_again(at):
    bench = at("callable")
    consumer = consumer_of(bench)
    consumer.refresh()
    _pin_another_writer(Path(bench.root) / "keys" / "signing")
    with pytest.raises(CannotOpen):
        consumer.get_secret(bench.name)


def test_a_file_that_has_expired_is_not_served_though_its_bytes_are_the_same(at):
    bench = at("callable")
    bench.custodian.seal(TENANT, ENVIRONMENT, {"COOKIE_KEY": b"another-value-of-some-length"}, expires_days=1)
    now = [time.time()]
    consumer = consumer_of(bench, clock=lambda: now[0])
    assert consumer.get_secret("COOKIE_KEY") == "another-value-of-some-length"
    now[0] += 3 * 86_400
    with pytest.raises(StaleFile):
        consumer.get_secret("COOKIE_KEY")
    bench.custodian.seal(TENANT, ENVIRONMENT, {"COOKIE_KEY": b"another-value-of-some-length"}, expires_days=30)
    assert consumer.get_secret("COOKIE_KEY") == "another-value-of-some-length"


def test_an_epoch_in_the_middle_of_a_rotation_does_not_make_grace_forget_who_has_to_follow(at):
    bench = at("callable")
    late = consumer_of(bench, "late")
    late.refresh()
    plan = bench.but(patience_s=60.0).plan
    assert bench.engine().rotate(bench.name, plan, wait=False).state is State.GRACE
    bench.custodian.rotate_epoch(TENANT, ENVIRONMENT, anyway=True)
    paused = bench.engine().rotate(bench.name, plan, wait=False)
    assert (paused.state, "late" in paused.why, bench.valid()) == (State.GRACE, True, 2)
    late.refresh()
    assert bench.engine().rotate(bench.name, plan, wait=False).state is State.DONE


def test_a_share_whose_consumers_have_not_spoken_since_a_new_epoch_is_not_empty(at):
    bench = at("callable")
    for number in range(100):  # some are in the first share, whatever the rotation's id
        consumer_of(bench, f"web-{number}").refresh()
    plan = bench.but(patience_s=60.0, soak_s=60.0).plan
    paused = bench.engine().rotate(bench.name, plan, strategy=Strategy.GRADUAL, wait=False)
    assert paused.state is State.PROMOTING
    bench.custodian.rotate_epoch(TENANT, ENVIRONMENT, anyway=True)
    paused = bench.engine().rotate(bench.name, bench.but(patience_s=60.0).plan, wait=False)
    assert (paused.state, paused.why) == (
        State.PROMOTING,
        "used by 0 of the 1 consumers that must have used it",
    )


def test_a_word_under_another_name_is_not_that_consumer_s(at):
    bench = at("callable")
    consumer_of(bench).refresh()
    (path,) = (Path(bench.root) / "consumers" / TENANT / ENVIRONMENT).iterdir()
    shutil.copy(path, path.with_name("zz.json"))
    unlocked = bench.custodian.open(TENANT, ENVIRONMENT)
    called = Register(bench.root, TENANT, ENVIRONMENT).call(unlocked, now=time.time())
    assert ([word.consumer for word in called.words], called.unheard) == (["web-1"], ["zz"])


def test_a_connection_that_was_a_moment_too_late_looks_up_again_and_says_so_if_that_is_no_use(at, postgres):
    bench = at("postgres")
    consumer = Consumer(TENANT, consumer_id="slow", root=bench.root, refresh_s=3600.0)
    connections = connection_class(consumer, bench.name)
    connections.connect().close()
    bench.engine().rotate(bench.name, bench.but(patience_s=0.0).plan)
    with connections.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    bench.custodian.seal(TENANT, ENVIRONMENT, {bench.name: postgres.url(bench.spec["roles"][1], "wrong").encode()})
    consumer.refresh()
    with pytest.raises(psycopg.OperationalError):
        connections.connect()


def _keep(consumers: list[Consumer], ended: threading.Event) -> None:
    while not ended.wait(0.02):
        for consumer in consumers:
            consumer.refresh()


def _pin_another_writer(signing: Path) -> None:
    another = Ed25519PrivateKey.generate().public_key()
    for path in signing.glob("writer*.pub"):
        path.write_bytes(another.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
