"""Export, anchors, pruning and watching: what leaves the log, and what is left of it."""

from __future__ import annotations

import json
import os
import shutil
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path

import pytest
from audit_scenarios import DAY, requests, three_days
from audit_workshop import TENANT, Clock, a_record, lines_of, log_directory, make_store, records_of, segments

from sealproof.errors import (
    AuditLogBroken,
    CallerError,
    Changed,
    FileUnavailable,
    MalformedFile,
    OnLegalHold,
    StoreExists,
    UnknownTenant,
)
from sealproof.signing import public_from_pem
from sealproof.vault.audit import anchors
from sealproof.vault.audit import prune as pruning
from sealproof.vault.audit import verify as verifying
from sealproof.vault.audit.anchors import keep_anchor, read_anchor
from sealproof.vault.audit.export import as_document, export, export_when_due, exported_tenant, newest_export
from sealproof.vault.audit.home import audited_tenants, known_logs, pinned_key
from sealproof.vault.audit.lines import read_record
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.notes import read_note
from sealproof.vault.audit.prune import prune
from sealproof.vault.audit.recent import Reader, every
from sealproof.vault.audit.verifier import Verifier
from sealproof.vault.audit.verify import verify, verify_export, verify_lines


@pytest.fixture
def filled(tmp_path):
    """A log of three days, and the clock behind them."""
    root, now = three_days(tmp_path)
    clock = Clock()
    clock.now = now
    return root, clock


@pytest.fixture
def opened(filled):
    root, clock = filled
    with AuditLog(root, TENANT, clock=clock) as log:
        yield log


# Export


def test_an_export_is_the_log_to_the_byte_and_verifies_alone(filled, tmp_path):
    root, clock = filled
    pinned = pinned_key(root, TENANT)
    out = tmp_path / "out"
    done = export(root, TENANT, pinned, str(out), now=clock())
    for path in segments(root):
        assert (out / path.name).read_bytes() == path.read_bytes()
    shutil.rmtree(root)
    assert exported_tenant(str(out)) == TENANT
    assert public_from_pem((out / "audit.pub").read_bytes(), name="x") == pinned
    verified = verify_export(str(out), TENANT, pinned, every_signature=True)
    assert verified.size == done.verified.size == 9
    assert verify_export(str(out), TENANT, pinned, anchors=[verified.signed.checkpoint]).complete


