"""A watched step passes on what consumers say and the signed audit log has, too; real servers refuse real canaries."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from psycopg import sql

from sealproof.errors import AuditUnavailable
from sealproof.rotation.audited import USED, evidence_of
from sealproof.rotation.clients.postgres import connection_class
from sealproof.rotation.clients.redis import connection_pool
from sealproof.rotation.consumers import Consumer
from sealproof.rotation.credential import login_of
from sealproof.rotation.states import State
from sealproof.rotation.strategies import Strategy
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.verify import verify
from sealproof.vault.journal import Journal

from .bench import ENVIRONMENT, TENANT

SOAK_S = 0.3
PATIENCE_S = 3.0


class NoLog:
    """A sink of a host that holds no key to write the log with."""

    def append(self, _: Any) -> Any:
        raise AuditUnavailable("nothing can be recorded here")


def consumer_of(bench, name: str = "web-1", **options) -> Consumer:
    return Consumer(TENANT, consumer_id=name, root=bench.root, refresh_s=0.02, **options)


def canary(bench, *, wait: bool = True, **plan):
    plan = {"canaries": ("web-1",), "soak_s": SOAK_S, "patience_s": PATIENCE_S, **plan}
    return bench.engine().rotate(bench.name, bench.but(**plan).plan, strategy=Strategy.CANARY, wait=wait)


def evidence(bench, rotation: str):
    return evidence_of(bench.root, TENANT, ENVIRONMENT, name=bench.name, rotation=rotation)


@contextmanager
def at_work(*uses: Callable[[], None]) -> Iterator[list[BaseException]]:
    """Let every use be repeated while the block runs; give the errors of the drivers that it met."""
    ended, met = threading.Event(), []

    def work(use: Callable[[], None]) -> None:
        while not ended.wait(0.01):
            try:
                use()
            except (psycopg.Error, redis.RedisError) as exc:
                met.append(exc)

    threads = [threading.Thread(target=work, args=(use,)) for use in uses]
    for thread in threads:
        thread.start()
    try:
        yield met
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def user_of(bench, consumer: Consumer) -> Callable[[], None]:
    """An application's operation: a connection of its own, by whatever credential holds."""
    if bench.spec["kind"] == "postgres":
        connections = connection_class(consumer, bench.name)
        return lambda: connections.connect(connect_timeout=10).close()
    client = redis.Redis(connection_pool=connection_pool(consumer, bench.name))

    def use() -> None:
        client.ping()
        client.connection_pool.disconnect()

    return use


def sabotage(bench, server) -> None:
    """Have the server refuse the pending credential, behind the rotation's back."""
    login = login_of(bench.values()[f"{bench.name}.pending"])
    if bench.spec["kind"] == "postgres":
        with server.admin() as connection:
            connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(login.user)))
    else:
        with server.admin() as client:
            client.execute_command("ACL", "SETUSER", login.user, f"<{login.password.reveal()}")


@pytest.fixture(params=["postgres", "redis"])
def served(request, at):
    """A credential at a real server, and the server."""
    server = request.getfixturevalue({"postgres": "postgres", "redis": "redis_server"}[request.param])
    return at(request.param), server


def test_a_canary_that_the_server_refuses_rolls_back_by_itself_and_says_why(served):
    bench, server = served
    before = bench.current().reveal()
    web, other = consumer_of(bench), consumer_of(bench, "web-2")
    with at_work(user_of(bench, web), user_of(bench, other)) as met:
        paused = canary(bench, wait=False, soak_s=60.0, patience_s=60.0)
        assert paused.state is State.PROMOTING
        sabotage(bench, server)
        result = canary(bench, soak_s=60.0, patience_s=60.0)
        met.clear()
        web.refresh()
        time.sleep(0.2)
        assert not met  # everybody is back on the old credential, which the server still takes
    assert result.state is State.ROLLED_BACK
    assert result.why.startswith("the target refused the new credential of web-1 (")
    assert bench.current().reveal() == before
    assert bench.valid() == 1
    assert evidence(bench, result.rotation).refused["web-1"] >= 1
    assert "web-2" not in evidence(bench, result.rotation).refused


def test_a_canary_that_works_passes_on_its_word_and_the_log_and_the_journal_says_so(served):
    bench, _ = served
    with at_work(user_of(bench, consumer_of(bench))) as met:
        result = canary(bench)
    assert (result.state, met) == (State.DONE, [])
    verdicts = [entry.facts["verdict"] for entry in Journal(bench.root).entries() if "verdict" in entry.facts]
    assert verdicts == ["used by web-1 by their word and by the audit log, refused 0 times"]
    found = evidence(bench, result.rotation)
    assert found.used["web-1"] >= 1
    assert found.refused == {}
    assert verify(bench.root, TENANT, pinned_key(bench.root, TENANT)).size > 0


def test_a_use_that_is_not_on_record_is_none(served):
    bench, _ = served
    before = bench.current().reveal()
    web = consumer_of(bench, audit=NoLog())
    with at_work(user_of(bench, web)) as met:
        result = canary(bench)
    assert (result.state, met) == (State.ROLLED_BACK, [])
    assert result.why == ("only 0 of 1 consumers used it in 3 s; web-1 said so, and the audit log has no record of it")
    assert isinstance(web.unrecorded, AuditUnavailable)
    assert bench.current().reveal() == before
    assert bench.valid() == 1


