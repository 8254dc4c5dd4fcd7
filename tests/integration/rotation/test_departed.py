"""Nobody waits for a consumer that is no longer there, and everybody for one that is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sealproof.envelope.freshness import CLOCK_SKEW
from sealproof.errors import RotationRefused
from sealproof.rotation.audited import evidence_of
from sealproof.rotation.consumers import Consumer
from sealproof.rotation.presence import MISSED
from sealproof.rotation.register import Register
from sealproof.rotation.states import State
from sealproof.rotation.strategies import SHARES, Strategy, is_in_share
from sealproof.vault.journal import Journal

from .bench import ENVIRONMENT, TENANT

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/ns/pid"), reason="needs Linux' /proc")

PROGRAM = """
import sys
from sealproof.rotation.consumers import Consumer
root, name, what = sys.argv[1:]
consumer = Consumer("acme", consumer_id=name, root=root, refresh_s=3600.0)
consumer.refresh()
if what == "uses":
    lent = consumer.lend("API_KEY")
    consumer.served(lent, worked=False)
print(consumer.consumer_id, flush=True)
input()
"""

WORKER = """
import sys, threading
import psycopg
from sealproof.rotation.clients.postgres import connection_class
from sealproof.rotation.consumers import Consumer
root, name = sys.argv[1:]
consumer = Consumer("acme", consumer_id=name, root=root, refresh_s=0.1)
connections, ended, counts = connection_class(consumer, "DATABASE_URL"), threading.Event(), [0, 0]
threading.Thread(target=lambda: (input(), ended.set())).start()
with consumer.watching():
    while not ended.is_set():
        try:
            with connections.connect(connect_timeout=10) as connection:
                connection.execute("SELECT 1")
            counts[0] += 1
        except psycopg.Error:
            counts[1] += 1
        if counts == [1, 0]:
            print("ready", flush=True)
consumer.close()
print(*counts, "unrecorded" if consumer.unrecorded else "recorded", flush=True)
"""


@contextmanager
def another_process(bench, name: str, what: str = "reads") -> Iterator[subprocess.Popen[str]]:
    """A consumer in a process of its own, which is killed at the end if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, bench.root, name, what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == f"{name}\n"
        yield process
        process.kill()


@contextmanager
def _worker(bench, name: str) -> Iterator[subprocess.Popen[str]]:
    """An application in a process of its own that opens connections without a pause."""
    argv = [sys.executable, "-c", WORKER, bench.root, name]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def files_of(bench) -> list[str]:
    return sorted(os.listdir(Path(bench.root) / "consumers" / TENANT / ENVIRONMENT))


def test_a_process_that_was_killed_is_not_waited_for_and_that_is_said(at):
    bench = at("callable")
    with another_process(bench, "web-9") as process:
        pass
    result = bench.engine().rotate(bench.name, bench.but(patience_s=3600.0).plan, wait=False)
    assert result.state is State.DONE
    said = f"web-9 (its process {process.pid} on this host is over)"
    assert f"not waited for, as departed: {said}" in result.notes
    assert [entry.facts["departed"] for entry in Journal(bench.root).entries() if "departed" in entry.facts] == [[said]]
    assert files_of(bench) == []  # and nobody asks again


def test_a_process_that_lives_is_waited_for_however_idle_it_is(at):
    bench = at("callable")
    with another_process(bench, "web-9"):
        paused = bench.engine().rotate(bench.name, bench.but(patience_s=3600.0).plan, wait=False)
        assert (paused.state, paused.why) == (State.GRACE, "for the acknowledgement of web-9")
        assert bench.valid() == 2
    assert bench.engine().rotate(bench.name, bench.but(patience_s=3600.0).plan, wait=False).state is State.DONE


def test_processes_follow_a_gradual_rotation_and_the_one_that_is_killed_holds_up_nobody(at):
    bench = at("postgres")
    before = bench.current()
    plan = bench.but(soak_s=0.3, grace_s=1.0, poll_s=0.05, patience_s=3600.0).plan
    names = [f"web-{number}" for number in range(4)]
    with ExitStack() as running:
        workers = {name: running.enter_context(_worker(bench, name)) for name in names}
        workers["web-0"].kill()
        workers["web-0"].wait()
        result = bench.engine().rotate(bench.name, plan, strategy=Strategy.GRADUAL)
        told = {name: workers[name].communicate("\n", timeout=60)[0].split() for name in names[1:]}
    assert result.state is State.DONE
    assert [note for note in result.notes if note.startswith("not waited for, as departed: web-0 ")]
    assert [(failed, recorded) for _, failed, recorded in told.values()] == [("0", "recorded")] * 3
    assert not bench.plan.target.is_effective(before)
    found = evidence_of(bench.root, TENANT, ENVIRONMENT, name=bench.name, rotation=result.rotation)
    assert (set(found.used), found.refused, found.broken) == (set(names[1:]), {}, "")
    assert files_of(bench) == []


def test_a_word_from_before_an_epoch_ends_with_its_process_too(at):
    bench = at("callable")
    with another_process(bench, "web-9"):
        bench.custodian.rotate_epoch(TENANT, ENVIRONMENT)
        plan = bench.but(patience_s=3600.0).plan
        assert bench.engine().rotate(bench.name, plan, wait=False).state is State.GRACE
    assert bench.engine().rotate(bench.name, plan, wait=False).state is State.DONE


