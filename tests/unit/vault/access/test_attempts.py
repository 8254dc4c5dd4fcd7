"""Lockout: who keeps being refused waits, and nobody else does."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread, current_thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import KeyMissing, MalformedFile
from sealproof.vault.access import Subject
from sealproof.vault.access import attempts as module
from sealproof.vault.access.attempts import (
    FIRST_LOCK,
    FORGET,
    LONGEST_LOCK,
    ORIGIN_NAMES,
    WINDOW,
    Attempts,
    Count,
)
from sealproof.vault.audit.interface import Established

NOW = 1_795_564_800
MALLORY = Subject("alice", Established.CLAIMED, "uid:666")  # claims to be alice
ALICE = Subject("alice", Established.UID, "uid:1001")


@pytest.fixture
def attempts(root: str) -> Attempts:
    return Attempts(root, limit=5)


def fail(attempts: Attempts, subject: Subject, times: int, now: int = NOW) -> int:
    return [attempts.refused(subject, "acme", now) for _ in range(times)][-1]


def test_the_limit_locks_and_not_one_less(attempts):
    assert fail(attempts, ALICE, 4) == 0
    assert attempts.locked_until(ALICE, "acme", NOW) == 0
    assert fail(attempts, ALICE, 1) == NOW + FIRST_LOCK
    assert attempts.locked_until(ALICE, "acme", NOW + FIRST_LOCK - 1) == NOW + FIRST_LOCK
    assert attempts.locked_until(ALICE, "acme", NOW + FIRST_LOCK) == 0


def test_whoever_claims_a_name_never_locks_out_the_person(attempts):
    fail(attempts, MALLORY, 50)
    assert attempts.locked_until(MALLORY, "acme", NOW)
    assert not attempts.locked_until(ALICE, "acme", NOW)
    assert not attempts.locked_until(Subject("alice", Established.CLAIMED, "uid:1001"), "acme", NOW)


def test_a_lock_on_one_tenant_is_none_on_another(attempts):
    fail(attempts, ALICE, 5)
    assert not attempts.locked_until(ALICE, "zeta", NOW)


def test_failures_during_a_lock_do_not_prolong_it(attempts):
    until = fail(attempts, ALICE, 5)
    assert fail(attempts, ALICE, 100, NOW + 30) == until


def test_locks_double_up_to_the_ceiling_and_are_forgotten(attempts):
    now, lengths = NOW, []
    for _ in range(7):
        until = fail(attempts, ALICE, 5, now)
        lengths.append(until - now)
        now = until
    assert lengths == [60, 120, 240, 480, 900, 900, 900]
    assert fail(attempts, ALICE, 5, now + FORGET) == now + FORGET + FIRST_LOCK


def test_slow_failures_do_not_add_up(attempts):
    for step in range(20):
        assert fail(attempts, ALICE, 1, NOW + step * WINDOW) == 0


def test_invented_names_from_one_origin_are_counted_as_one(attempts):
    for number in range(ORIGIN_NAMES):
        fail(attempts, Subject(f"n{number}", Established.CLAIMED, "uid:666"), 1)
    for number in range(5):
        fail(attempts, Subject(f"more{number}", Established.CLAIMED, "uid:666"), 1)
    assert attempts.locked_until(Subject("yet-another", Established.CLAIMED, "uid:666"), "acme", NOW)
    assert not attempts.locked_until(Subject("yet-another", Established.CLAIMED, "uid:1"), "acme", NOW)
    assert not attempts.locked_until(Subject("yet-another", Established.UID, "uid:666"), "acme", NOW)


def test_another_process_sees_the_lock(attempts, root):
    assert not attempts.locked_until(ALICE, "acme", NOW)
    fail(Attempts(root, limit=5), ALICE, 5)
    assert attempts.locked_until(ALICE, "acme", NOW)


def test_concurrent_processes_lose_no_failure(root):
    children = []
    for _ in range(4):
        child = os.fork()
        if not child:
            try:
                mine = Attempts(root, limit=1000)
                for _ in range(10):
                    mine.refused(ALICE, "acme", NOW)
            finally:
                os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert Attempts(root, limit=41).refused(ALICE, "acme", NOW) == NOW + FIRST_LOCK


def test_unlocking_forgets_every_count_of_a_name(attempts):
    fail(attempts, ALICE, 5)
    fail(attempts, MALLORY, 5)
    assert attempts.unlock("alice") == 2
    assert not attempts.locked_until(ALICE, "acme", NOW)
    assert attempts.unlock("alice") == 0


@pytest.mark.parametrize(
    "damage",
    [lambda text: text[:0], lambda text: text[:-2], lambda text: text.replace(b'"failures": 1', b'"failures": -1')],
    ids=["emptied", "cut", "negative"],
)
def test_damaged_counts_let_nobody_in(attempts, root, damage):
    fail(attempts, ALICE, 1)
    path = Path(root, "keys/access/attempts.json")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MalformedFile, match=r"attempts\.json") as refused:
        attempts.locked_until(ALICE, "acme", NOW)
    assert "rm " in refused.value.hint
    with pytest.raises(MalformedFile):
        attempts.refused(ALICE, "acme", NOW)


def test_without_keys_nothing_can_be_counted(tmp_path):
    attempts = Attempts(str(tmp_path), limit=5)
    assert attempts.locked_until(ALICE, "acme", NOW) == 0
    (tmp_path / "keys").mkdir(mode=0o700)
    assert attempts.locked_until(ALICE, "acme", NOW) == 0
    (tmp_path / "keys").rmdir()
    with pytest.raises(KeyMissing):
        attempts.refused(ALICE, "acme", NOW)


def test_the_file_stays_bounded_and_keeps_the_latest(root, monkeypatch):
    monkeypatch.setattr("sealproof.vault.access.attempts._ENTRIES_MAX", 3)
    attempts = Attempts(root, limit=5)
    for number in range(6):
        attempts.refused(Subject(f"u{number}", Established.UID, f"uid:{number}"), "acme", NOW + number)
    kept = sorted(key[0] for key in attempts._current())
    assert kept == ["u3", "u4", "u5"]


@given(st.lists(st.tuples(st.integers(0, 2000), st.booleans()), max_size=60))
def test_no_lock_ever_lasts_longer_than_the_ceiling(steps):
    count, now = Count(), NOW
    for wait, _ in steps:
        now += wait
        before = count
        count = count.after_failure(now, 5)
        assert count.until <= now + LONGEST_LOCK
        assert count.until == before.until or now >= before.until


def test_what_one_thread_read_before_a_lock_never_hides_it_from_another(attempts, root, monkeypatch):
    """The slow thread reads, a lock comes, the quick thread reads, the slow one finishes just before the quick one."""
    has_read, may_finish = Event(), Event()
    really_read, really_open = module._read, module.open_root

    def read(directory):
        counts = really_read(directory)
        if current_thread() is slow:
            has_read.set()
            may_finish.wait()
        return counts

    @contextmanager
    def opened(path):
        with really_open(path) as directory:
            yield directory
        may_finish.set()
        slow.join()

    fail(attempts, ALICE, 1)
    slow = Thread(target=attempts.locked_until, args=(ALICE, "acme", NOW))
    monkeypatch.setattr(module, "_read", read)
    slow.start()
    has_read.wait()
    fail(Attempts(root, limit=5), ALICE, 4)
    monkeypatch.setattr(module, "open_root", opened)
    assert attempts.locked_until(ALICE, "acme", NOW) == NOW + FIRST_LOCK
    monkeypatch.undo()
    assert attempts.locked_until(ALICE, "acme", NOW) == NOW + FIRST_LOCK