def test_words_alone_are_enough_where_the_plan_says_so(at):
    bench = at("redis")
    with at_work(user_of(bench, consumer_of(bench, audit=NoLog()))):
        assert canary(bench, audited=False).state is State.DONE
    verdicts = [entry.facts["verdict"] for entry in Journal(bench.root).entries() if "verdict" in entry.facts]
    assert verdicts == ["used by web-1 by their word alone, refused 0 times"]


def test_a_log_that_does_not_verify_gives_no_pass(at):
    bench = at("redis")
    before = bench.current().reveal()
    with at_work(user_of(bench, consumer_of(bench))):
        canary(bench, wait=False, soak_s=60.0)
        rotation = bench.engine().underway(bench.name)[0].id
        _wait_for(lambda: evidence(bench, rotation).used)
    log = next((Path(bench.root) / "audit" / TENANT).glob("*.jsonl"))
    log.write_bytes(log.read_bytes().replace(b'"count":', b'"count":9', 1))
    result = canary(bench, soak_s=0.0)
    assert result.state is State.ROLLED_BACK
    assert "nobody's use is proved, since the audit log does not verify" in result.why
    assert bench.current().reveal() == before
    assert bench.valid() == 1


def test_a_log_that_does_not_verify_stops_no_rotation_that_nothing_watches_and_is_told(at):
    bench = at("redis")
    consumer_of(bench).refresh()
    log = next((Path(bench.root) / "audit" / TENANT).glob("*.jsonl"))
    log.write_bytes(log.read_bytes().replace(b'"generation":', b'"generation":9', 1))
    result = bench.engine().rotate(bench.name, bench.plan)
    assert result.state is State.DONE
    assert "refusals in the audit log were not counted" in " ".join(result.notes)


def test_a_record_of_another_rotation_or_of_another_consumer_proves_nothing(at):
    bench = at("redis")
    with AuditLog(bench.root, TENANT) as log:
        lines = [
            AuditRecord(
                "web-1", Established.CLAIMED, USED, Outcome.ALLOW, ENVIRONMENT, bench.name, 0, "0" * 32, {"count": 1}
            ),
            AuditRecord(
                "web-2", Established.CLAIMED, USED, Outcome.ALLOW, ENVIRONMENT, bench.name, 0, "a" * 32, {"count": 1}
            ),
            AuditRecord(
                "web-1", Established.CLAIMED, USED, Outcome.ALLOW, "elsewhere", bench.name, 0, "a" * 32, {"count": 1}
            ),
            AuditRecord(
                "web-1", Established.CLAIMED, USED, Outcome.ALLOW, ENVIRONMENT, "OTHER", 0, "a" * 32, {"count": 1}
            ),
            AuditRecord(
                "web-1", Established.CLAIMED, USED, Outcome.DENY, ENVIRONMENT, bench.name, 0, "a" * 32, {"count": 1}
            ),
        ]
        log.append(lines)
    assert evidence(bench, "a" * 32).used == {"web-2": 1}


def test_a_refusal_is_remembered_by_the_log_though_the_process_that_met_it_is_gone(at):
    bench = at("callable")
    canary(bench, wait=False)
    web = consumer_of(bench)
    web.served(web.lend(bench.name), worked=False)
    web.close()
    shutil.rmtree(Path(bench.root) / "consumers")
    again = consumer_of(bench)  # the same id, and a word that knows of no refusal
    again.served(again.lend(bench.name), worked=True)
    result = canary(bench, soak_s=0.0)
    assert result.state is State.ROLLED_BACK
    assert result.why == "the target refused the new credential of web-1 (1)"


def test_use_is_recorded_once_and_not_once_an_operation(at):
    bench = at("callable")
    canary(bench, wait=False, soak_s=60.0)
    web = consumer_of(bench)
    lent = web.lend(bench.name)
    for _ in range(50):
        web.served(lent, worked=True)
        web.refresh()
    rotation = lent.rotation
    records = [line for line in _lines(bench) if rotation.encode() in line]
    assert len(records) == 1
    web.close()
    assert evidence(bench, rotation).used == {"web-1": 50}
    assert len([line for line in _lines(bench) if rotation.encode() in line]) == 2


def test_consumers_of_one_process_share_the_log_and_let_go_of_it(at):
    bench = at("callable")
    webs = [consumer_of(bench, f"web-{number}") for number in range(4)]
    for web in webs:
        web.refresh()
    assert len({id(web._recorder._sink) for web in webs}) == 1
    assert verify(bench.root, TENANT, pinned_key(bench.root, TENANT)).size == 4
    assert _held_open(bench)
    del web, webs
    gc.collect()
    assert not _held_open(bench)


def test_an_application_goes_on_where_nothing_can_be_recorded(at):
    bench = at("redis")
    web = consumer_of(bench, audit=NoLog())
    use = user_of(bench, web)
    use()
    assert isinstance(web.unrecorded, AuditUnavailable)
    assert bench.engine().rotate(bench.name, bench.plan, wait=False).state in (State.GRACE, State.DONE)
    use()


def _held_open(bench) -> list[str]:
    """The files and directories of the store that this process holds open."""
    paths = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            paths.append(os.readlink(f"/proc/self/fd/{number}"))
    return [path for path in paths if path.startswith(bench.root)]


def _lines(bench) -> list[bytes]:
    paths = sorted((Path(bench.root) / "audit" / TENANT).glob("*.jsonl"))
    return [line for path in paths for line in path.read_bytes().splitlines() if line.startswith(b'{"q":')]


def _wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