def test_the_dead_are_no_canaries_and_no_share(at):
    bench = at("callable")
    with another_process(bench, "web-9"):
        pass
    with pytest.raises(RotationRefused, match="no consumer that could be the canary"):
        bench.engine().rotate(bench.name, bench.plan, strategy=Strategy.CANARY)
    plan = bench.but(patience_s=3600.0, soak_s=0.0).plan
    assert bench.engine().rotate(bench.name, plan, strategy=Strategy.GRADUAL, wait=False).state is State.DONE


def test_one_that_dies_with_the_new_credential_in_hand_does_not_turn_its_share_into_an_empty_one(at):
    bench = at("callable")
    plan = bench.but(soak_s=3600.0).plan
    waiting = bench.engine().rotate(bench.name, plan, strategy=Strategy.GRADUAL, wait=False)
    assert waiting.state is State.PROMOTING
    names = (f"web-{number}" for number in range(10_000))
    concerned = next(name for name in names if is_in_share(waiting.rotation, name, SHARES[0]))
    with another_process(bench, concerned):  # reads that it is in, and dies without having used anything
        pass
    result = bench.engine().rotate(bench.name, bench.but(soak_s=0.0, patience_s=3600.0).plan, wait=False)
    assert (result.state, result.why) == (State.PROMOTING, "used by 0 of the 1 consumers that must have used it")


def test_what_a_dead_canary_was_refused_still_counts(at):
    bench = at("callable")
    plan = bench.but(canaries=("web-9",), soak_s=3600.0, patience_s=3600.0).plan
    bench.engine().rotate(bench.name, plan, strategy=Strategy.CANARY, wait=False)
    with another_process(bench, "web-9", "uses"):
        pass
    result = bench.engine().rotate(bench.name, plan)
    assert (result.state, result.why) == (
        State.ROLLED_BACK,
        "the target refused the new credential of web-9 (1)",
    )


def test_a_broken_promise_to_speak_is_departure_and_a_kept_one_is_not(at):
    bench = at("callable")
    _move_to_another_host(bench, promised=True)
    silent_for = MISSED * 30 + CLOCK_SKEW + 60
    soon, late = _called_at(bench, time.time() + MISSED * 30), _called_at(bench, time.time() + silent_for)
    assert soon.departed == []
    (gone,) = late.departed
    assert (gone.consumer, gone.is_final) == ("far-away", False)
    assert "had promised a word every 30 s" in gone.why


def test_one_that_promised_nothing_is_never_called_silent(at):
    bench = at("callable")
    _move_to_another_host(bench, promised=False)
    assert _called_at(bench, time.time() + 10**9).departed == []


def test_a_consumer_that_watches_speaks_again_though_nothing_changes_and_though_it_cannot_open_the_file(at):
    bench = at("callable")
    consumer = Consumer(TENANT, consumer_id="idle", root=bench.root, refresh_s=0.02)
    consumer.refresh()
    path = Path(bench.root) / "consumers" / TENANT / ENVIRONMENT / "idle.json"
    sealed = Path(bench.root) / "tenants" / TENANT / ".env.enc"
    with consumer.watching():
        _wait_for_change(path)
        assert _word(path)["every_s"] == 0.02
        kept = sealed.read_bytes()
        sealed.write_bytes(kept.replace(b'"generation":', b'"generation":9', 1))
        _wait_for(lambda: consumer.problem is not None)
        _wait_for_change(path)
        sealed.write_bytes(kept)
    assert _word(path)["every_s"] == 0.0


def test_a_word_that_came_between_the_look_and_the_removal_stays(at, monkeypatch):
    bench = at("callable")
    with another_process(bench, "web-9"):
        pass
    register = Register(bench.root, TENANT, ENVIRONMENT)
    rename, came = os.rename, []

    def late(*names, **options):
        if not came:
            came.append(True)
            Consumer(TENANT, consumer_id="web-9", root=bench.root).refresh()
        rename(*names, **options)

    monkeypatch.setattr("sealproof.rotation.register.os.rename", late)
    assert register.forget_departed(now=time.time()) == []
    monkeypatch.undo()
    assert files_of(bench) == ["web-9.json"]
    (word,) = _called_at(bench, time.time()).words
    assert word.process.pid == os.getpid()


def test_silence_is_no_reason_to_remove_a_file(at):
    bench = at("callable")
    _move_to_another_host(bench, promised=True)
    register = Register(bench.root, TENANT, ENVIRONMENT)
    assert register.forget_departed(now=time.time() + 10**9) == []
    assert files_of(bench) == ["far-away.json"]


def _called_at(bench, now: float):
    return Register(bench.root, TENANT, ENVIRONMENT).call(bench.custodian.open(TENANT, ENVIRONMENT), now=now)


def _move_to_another_host(bench, *, promised: bool) -> None:
    """Write a word as a process elsewhere would: under the same data key, of another kernel."""
    consumer = Consumer(TENANT, consumer_id="far-away", root=bench.root, refresh_s=30.0)
    consumer.refresh()
    word = _called_at(bench, time.time()).words[0]
    elsewhere = word.process._replace(boot="another", pid=2**22 + 1)
    moved = word._replace(process=elsewhere, every_s=30.0 if promised else 0.0)
    Register(bench.root, TENANT, ENVIRONMENT).write(moved, bench.custodian.open(TENANT, ENVIRONMENT))


def _word(path: Path) -> dict[str, object]:
    return json.loads(path.read_text().partition("\n")[0])


def _wait_for_change(path: Path) -> None:
    before = _word(path)["beat"]
    _wait_for(lambda: _word(path)["beat"] > before)


def _wait_for(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