def test_an_export_says_what_it_consists_of(filled, tmp_path):
    root, clock = filled
    out = tmp_path / "out"
    done = export(root, TENANT, pinned_key(root, TENANT), str(out), now=clock())
    text = (out / "export.json").read_bytes()
    assert sha256(text).hexdigest() == done.digest
    contents = json.loads(text)
    assert {file["name"] for file in contents["files"]} | {"export.json"} == set(os.listdir(out))
    for file in contents["files"]:
        data = (out / file["name"]).read_bytes()
        assert (len(data), sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
    assert (contents["first"], contents["size"], contents["made"]) == (0, 9, int(clock()))


def test_what_no_checkpoint_covers_is_not_exported(filled, tmp_path):
    root, clock = filled
    with segments(root)[-1].open("ab") as file:
        file.write(b"torn")
    export(root, TENANT, pinned_key(root, TENANT), str(tmp_path / "out"), now=clock())
    assert verify_export(str(tmp_path / "out"), TENANT, pinned_key(root, TENANT)).size == 9


def test_bytes_behind_an_exports_last_checkpoint_are_seen(filled, tmp_path):
    root, clock = filled
    pinned = pinned_key(root, TENANT)
    out = tmp_path / "out"
    export(root, TENANT, pinned, str(out), now=clock())
    with (out / segments(root)[-1].name).open("ab") as file:
        file.write(b"more")
    with pytest.raises(AuditLogBroken, match="does not end in a checkpoint"):
        verify_export(str(out), TENANT, pinned)


def test_a_broken_log_is_not_exported(filled, tmp_path):
    root, clock = filled
    path = segments(root)[0]
    path.write_bytes(path.read_bytes().replace(b'"d0"', b'"D0"'))
    with pytest.raises(AuditLogBroken):
        export(root, TENANT, pinned_key(root, TENANT), str(tmp_path / "out"), now=clock())
    assert set(os.listdir(tmp_path)) == {"secrets"}


def test_what_is_at_the_place_of_an_export_stays(filled, tmp_path):
    root, clock = filled
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(StoreExists, match="was left as it is"):
        export(root, TENANT, pinned_key(root, TENANT), str(tmp_path / "out"), now=clock())
    assert os.listdir(tmp_path / "out") == ["mine"]


def test_what_comes_to_the_place_meanwhile_stays(filled, tmp_path, monkeypatch):
    root, clock = filled
    out = tmp_path / "out"

    def late(done: int, total: int) -> None:
        out.mkdir(exist_ok=True)
        (out / "mine").touch()

    with pytest.raises(FileUnavailable, match="directory not empty"):
        export(root, TENANT, pinned_key(root, TENANT), str(out), now=clock(), progress=late)
    assert os.listdir(out) == ["mine"]
    assert not (tmp_path / ".out.partial").exists()
    (out / "mine").unlink()
    out.rmdir()

    def file(done: int, total: int) -> None:
        out.touch()

    with pytest.raises(StoreExists):
        export(root, TENANT, pinned_key(root, TENANT), str(out), now=clock(), progress=file)
    assert out.is_file()


def test_an_export_needs_a_directory_to_stand_in(filled, tmp_path):
    root, clock = filled
    with pytest.raises(CallerError, match="there is no directory"):
        export(root, TENANT, pinned_key(root, TENANT), str(tmp_path / "no" / "out"), now=clock())


def test_two_exports_to_one_place_do_not_mix(filled, tmp_path):
    root, clock = filled
    partial = tmp_path / ".out.partial"
    partial.mkdir(mode=0o700)
    (partial / "left").touch()
    fd = os.open(partial, os.O_RDONLY)
    try:
        flock(fd, LOCK_EX)
        with pytest.raises(CallerError, match="another process is filling"):
            export(root, TENANT, pinned_key(root, TENANT), str(tmp_path / "out"), now=clock())
    finally:
        os.close(fd)
    export(root, TENANT, pinned_key(root, TENANT), str(tmp_path / "out"), now=clock())
    assert not (tmp_path / "out" / "left").exists()


def test_a_scheduled_export_is_made_when_it_is_due(filled, tmp_path):
    root, clock = filled
    into = tmp_path / "exports"
    pinned = pinned_key(root, TENANT)

    def due():
        return export_when_due(root, TENANT, pinned, str(into), every_days=7, now=clock())

    assert newest_export(str(into), TENANT) is None
    into.mkdir()
    assert newest_export(str(into), TENANT) is None
    assert due()
    assert due() is None
    clock.advance(6 * DAY)
    assert due() is None
    clock.advance(DAY)
    assert due()
    clock.advance(-30 * DAY)
    assert due()  # a date in the future says nothing of the past
    assert len(os.listdir(into)) == 3
    assert all(verify_export(str(path), TENANT, pinned).size == 9 for path in into.iterdir())


def test_there_is_no_export(tmp_path):
    with pytest.raises(CallerError, match="there is no export at"):
        verify_export(str(tmp_path / "none"), TENANT, bytes(32))
    with pytest.raises(CallerError, match="there is no export at"):
        exported_tenant(str(tmp_path / "none"))


@pytest.mark.parametrize("note", [b"", b"no note", None])
def test_an_export_that_does_not_say_whose_it_is(tmp_path, note):
    if note is not None:
        (tmp_path / "checkpoint").write_bytes(note)
    with pytest.raises(MalformedFile):
        exported_tenant(str(tmp_path))


def test_a_log_as_a_document_verifies_after_a_round_trip(filled):
    root, _ = filled
    pinned = pinned_key(root, TENANT)
    document = json.loads(json.dumps(as_document(root, TENANT, pinned)))
    lines = [line.encode() for line in document["lines"]]
    assert lines == lines_of(root)
    assert verify_lines(lines, TENANT, pinned).signed.note() == document["checkpoint"]


# Anchors


def test_an_anchor_is_kept_and_read_back(opened, tmp_path):
    path = str(tmp_path / "anchor")
    kept = keep_anchor(opened, path)
    anchor = read_anchor(path)
    assert anchor.checkpoint == kept
    assert kept.size == 9
    assert anchor.age(anchor.kept + 90) == 90
    assert anchor.age(anchor.kept - 5) == 0
    opened.append([a_record()])
    assert keep_anchor(opened, path).size == 10


def test_an_anchor_that_is_ahead_of_the_log_stays(opened, filled, tmp_path):
    root, clock = filled
    shutil.copytree(root, tmp_path / "before")
    opened.append([a_record()])
    path = str(tmp_path / "anchor")
    keep_anchor(opened, path)
    with (
        AuditLog(str(tmp_path / "before"), TENANT, clock=clock) as older,
        pytest.raises(AuditLogBroken, match="at 10 rec"),
    ):
        keep_anchor(older, path)
    assert read_anchor(path).checkpoint.size == 10


def test_an_anchor_of_another_log_stays(opened, filled, tmp_path):
    root, clock = filled
    path = str(tmp_path / "anchor")
    keep_anchor(opened, path)
    with AuditLog(root, "other", clock=clock) as other:
        other.append([a_record()])
        with pytest.raises(AuditLogBroken, match="the log is sealproof-audit/other"):
            keep_anchor(other, path)


def test_what_is_no_anchor_is_neither_read_nor_replaced(opened, tmp_path):
    path = tmp_path / "anchor"
    with pytest.raises(CallerError, match="there is no anchor"):
        read_anchor(str(path))
    with pytest.raises(CallerError, match="there is no directory"):
        keep_anchor(opened, str(tmp_path / "no" / "anchor"))
    path.write_text("something of mine\n")
    with pytest.raises(MalformedFile):
        keep_anchor(opened, str(path))
    assert path.read_text() == "something of mine\n"


def test_an_anchor_that_vanishes_while_it_is_read(opened, tmp_path, monkeypatch):
    path = tmp_path / "anchor"
    keep_anchor(opened, str(path))

    def read(*_: object) -> bytes:
        data = path.read_bytes()
        path.unlink()
        return data

    monkeypatch.setattr(anchors, "_read", read)
    with pytest.raises(FileUnavailable, match="no such file"):
        read_anchor(str(path))


def test_an_anchor_in_the_working_directory(opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keep_anchor(opened, "anchor")
    assert read_anchor("anchor").checkpoint.size == 9


# Pruning


def test_pruning_drops_whole_segments_and_the_rest_verifies(opened, filled):
    root, clock = filled
    pinned = pinned_key(root, TENANT)
    first = segments(root)[0].read_bytes()
    done = prune(opened, pinned, days=2, now=clock(), request="req-9")
    assert done == pruning.Pruned(0, 3, 1, len(first), "")
    verified = verify(root, TENANT, pinned, every_signature=True)
    assert (verified.first, verified.size, verified.happenings) == (3, 10, {"audit.pruned": 1})
    own = read_record(records_of(root)[-1])
    assert own.request == "req-9"
    assert own.numbers == {"bytes": len(first), "count": 3, "first": 0, "until": 3}
    assert own.digests == {
        "segments": sha256(first).hexdigest(),
        "start": sha256((log_directory(root) / "start.jsonl").read_bytes()).hexdigest(),
    }
    opened.append([a_record(request="on")])
    assert verify(root, TENANT, pinned).size == 11


def test_pruning_again_and_again(opened, filled, tmp_path):
    root, clock = filled
    pinned = pinned_key(root, TENANT)
    for number in range(4):
        opened.append([a_record(request=f"more{number}")])
        clock.advance(DAY)
        done = prune(opened, pinned, days=2, now=clock(), export_to=str(tmp_path / f"export{number}"))
        assert done
        verified = verify(root, TENANT, pinned)
        assert verified.first == done.until
        exported = verify_export(str(tmp_path / f"export{number}"), TENANT, pinned)
        assert exported.first == done.first
        own = read_record(records_of(root)[-1])
        assert own.digests["export"] == done.export
        assert done.export == sha256((tmp_path / f"export{number}" / "export.json").read_bytes()).hexdigest()
    assert len(segments(root)) < 4


def test_an_export_and_a_document_of_a_pruned_log_verify(opened, filled, tmp_path):
    root, clock = filled
    pinned = pinned_key(root, TENANT)
    prune(opened, pinned, days=2, now=clock())
    export(root, TENANT, pinned, str(tmp_path / "out"), now=clock())
    assert verify_export(str(tmp_path / "out"), TENANT, pinned).first == 3
    document = as_document(root, TENANT, pinned)
    lines, start = ([line.encode() for line in document[name]] for name in ("lines", "start"))
    assert verify_lines(lines, TENANT, pinned, start=start).first == 3


def test_what_is_young_enough_stays(opened, filled):
    root, clock = filled
    assert prune(opened, pinned_key(root, TENANT), days=3, now=clock()) is None
    assert prune(opened, pinned_key(root, TENANT), days=365, now=clock()) is None
    assert len(segments(root)) == 3


def test_the_newest_segment_stays_however_old_it_is(opened, filled):
    root, clock = filled
    clock.advance(1000 * DAY)
    done = prune(opened, pinned_key(root, TENANT), days=1, now=clock())
    assert done
    assert done.until == 6
    assert requests(root)[:2] == ["d2", "d2x"]


def test_a_legal_hold_forbids_pruning_until_it_is_lifted(opened, filled):
    root, clock = filled
    pinned = pinned_key(root, TENANT)
    opened.hold("CASE-1")
    assert verify(root, TENANT, pinned).held == "CASE-1"
    with pytest.raises(OnLegalHold, match="CASE-1"):
        prune(opened, pinned, days=1, now=clock())
    assert len(segments(root)) == 4
    opened.release("CASE-1")
    assert verify(root, TENANT, pinned).held is None
    assert prune(opened, pinned, days=1, now=clock())


def test_a_hold_that_comes_while_the_log_is_read_is_in_time(opened, filled):
    root, clock = filled

    def hold(done: int, total: int) -> None:
        if done == total:
            with AuditLog(root, TENANT, clock=clock) as other:
                other.hold("CASE-2")

    with pytest.raises(OnLegalHold, match="CASE-2"):
        prune(opened, pinned_key(root, TENANT), days=1, now=clock(), progress=hold)


def test_a_pruning_in_spite_of_a_hold_is_seen_by_the_verifier(opened, filled, monkeypatch):
    root, clock = filled
    opened.hold("CASE-1")
    pinned = pinned_key(root, TENANT)
    finish = Verifier.finish
    with monkeypatch.context() as cheat:
        cheat.setattr(Verifier, "finish", lambda self, **rest: finish(self, **rest)._replace(held=None))
        assert prune(opened, pinned, days=1, now=clock())
    with pytest.raises(AuditLogBroken, match="prunes it while it was on legal hold"):
        verify(root, TENANT, pinned)


def test_records_that_come_while_the_log_is_read_are_kept(opened, filled):
    root, clock = filled

    def write(done: int, total: int) -> None:
        with AuditLog(root, TENANT, clock=clock) as other:
            other.append([a_record(request=f"while{done}")])

    assert prune(opened, pinned_key(root, TENANT), days=1, now=clock(), progress=write)
    assert sum(name.startswith("while") for name in requests(root)) == 3
    assert verify(root, TENANT, pinned_key(root, TENANT)).first == 6


def test_two_prunings_at_once_do_not_mix(opened, filled):
    root, clock = filled
    pinned = pinned_key(root, TENANT)

    def other(done: int, total: int) -> None:
        if done == total:
            with AuditLog(root, TENANT, clock=clock) as log:
                assert prune(log, pinned, days=1, now=clock())

    with pytest.raises(Changed, match="was pruned by another process meanwhile"):
        prune(opened, pinned, days=2, now=clock(), progress=other)
    assert verify(root, TENANT, pinned).first == 6


def test_a_broken_log_is_not_pruned(opened, filled):
    root, clock = filled
    path = segments(root)[0]
    path.write_bytes(path.read_bytes().replace(b'"d0"', b'"D0"'))
    with pytest.raises(AuditLogBroken):
        prune(opened, pinned_key(root, TENANT), days=1, now=clock())
    assert len(segments(root)) == 3


def test_a_segment_without_a_whole_batch_cannot_be_a_cut(opened, filled):
    root, clock = filled
    path = segments(root)[-1]
    path.write_bytes(path.read_bytes().split(b"\n", 1)[0] + b"\n")
    clock.advance(9 * DAY)
    with pytest.raises(AuditLogBroken, match="the segment of record 6 holds no whole batch"):
        prune(opened, pinned_key(root, TENANT), days=1, now=clock())


def test_a_segment_that_is_empty_cannot_be_a_cut(opened, filled):
    root, clock = filled
    segments(root)[-1].write_bytes(b"")
    with pytest.raises(AuditLogBroken):
        prune(opened, pinned_key(root, TENANT), days=1, now=clock())


def test_a_writer_that_had_a_dropped_segment_open_goes_on(filled):
    root, clock = filled
    pinned = pinned_key(root, TENANT)
    with AuditLog(root, TENANT, clock=clock) as idle, AuditLog(root, TENANT, clock=clock) as busy:
        idle.append([a_record(request="idle")])
        for number in range(3):
            clock.advance(DAY)
            busy.append([a_record(request=f"busy{number}")])
        assert prune(busy, pinned, days=1, now=clock())
        assert idle.append([a_record(request="back")]).records == 1
    assert requests(root)[-1] == "back"
    assert verify(root, TENANT, pinned).size == 15


def test_an_anchor_from_before_a_pruning_says_nothing_any_more(opened, filled, tmp_path):
    root, clock = filled
    pinned = pinned_key(root, TENANT)
    notes = [json.loads(line)["note"].encode() for line in lines_of(root) if line.startswith(b'{"note"')]
    kept = {checkpoint.size: checkpoint for checkpoint in (read_note(note, name="x") for note in notes)}
    prune(opened, pinned, days=2, now=clock())
    for size in (1, 2, 3):
        if size in kept:
            verified = verify(root, TENANT, pinned, anchors=[kept[size]])
            if verified.anchored is None:
                assert verified.outdated == 1
                assert "the anchor is from before the pruning" in verified.claim()
            else:
                assert size == 3
    verified = verify(root, TENANT, pinned, anchors=[kept[2], kept[9]])
    assert (verified.anchored, verified.outdated) == (9, 1)


def test_a_log_that_is_pruned_while_it_is_verified(opened, filled, monkeypatch):
    root, clock = filled
    pinned = pinned_key(root, TENANT)
    done = []

    def prune_first(extent, *rest, **named):
        if not done:
            done.append(prune(opened, pinned, days=1, now=clock()))
        return real(extent, *rest, **named)

    real = verifying.verifier_at
    monkeypatch.setattr(verifying, "verifier_at", prune_first)
    assert verify(root, TENANT, pinned).first == 6
    assert done


def test_a_segment_that_vanishes_without_a_pruning_is_said(filled, monkeypatch):
    root, _ = filled
    path = segments(root)[0]

    def remove_first(extent, *rest, **named):
        path.unlink(missing_ok=True)
        return real(extent, *rest, **named)

    real = verifying.verifier_at
    monkeypatch.setattr(verifying, "verifier_at", remove_first)
    with pytest.raises(FileUnavailable, match="no such file"):
        verify(root, TENANT, pinned_key(root, TENANT))


# Watching


def test_the_newest_records_and_those_that_come(opened, filled):
    root, clock = filled
    reader = Reader(root, TENANT)
    assert [entry.request for entry in reader.newest(4)] == ["d1y", "d2", "d2x", "d2y"]
    assert reader.more() == []
    opened.append([a_record(request="one")])
    clock.advance(DAY)
    opened.append([a_record(request="two"), a_record(request="three")])
    assert [entry.request for entry in reader.more()] == ["one", "two", "three"]
    assert reader.more() == []


def test_more_records_are_asked_for_than_there_are(filled):
    root, _ = filled
    assert len(Reader(root, TENANT).newest(100)) == 9
    assert Reader(root, TENANT).newest(0) == []


def test_what_no_checkpoint_covers_is_not_shown(opened, filled):
    root, _ = filled
    with segments(root)[-1].open("ab") as file:
        file.write(records_of(root)[0] + b"\n")
    reader = Reader(root, TENANT)
    assert len(reader.newest(100)) == 9
    assert reader.more() == []
    opened.append([a_record(request="on")])
    assert [entry.operation for entry in reader.more()] == ["audit.recovered", "read"]


def test_there_is_no_log_to_watch(root):
    with pytest.raises(UnknownTenant):
        Reader(root, TENANT).newest(1)
    assert audited_tenants(root) == []


def test_which_tenants_have_a_log(filled):
    root, clock = filled
    with AuditLog(root, "other", clock=clock) as log:
        log.append([a_record()])
    assert audited_tenants(root) == ["acme", "other"]


def test_a_store_without_an_audit_directory_has_none(tmp_path: Path):
    assert audited_tenants(make_store(tmp_path)) == []


def test_a_log_that_is_gone_is_known_by_the_keys_and_is_broken(filled):
    root, _ = filled
    shutil.rmtree(f"{root}/audit/{TENANT}")
    assert audited_tenants(root) == []
    assert known_logs(root) == [TENANT]
    for gone in (lambda: verify(root, TENANT, pinned_key(root, TENANT)), lambda: Reader(root, TENANT).newest(1)):
        with pytest.raises(AuditLogBroken, match="is gone"):
            gone()


def test_keys_of_a_log_that_was_never_begun_make_none_known(filled):
    root, _ = filled
    os.makedirs(f"{root}/keys/audit/other")
    assert known_logs(root) == [TENANT]


def test_every_record_is_read_oldest_first_and_not_at_once(tmp_path):
    root, _ = three_days(tmp_path)
    taken = every(root, TENANT)
    assert next(taken).sequence == 0
    rest = list(taken)
    assert [one.sequence for one in rest] == list(range(1, len(rest) + 1))
    assert len(rest) + 1 == verify(root, TENANT, pinned_key(root, TENANT)).size


def test_both_sides_of_a_fork_append_and_neither_holds_the_others_lock(root, clock):
    with AuditLog(root, TENANT, clock=clock) as log:
        log.append([a_record()])
        child = os.fork()
        try:
            for _ in range(60):
                log.append([a_record()])
        except BaseException:  # a fork must not go on as its parent
            if not child:
                os._exit(1)
            raise
        if not child:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    assert verify(root, TENANT, pinned_key(root, TENANT)).size == 121
