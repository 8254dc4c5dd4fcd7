"""The log as its writers know it: what is written, what is refused, and what is noticed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from audit_workshop import NOON, TENANT, Clock, a_record, lines_of, log_directory, make_store, records_of, segments

from sealproof.errors import (
    AuditLogBroken,
    AuditUnavailable,
    InvalidName,
    InvalidRecord,
    KeyMissing,
    StoreNotFound,
    UnsafeFile,
)
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.interface import BATCH_MAX, AuditRecord, Established, Outcome, Receipt
from sealproof.vault.audit.lines import read_record
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.notes import read_note
from sealproof.vault.audit.pen import Limits
from sealproof.vault.audit.subjects import SUBJECT_MAX
from sealproof.vault.audit.verify import verify

HOUR, DAY = 3600, 86_400


def entries(root: str, tenant: str = TENANT):
    return [read_record(line) for line in records_of(root, tenant)]


def verified(root: str, tenant: str = TENANT):
    return verify(root, tenant, pinned_key(root, tenant), every_signature=True)


# What is written


def test_the_first_record_begins_a_log(root, log):
    assert log.append([a_record()]) == Receipt(0, 1, int(NOON * 1000), 1)
    assert [path.name for path in segments(root)] == ["0000000000000000.jsonl"]
    assert [line[:9] for line in lines_of(root)] == [b'{"epoch":', b'{"note":"', b'{"q":0,"a', b'{"note":"']
    assert verified(root).size == 1


def test_everything_is_private_to_its_owner(root, log):
    log.append([a_record()])
    places = [Path(root, "audit"), Path(root, "keys")]
    for path in [*places, *(found for place in places for found in place.rglob("*"))]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_record_says_who_what_when_where_and_how_it_ended(root, log):
    log.append(
        [
            AuditRecord(
                "user:alice",
                Established.OIDC,
                "key.admin",
                Outcome.DENY,
                "staging",
                "DB_PASSWORD",
                7,
                "req-1",
                {"attempts": 3},
            )
        ]
    )
    entry = entries(root)[0]
    assert (entry.established, entry.operation, entry.outcome, entry.version) == ("oidc", "key.admin", "deny", 7)
    assert (entry.scope, entry.request, entry.numbers) == ("acme/staging", "req-1", {"attempts": 3})
    assert (entry.at, entry.epoch, entry.sequence) == (int(NOON * 1000), 1, 0)


def test_a_record_of_the_whole_tenant_has_neither_environment_nor_name(root, log):
    log.append([AuditRecord("user:alice", Established.CLAIMED, "audit.export", Outcome.ALLOW)])
    assert (entries(root)[0].scope, entries(root)[0].secret) == (TENANT, "")


def test_neither_names_nor_people_stand_in_the_log(root, log):
    log.append([a_record("user:alice", name="DB_PASSWORD"), a_record("user:bob", name="API_TOKEN")])
    log.append([a_record("user:alice", name="DB_PASSWORD")])
    text = b"\n".join(lines_of(root))
    for word in (b"alice", b"bob", b"DB_PASSWORD", b"API_TOKEN"):
        assert word not in text
    first, second, third = entries(root)
    assert (first.actor, first.secret) == (third.actor, third.secret)
    assert first.actor != second.actor
    assert first.secret != second.secret


def test_two_tenants_have_nothing_in_common(root, clock):
    for tenant in ("acme", "other"):
        with AuditLog(root, tenant, clock=clock) as log:
            log.append([a_record()])
    one, two = entries(root, "acme")[0], entries(root, "other")[0]
    assert one.actor != two.actor
    assert one.secret != two.secret
    assert pinned_key(root, "acme") != pinned_key(root, "other")


def test_a_name_that_is_no_name_is_recorded_too(root, log):
    log.append([a_record(name="no\ud800name"), a_record(name="x" * 10_000)])
    assert all(len(entry.secret) == 32 for entry in entries(root))


def test_a_batch_has_one_time_and_one_checkpoint(root, log):
    log.append([a_record() for _ in range(5)])
    assert len({entry.at for entry in entries(root)}) == 1
    assert sum(line.startswith(b'{"note"') for line in lines_of(root)) == 2


def test_the_newest_checkpoint_is_what_stands_in_the_log(root, log):
    log.append([a_record()])
    note = log.checkpoint()
    assert json.loads(lines_of(root)[-1])["note"].encode() == note
    assert read_note(note, name="x").size == 1


def test_a_state_without_a_checkpoint_gives_no_note(root, log):
    log.append([a_record()])
    with log.writing() as (session, _):
        session.pen.trail.signed = None
        with pytest.raises(AuditLogBroken, match="has no checkpoint"):
            session.pen.newest_note()


def test_a_log_may_be_used_after_closing(root, log):
    log.append([a_record()])
    log.close()
    log.close()
    assert log.append([a_record()]).first == 1
    assert repr(log) == f"AuditLog({root!r}, 'acme')"


# What is refused


@pytest.mark.parametrize(
    "wrong",
    [
        a_record(operation="Read"),
        a_record(operation=""),
        a_record(operation="read\n"),
        a_record(operation="a" * 33),
        a_record(request="two words"),
        a_record(request='"'),
        a_record(request="r" * 65),
        a_record(request="é"),
        a_record(""),
        a_record("user:\nalice"),
        a_record("x" * (SUBJECT_MAX + 1)),
        a_record(length=3),
        a_record(back=3),
        a_record(until=3),
        a_record(first=3),
        a_record(count=-1),
        a_record(count=10**15),
        a_record()._replace(version=-1),
        a_record()._replace(environment="Production"),
        a_record()._replace(environment="a/b"),
    ],
)
def test_a_record_outside_the_grammar_is_refused_and_nothing_is_written(root, log, wrong):
    log.append([a_record(request="before")])
    before = segments(root)[0].read_bytes()
    with pytest.raises(InvalidRecord) as refused:
        log.append([a_record(), wrong, a_record()])
    assert refused.value.hint
    assert segments(root)[0].read_bytes() == before
    assert log.append([a_record(request="behind")]).first == 1
    assert verified(root).size == 2


def test_a_refusal_does_not_repeat_what_it_refuses(log):
    with pytest.raises(InvalidRecord) as refused:
        log.append([a_record("user:\nmallory", operation="WRONG", name="DB_PASSWORD")])
    assert "mallory" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("count", [0, BATCH_MAX + 1])
def test_no_records_or_too_many_are_no_batch(log, count):
    with pytest.raises(InvalidRecord, match=f"{count} records are no batch"):
        log.append([a_record()] * count)


@pytest.mark.parametrize("reference", ["", "two words", "r" * 65])
def test_a_hold_needs_a_reference_in_its_grammar(log, reference):
    with pytest.raises(InvalidRecord):
        log.hold(reference)


def test_a_tenant_name_is_checked_before_any_path_is_built(root):
    with pytest.raises(InvalidName):
        AuditLog(root, "../other")


def test_without_a_store_there_is_no_log(tmp_path):
    with AuditLog(str(tmp_path / "none"), TENANT) as log, pytest.raises(StoreNotFound):
        log.append([a_record()])


def test_without_keys_nothing_is_written(root, log):
    os.rmdir(f"{root}/keys")
    with pytest.raises(KeyMissing, match="has no keys/ to sign an audit log with"):
        log.append([a_record()])
    assert not Path(root, "audit").exists()


@pytest.mark.parametrize("place", ["keys", "audit/acme", "keys/audit/acme", "keys/audit/acme/subjects", "keys/signing"])
def test_a_place_that_others_may_enter_is_refused(root, log, place):
    log.append([a_record()])
    log.close()
    os.chmod(f"{root}/{place}", 0o755)
    with pytest.raises(UnsafeFile, match="is not private to this user"):
        log.append([a_record()])


# The clock


def test_a_clock_that_goes_back_does_not_take_the_log_along(root, log, clock):
    log.append([a_record(request="first")])
    clock.advance(-600)
    log.append([a_record(request="back", count=1)])
    clock.advance(1200)
    log.append([a_record(request="on")])
    first, back, on = entries(root)
    assert (back.at, back.numbers) == (first.at, {"back": 600_000, "count": 1})
    assert (on.at, on.numbers) == (first.at + 600_000, {})
    assert verified(root).size == 3


def test_a_clock_that_goes_back_by_less_than_a_second_is_ordinary(root, log, clock):
    log.append([a_record()])
    clock.advance(-0.9)
    log.append([a_record()])
    assert entries(root)[1].numbers == {}


def test_a_clock_that_goes_back_before_the_epoch_began(root, log, clock):
    log.append([a_record()])
    log.seal()
    clock.advance(-10 * DAY)
    log.append([a_record()])
    log.seal()
    assert verified(root).epochs == 3


def test_an_epoch_ends_with_its_time(root, log, clock):
    assert log.append([a_record()]).epoch == 1
    clock.advance(HOUR)
    assert log.append([a_record()]).epoch == 1
    clock.advance(1)
    assert log.append([a_record()]).epoch == 2
    assert len(segments(root)) == 1
    assert verified(root).epochs == 2


def test_an_epoch_ends_when_it_is_full(root, clock):
    with AuditLog(root, TENANT, clock=clock, limits=Limits(epoch_records=10)) as log:
        assert [log.append([a_record()] * 4).epoch for _ in range(5)] == [1, 1, 2, 2, 3]
    assert verified(root).epochs == 3


def test_a_batch_that_is_larger_than_an_epoch_may_be_has_one_of_its_own(root, clock):
    with AuditLog(root, TENANT, clock=clock, limits=Limits(epoch_records=3)) as log:
        assert [log.append([a_record()] * 5).epoch for _ in range(3)] == [1, 2, 3]


def test_a_day_begins_a_segment(root, log, clock):
    log.append([a_record()] * 3)
    clock.advance(DAY)
    log.append([a_record()])
    assert [path.name for path in segments(root)] == ["0000000000000000.jsonl", "0000000000000003.jsonl"]
    assert verified(root).size == 4


def test_days_without_a_record_make_no_segments(root, log, clock):
    log.append([a_record()])
    log.seal()
    clock.advance(DAY)
    log.seal()
    clock.advance(DAY)
    log.append([a_record()])
    assert [path.name for path in segments(root)] == ["0000000000000000.jsonl", "0000000000000001.jsonl"]
    assert verified(root).size == 2


def test_a_full_segment_is_followed_by_another(root, clock):
    with AuditLog(root, TENANT, clock=clock, limits=Limits(segment_bytes=4000)) as log:
        for _ in range(20):
            log.append([a_record()] * 3)
    assert len(segments(root)) > 3
    assert all(path.stat().st_size < 6500 for path in segments(root))
    assert verified(root).size == 60


def test_only_the_newest_key_is_left(root, log):
    for _ in range(3):
        log.append([a_record()])
        log.seal()
    keys = Path(root, "keys/audit", TENANT)
    assert [path.name for path in keys.glob("epoch-*")] == ["epoch-0000000004.key"]


# Together


def test_eight_processes_write_one_log(root):
    """1,600 records by 8 processes that know nothing of each other: all there, in order, the chain intact."""
    children = []
    for number in range(8):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                with AuditLog(root, TENANT) as log:
                    for count in range(200):
                        log.append([a_record(f"user:p{number}", request=f"p{number}-{count}")])
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 8
    found = [entry.request for entry in entries(root)]
    for number in range(8):
        assert [name for name in found if name.startswith(f"p{number}-")] == [f"p{number}-{n}" for n in range(200)]
    assert verified(root).size == len(found) == 1600


def test_processes_that_change_epochs_under_each_other(root):
    children = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                with AuditLog(root, TENANT, limits=Limits(epoch_records=7, segment_bytes=5000)) as log:
                    for count in range(60):
                        log.append([a_record(request=f"p{number}-{count}")])
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 3
    assert verified(root).size == 180
    assert len(segments(root)) > 5


def test_threads_share_one_log(root, log):
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda number: log.append([a_record(request=f"t{number}")]), range(200)))
    assert sorted(receipt.first for receipt in receipts) == list(range(200))
    found = {entry.sequence: entry.request for entry in entries(root)}
    assert all(found[receipt.first] == f"t{number}" for number, receipt in enumerate(receipts))


def test_a_child_after_fork_opens_the_log_anew_even_if_the_parent_held_it(root, log):
    log.append([a_record(request="parent")])
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with log.writing():
            held.set()
            let_go.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(20)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            log.append([a_record(request="child")])
            code = 0
        finally:
            os._exit(code)
    let_go.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    log.append([a_record(request="after")])
    assert [entry.request for entry in entries(root)] == ["parent", "child", "after"]
    assert verified(root).size == 3


# What happens to the files under us


def test_a_directory_that_was_moved_is_noticed(root, log):
    log.append([a_record()])
    os.rename(log_directory(root), log_directory(root, "moved"))
    with pytest.raises(AuditLogBroken, match="is no longer the directory that this log was opened in"):
        log.append([a_record()])


def test_a_directory_that_was_replaced_is_noticed(root, log):
    log.append([a_record()])
    shutil.copytree(log_directory(root), log_directory(root, "copy"))
    os.rename(log_directory(root), log_directory(root, "moved"))
    os.rename(log_directory(root, "copy"), log_directory(root))
    with pytest.raises(AuditLogBroken, match="is no longer the directory"):
        log.append([a_record()])


@pytest.mark.parametrize("harm", ["deleted", "replaced", "cut"])
def test_a_segment_that_is_harmed_is_noticed(root, log, harm):
    log.append([a_record()])
    path = segments(root)[0]
    data = path.read_bytes()
    if harm == "cut":
        os.truncate(path, len(data) // 2)
    else:
        path.unlink()
    if harm == "replaced":
        path.write_bytes(data)
        path.chmod(0o600)
    with pytest.raises(AuditLogBroken, match=r"was cut from|was moved, deleted or replaced"):
        log.append([a_record()])


def test_a_deleted_log_is_not_begun_again(root, log):
    log.append([a_record()])
    log.close()
    shutil.rmtree(log_directory(root))
    with pytest.raises(AuditLogBroken, match="the audit log of acme is gone"):
        log.append([a_record()])


def test_an_older_copy_put_back_is_noticed_by_the_mark(root, log):
    log.append([a_record()])
    shutil.copytree(log_directory(root), log_directory(root, "copy"))
    log.append([a_record()])
    log.close()
    shutil.rmtree(log_directory(root))
    os.rename(log_directory(root, "copy"), log_directory(root))
    with pytest.raises(AuditLogBroken, match="has 1 records, and had 2"):
        log.append([a_record()])


def test_an_older_copy_put_back_is_noticed_by_the_keys(root, log):
    log.append([a_record()])
    shutil.copytree(log_directory(root), log_directory(root, "copy"))
    log.seal()
    log.close()
    shutil.rmtree(log_directory(root))
    os.rename(log_directory(root, "copy"), log_directory(root))
    with pytest.raises(AuditLogBroken, match="ends in epoch 1, and its keys are at 2"):
        log.append([a_record()])


def test_keys_that_are_older_than_the_log_are_missing(root, log):
    log.append([a_record()])
    keys = Path(root, "keys/audit", TENANT)
    shutil.copytree(keys, keys.with_name("copy"))
    log.seal()
    log.close()
    shutil.rmtree(keys)
    keys.with_name("copy").rename(keys)
    with pytest.raises(KeyMissing, match=r"ends in epoch 2, and .* does not hold the key of it"):
        log.append([a_record()])


def test_a_public_key_that_is_gone_is_missed(root, log):
    log.append([a_record()])
    log.seal()
    log.close()
    Path(root, f"keys/signing/audit-{TENANT}.pub").unlink()
    with pytest.raises(KeyMissing, match=r"has no audit-acme\.pub"):
        log.append([a_record()])
    with pytest.raises(KeyMissing, match="has no public audit key of acme"):
        pinned_key(root, TENANT)


def test_a_mark_that_is_no_number_is_refused(root, log):
    log.append([a_record()])
    log.close()
    Path(root, "keys/audit", TENANT, "mark").write_text("not seventeen bytes\n")
    with pytest.raises(Exception, match="mark of an audit log is not 16 digits"):
        log.append([a_record()])


def test_a_mark_whose_block_never_reached_the_disk_is_none(root, log):
    log.append([a_record()])
    log.close()
    Path(root, "keys/audit", TENANT, "mark").write_bytes(bytes(17))
    assert log.append([a_record()]).first == 1


# The readable copy


def test_the_copy_is_plain_text_of_what_is_in_the_log(root, clock, tmp_path):
    path = tmp_path / "audit.log"
    with AuditLog(root, TENANT, clock=clock, copy_to=str(path)) as log:
        log.append([a_record(count=3), AuditRecord("user:bob", Established.UID, "audit.export", Outcome.DENY)])
    first, second = path.read_text().splitlines()
    one, two = entries(root)
    assert first == (
        f"2026-11-23T12:00:00.000Z 0 allow read acme/production actor={one.actor} by=uid secret={one.secret}"
        " version=3 request=r1 count=3"
    )
    assert second == f"2026-11-23T12:00:00.000Z 1 deny audit.export acme actor={two.actor} by=uid"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_copy_that_a_rotator_moved_away_is_begun_anew(root, clock, tmp_path):
    path = tmp_path / "audit.log"
    with AuditLog(root, TENANT, clock=clock, copy_to=str(path)) as log:
        log.append([a_record()])
        path.rename(tmp_path / "audit.log.1")
        log.append([a_record()])
    assert len(path.read_text().splitlines()) == 1


def test_a_copy_that_cannot_be_written_is_recorded_once_and_stops_nobody(root, clock, tmp_path):
    path = tmp_path / "gone" / "audit.log"
    with AuditLog(root, TENANT, clock=clock, copy_to=str(path)) as log:
        for _ in range(3):
            log.append([a_record()])
        path.parent.mkdir()
        log.append([a_record()])
        shutil.rmtree(path.parent)
        log.append([a_record()])
    operations = [entry.operation for entry in entries(root)]
    assert operations == ["read", "audit.copy-failed", "read", "read", "read", "read", "audit.copy-failed"]
    assert verified(root).happenings == {"audit.copy-failed": 2}


def test_a_copy_is_never_written_through_a_link(root, clock, tmp_path):
    (tmp_path / "target").touch()
    (tmp_path / "audit.log").symlink_to(tmp_path / "target")
    with AuditLog(root, TENANT, clock=clock, copy_to=str(tmp_path / "audit.log")) as log:
        log.append([a_record()])
    assert (tmp_path / "target").read_bytes() == b""
    assert verified(root).happenings == {"audit.copy-failed": 1}


def test_what_the_system_refuses_is_said_with_its_reason(root, log):
    log.append([a_record()])
    log.close()
    Path(root, "audit/acme/0000000000000000.jsonl").chmod(0o000)
    if os.geteuid() == 0:
        Path(root, "audit/.reserve").unlink()
        Path(root, "audit/.reserve").mkdir()
    with pytest.raises(AuditUnavailable, match="nothing can be recorded in the audit log of acme") as refused:
        log.append([a_record()])
    assert refused.value.hint == f"ls -la {root}/audit/acme"


def test_making_a_store_is_all_it_takes(tmp_path):
    root = make_store(tmp_path)
    with AuditLog(root, TENANT, clock=Clock()) as log:
        assert log.append([a_record()]).first == 0
