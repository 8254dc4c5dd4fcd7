"""Verification: any change, deletion, insertion, reordering is seen; a cut tail with an anchor, and said otherwise."""

from __future__ import annotations

import json
import os
import random
import shutil
import tracemalloc
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from audit_workshop import TENANT, Clock, a_record, lines_of, log_directory, make_store, patient, records_of, segments
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.errors import AuditLogBroken, UnknownTenant, UnsafeFile
from sealproof.signing import SigningKey
from sealproof.vault.audit import trail
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.lines import body, checkpoint_line, opening_line
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.notes import read_note, signature_field, signed_note
from sealproof.vault.audit.pen import Limits
from sealproof.vault.audit.verify import verify, verify_lines

HOUR = 3600


def fill(root: str, clock: Clock, *, hours: int = 3, batches: int = 2, tenant: str = TENANT) -> bytes:
    """Write epochs of an hour each over a midnight, and return the pinned key."""
    with AuditLog(root, tenant, clock=clock) as log:
        clock.now = clock.now // 86_400 * 86_400 + 22.5 * HOUR
        for hour in range(hours):
            for batch in range(batches):
                log.append([a_record(request=f"h{hour}b{batch}r{number}", count=number) for number in range(3)])
            clock.advance(HOUR + 1)
    return pinned_key(root, tenant)


def anchor_of(root: str, clock: Clock):
    with AuditLog(root, TENANT, clock=clock) as log:
        return read_note(log.checkpoint(), name="anchor")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A log of four epochs and two segments, its lines, and its key: to be copied and tampered with."""
    root = make_store(tmp_path_factory.mktemp("written"))
    pinned = fill(root, Clock(), hours=4)
    return root, pinned


@pytest.fixture
def copied(written, tmp_path):
    root, pinned = written
    copy = str(tmp_path / "copy")
    shutil.copytree(root, copy, copy_function=shutil.copy2)
    return copy, pinned


def rewrite(root: str, change) -> None:
    """Let `change` have every segment's lines, by name, and write back what it leaves."""
    found = {path.name: path.read_bytes().splitlines() for path in segments(root)}
    change(found)
    for name, lines in found.items():
        (log_directory(root) / name).write_bytes(b"".join(line + b"\n" for line in lines))


def test_a_log_as_it_was_written(written):
    root, pinned = written
    verified = verify(root, TENANT, pinned)
    assert (verified.tenant, verified.first, verified.size, verified.epochs) == (TENANT, 0, 24, 4)
    assert verified.signatures == 4
    assert verified.unfinished == 0
    assert len(segments(root)) == 2
    assert verified.anchored is None
    assert not verified.complete
    assert verified.claim() == "internally consistent; without an anchor a cut tail cannot be seen"


def test_every_signature_on_request(written):
    root, pinned = written
    verified = verify(root, TENANT, pinned, every_signature=True)
    assert verified.signatures == verified.checkpoints > 4


def test_progress_is_reported_to_the_end(written):
    root, pinned = written
    seen = []
    verify(root, TENANT, pinned, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == sum(path.stat().st_size for path in segments(root))


def test_a_log_that_is_not_there(root):
    with pytest.raises(UnknownTenant):
        verify(root, TENANT, bytes(32))


def test_another_key_than_the_pinned_one(written):
    root, _ = written
    with pytest.raises(AuditLogBroken):
        verify(root, TENANT, b"k" * 32)


def test_another_tenants_log_in_its_place(copied):
    root, pinned = copied
    os.rename(log_directory(root), log_directory(root, "other"))
    with pytest.raises(AuditLogBroken):
        verify(root, "other", pinned)


# Tampering with lines


@given(data=st.data())
@settings(patient, max_examples=60)
def test_any_changed_byte_is_seen(written, data):
    root, pinned = written
    lines = lines_of(root)
    at = data.draw(st.integers(0, len(lines) - 1))
    line = bytearray(lines[at])
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(AuditLogBroken):
        verify_lines([*lines[:at], bytes(line), *lines[at + 1 :]], TENANT, pinned)


def test_any_deleted_line_is_seen(written):
    root, pinned = written
    lines = lines_of(root)
    for at in range(len(lines) - 1):
        with pytest.raises(AuditLogBroken):
            verify_lines([*lines[:at], *lines[at + 1 :]], TENANT, pinned)


def test_any_doubled_line_is_seen(written):
    root, pinned = written
    lines = lines_of(root)
    for at in range(len(lines) - 1):
        with pytest.raises(AuditLogBroken):
            verify_lines([*lines[: at + 1], lines[at], *lines[at + 1 :]], TENANT, pinned)


def test_any_two_neighbours_swapped_are_seen(written):
    root, pinned = written
    lines = lines_of(root)
    for at in range(len(lines) - 1):
        swapped = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
        with pytest.raises(AuditLogBroken):
            verify_lines(swapped, TENANT, pinned)


def test_any_reordering_is_seen(written):
    root, pinned = written
    lines = lines_of(root)
    chance = random.Random(7)
    for _ in range(30):
        shuffled = chance.sample(lines, len(lines))
        with pytest.raises(AuditLogBroken):
            verify_lines(shuffled, TENANT, pinned)


def test_a_line_of_no_kind_is_seen(written):
    root, pinned = written
    lines = lines_of(root)
    for stranger in (b"", b"{}", b"\0" * 40, b'{"note":"x"}'):
        with pytest.raises(AuditLogBroken):
            verify_lines([*lines[:5], stranger, *lines[5:]], TENANT, pinned)


def test_lines_that_do_not_end_in_a_checkpoint_are_not_whole(written):
    root, pinned = written
    lines = lines_of(root)
    assert verify_lines(lines, TENANT, pinned).size == 24
    for some in (lines[:-1], []):
        with pytest.raises(AuditLogBroken, match="does not end in a checkpoint"):
            verify_lines(some, TENANT, pinned)


# Tampering with files


def test_a_missing_segment_is_seen(copied):
    root, pinned = copied
    segments(root)[0].unlink()
    with pytest.raises(AuditLogBroken, match="does not go on"):
        verify(root, TENANT, pinned)


def test_a_log_without_a_segment_is_seen(copied):
    root, pinned = copied
    for path in segments(root):
        path.unlink()
    with pytest.raises(AuditLogBroken, match="no checkpoint"):
        verify(root, TENANT, pinned)


def test_a_renamed_segment_is_seen(copied):
    root, pinned = copied
    last = segments(root)[-1]
    last.rename(last.with_name("0000000000000099.jsonl"))
    with pytest.raises(AuditLogBroken, match="does not go on"):
        verify(root, TENANT, pinned)


def test_a_segment_split_in_two_is_seen(copied):
    root, pinned = copied

    def split(found):
        name = max(found)
        lines = found[name]
        found[name] = lines[:10]
        found["0000000000000018.jsonl"] = lines[10:]

    rewrite(root, split)
    with pytest.raises(AuditLogBroken):
        verify(root, TENANT, pinned)


def test_bytes_behind_an_older_segment_are_seen(copied):
    root, pinned = copied
    rewrite(root, lambda found: found[min(found)].append(b"more"))
    with pytest.raises(AuditLogBroken, match="does not go on"):
        verify(root, TENANT, pinned)


def test_a_line_without_end_is_seen(copied):
    root, pinned = copied
    with segments(root)[-1].open("ab") as file:
        file.write(b"x" * 20_000)
    with pytest.raises(AuditLogBroken, match="more than 16384 bytes"):
        verify(root, TENANT, pinned)


def test_lines_without_a_checkpoint_do_not_fill_the_memory(copied):
    root, pinned = copied
    with segments(root)[-1].open("ab") as file:
        file.write(b"{}\n" * 1100)
    with pytest.raises(AuditLogBroken, match="without a checkpoint"):
        verify(root, TENANT, pinned)


def test_a_segment_that_others_may_write_is_refused(copied):
    root, pinned = copied
    segments(root)[0].chmod(0o666)
    with pytest.raises(UnsafeFile):
        verify(root, TENANT, pinned)


def test_a_segment_that_is_a_link_is_refused(copied):
    root, pinned = copied
    first = segments(root)[0]
    first.rename(first.with_suffix(".moved"))
    first.symlink_to(first.with_suffix(".moved"))
    with pytest.raises(UnsafeFile, match="symbolic link"):
        verify(root, TENANT, pinned)


# What is behind the last checkpoint


@pytest.mark.parametrize("left", [b'{"q":24,"at":1', b"\0" * 100, b"no line\nat all\n"])
def test_what_a_killed_writer_left_is_no_part_of_the_log(copied, left):
    root, pinned = copied
    with segments(root)[-1].open("ab") as file:
        file.write(left)
    verified = verify(root, TENANT, pinned)
    assert (verified.size, verified.unfinished) == (24, len(left))


def test_a_last_batch_without_its_checkpoint_is_a_cut_tail(copied):
    root, pinned = copied
    rewrite(root, lambda found: found[max(found)].pop())
    with pytest.raises(AuditLogBroken, match="has 21 records, and had 24"):
        verify(root, TENANT, pinned)


# A cut tail, and anchors


def cut_last_batch(root: str) -> None:
    rewrite(root, lambda found: found.update({max(found): found[max(found)][:-4]}))


def forget_the_mark(root: str) -> None:
    (Path(root) / "keys" / "audit" / TENANT / "mark").unlink()


def test_a_cut_tail_is_seen_where_the_store_remembers(copied):
    root, pinned = copied
    cut_last_batch(root)
    with pytest.raises(AuditLogBroken, match="has 21 records, and had 24"):
        verify(root, TENANT, pinned)


def test_a_cut_tail_is_not_seen_without_an_anchor_and_that_is_said(copied):
    root, pinned = copied
    cut_last_batch(root)
    forget_the_mark(root)
    verified = verify(root, TENANT, pinned)
    assert verified.size == 21
    assert "a cut tail cannot be seen" in verified.claim()


def test_a_cut_tail_is_seen_with_an_anchor(copied, clock):
    root, pinned = copied
    lines = lines_of(root)
    anchor = read_note(json_note(lines[-1]), name="anchor")
    cut_last_batch(root)
    forget_the_mark(root)
    with pytest.raises(AuditLogBroken, match="an anchor says 24 records, and the log has 21: its tail was cut"):
        verify(root, TENANT, pinned, anchors=[anchor])


def json_note(line: bytes) -> bytes:
    return json.loads(line)["note"].encode()


def checkpoints(root: str):
    return [read_note(json_note(line), name="x") for line in lines_of(root) if line.startswith(b'{"note"')]


def test_every_checkpoint_of_the_log_may_be_an_anchor(written):
    root, pinned = written
    for anchor in checkpoints(root):
        verified = verify(root, TENANT, pinned, anchors=[anchor])
        assert verified.anchored == anchor.size
        assert verified.complete == (anchor.size == 24)
        assert verified.claim().startswith(f"complete up to the anchor at {anchor.size} records")
    assert verify(root, TENANT, pinned, anchors=checkpoints(root)).anchored == 24


def test_a_log_written_anew_is_seen_with_an_anchor(tmp_path, clock):
    (tmp_path / "one").mkdir()
    root = make_store(tmp_path / "one")
    with AuditLog(root, TENANT, clock=clock) as log:
        log.append([a_record(request="first")])
        shutil.copytree(root, tmp_path / "before")
        log.append([a_record(request="true")])
        anchor = read_note(log.checkpoint(), name="anchor")
    before = str(tmp_path / "before")
    with AuditLog(before, TENANT, clock=clock) as log:
        for number in range(3):
            log.append([a_record(request=f"forged{number}")])
    with pytest.raises(AuditLogBroken, match="an anchor at 2 records is no checkpoint of it: it was written anew"):
        verify(before, TENANT, pinned_key(before, TENANT), anchors=[anchor])


def test_an_anchor_of_another_log_is_refused(written):
    root, pinned = written
    anchor = checkpoints(root)[0]._replace(origin="sealproof-audit/other/0000000000000000")
    with pytest.raises(AuditLogBroken, match="an anchor is of another log"):
        verify(root, TENANT, pinned, anchors=[anchor])


# Forward integrity


def test_a_key_of_a_later_epoch_seals_nothing_earlier(tmp_path, clock):
    """The fault of journald's sealing (CVE-2023-31439): entries of yesterday, sealed with today's key."""
    root = make_store(tmp_path)
    with AuditLog(root, TENANT, clock=clock) as log:
        log.append([a_record(request="yesterday")])
        log.seal()
        key = Path(root, "keys/audit", TENANT, "epoch-0000000002.key").read_bytes()
        log.append([a_record(request="today")])
    stolen = SigningKey.from_pem(key, name="stolen")
    lines = lines_of(root)
    forged = lines.copy()
    at = next(number for number, line in enumerate(lines) if b"yesterday" in line)
    checkpoint = checkpoints(root)[1]
    note = signed_note(
        checkpoint.text(), checkpoint.origin, signature_field(checkpoint.origin, stolen, checkpoint.text())
    )
    forged[at + 1] = checkpoint_line(note)
    with pytest.raises(AuditLogBroken, match="is not signed with the key of epoch 1"):
        verify_lines(forged, TENANT, pinned_key(root, TENANT))


def test_a_forged_signature_in_an_earlier_batch_is_covered_by_the_chain(written):
    root, pinned = written
    lines = lines_of(root)
    at = next(number for number, line in enumerate(lines) if line.startswith(b'{"note"'))
    line = bytearray(lines[at])
    line[-20] = ord("A") if line[-20] != ord("A") else ord("B")
    with pytest.raises(AuditLogBroken, match="does not link"):
        verify_lines([*lines[:at], bytes(line), *lines[at + 1 :]], TENANT, pinned)


def test_a_forged_last_signature_is_seen(written):
    root, pinned = written
    lines = lines_of(root)
    line = bytearray(lines[-1])
    line[-20] = ord("A") if line[-20] != ord("A") else ord("B")
    with pytest.raises(AuditLogBroken, match="signature at 24 records is not by the key of epoch 4"):
        verify_lines([*lines[:-1], bytes(line)], TENANT, pinned)


def test_a_whole_epoch_left_out_is_seen(written):
    root, pinned = written
    lines = lines_of(root)
    begins = [number for number, line in enumerate(lines) if line.startswith(b'{"epoch"')]
    for first, last in pairwise(begins):
        with pytest.raises(AuditLogBroken):
            verify_lines(lines[:first] + lines[last:], TENANT, pinned)


def test_a_record_behind_a_final_seal_is_seen(written):
    root, pinned = written
    lines = lines_of(root)
    seal = next(number for number, line in enumerate(lines) if b"\\nnext " in line)
    with pytest.raises(AuditLogBroken, match="outside any epoch"):
        verify_lines([*lines[: seal + 1], records_of(root)[0], *lines[seal + 1 :]], TENANT, pinned)
    with pytest.raises(AuditLogBroken, match="outside any epoch"):
        verify_lines([*lines[: seal + 1], lines[seal], *lines[seal + 1 :]], TENANT, pinned)


@pytest.mark.parametrize(
    ("rule", "count", "seconds", "seen"),
    [("EPOCH_MS", 1, 2 * HOUR, "has a time outside epoch 1"), ("EPOCH_RECORDS", 1000, 0, "does not belong to epoch 1")],
)
def test_an_epoch_longer_than_the_rules_allow_is_seen(root, clock, monkeypatch, rule, count, seconds, seen):
    with monkeypatch.context() as writer:
        writer.setattr(trail, rule, 10**12)
        with AuditLog(root, TENANT, clock=clock, limits=Limits(10**12, 10**6)) as log:
            for _ in range(5):
                log.append([a_record()] * count)
            clock.advance(seconds)
            log.append([a_record()])
        assert verify(root, TENANT, pinned_key(root, TENANT)).epochs == 1
    with pytest.raises(AuditLogBroken, match=seen):
        verify(root, TENANT, pinned_key(root, TENANT))


def forged(root: str, clock: Clock, body_of) -> list[bytes]:
    """Return the lines of a log into which its writer, who has the key, wrote whatever `body_of` makes."""
    with AuditLog(root, TENANT, clock=clock) as log:
        log.append([a_record()])
        with log.writing() as (session, now):
            session.pen.write([body_of(session)], now)
    return lines_of(root)


@pytest.mark.parametrize(
    ("actor", "operation", "scope", "seen"),
    [
        ("log", "read", TENANT, "says of the log itself what it never says"),
        ("ab" * 16, "read", "other/production", "is another tenant's"),
    ],
)
def test_what_even_the_keys_holder_may_not_write_is_seen(root, clock, monkeypatch, actor, operation, scope, seen):
    with monkeypatch.context() as writer:
        writer.setattr(trail.Trail, "record", lenient(trail.Trail.record))
        known = "log" if actor == "log" else "uid"
        lines = forged(root, clock, lambda _: body(actor, known, operation, scope, "", 0, "allow", "", {}))
    with pytest.raises(AuditLogBroken, match=seen):
        verify_lines(lines, TENANT, pinned_key(root, TENANT))


def lenient(record):
    """Let a writer believe that every record is its own tenant's."""

    def take(self, line: bytes) -> None:
        tenant = self.tenant
        self.tenant = "other" if b'"s":"other/' in line else tenant
        try:
            record(self, line)
        finally:
            self.tenant = tenant

    return take


def signed_on(log: trail.Trail, key: SigningKey, lines: list[bytes]) -> list[bytes]:
    """Let `log` take `lines` unseen, and return them with a checkpoint of what it came to then, signed with `key`."""
    for line in lines:
        log.feed(line)
    text = log.state().text()
    note = signed_note(text, log.origin, signature_field(log.origin, key, text))
    return [*lines, checkpoint_line(note)]


def test_an_epoch_with_a_key_that_nobody_promised_is_seen(written):
    """Whoever holds no key cuts the log behind a final seal and goes on with a key of their own."""
    root, pinned = written
    lines = lines_of(root)
    seal = next(number for number, line in enumerate(lines) if b"\\nnext " in line)
    followed = trail.Trail(TENANT, pinned)
    for line in lines[: seal + 1]:
        followed.feed(line)
    thief = SigningKey(b"t" * 32)
    promise = followed.promise
    assert promise is not None
    for changed in (promise._replace(key=thief.public), promise._replace(key=thief.public, start=promise.start + 1)):
        forger = followed.copy()
        forger.promise = changed
        opening = opening_line(forger.due(changed.start))
        with pytest.raises(AuditLogBroken, match="is not the opening of the epoch that is due"):
            verify_lines([*lines[: seal + 1], *signed_on(forger, thief, [opening])], TENANT, pinned)


def test_a_gap_in_the_sequence_is_seen_even_if_it_is_signed(root, clock):
    with AuditLog(root, TENANT, clock=clock) as log:
        log.append([a_record()])
        with log.writing() as (session, _):
            key = session.pen._tip.key()
    lines, pinned = lines_of(root), pinned_key(root, TENANT)
    followed = trail.Trail(TENANT, pinned)
    for line in lines:
        followed.feed(line)
    front = f'{{"q":2,"at":{followed.at},"ep":1,"p":"{followed.head.decode()}",'
    record = front.encode() + lines[2].split(b",", 4)[4]
    followed.head = sha256(record).hexdigest().encode()
    followed.range.append(record)
    with pytest.raises(AuditLogBroken, match="has sequence number 2"):
        verify_lines([*lines, record, *signed_on(followed, key, [])], TENANT, pinned)


def test_a_next_epoch_that_begins_before_the_last_record_is_seen(root, clock, monkeypatch):
    with AuditLog(root, TENANT, clock=clock) as log:
        log.append([a_record()])
        with monkeypatch.context() as writer:
            writer.setattr("sealproof.vault.audit.pen.max", min, raising=False)
            clock.advance(-5)
            with pytest.raises(AuditLogBroken, match="opens the next epoch before this one's last record"):
                log.seal()


def test_memory_does_not_grow_with_the_log(root, clock):
    peaks = []
    with AuditLog(root, TENANT, clock=clock) as log:
        for batches in (10, 20):
            for _ in range(batches):
                log.append([a_record()] * 1000)
            tracemalloc.start()
            verify(root, TENANT, pinned_key(root, TENANT))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]  # of three times the records


# While others write and prune


def test_a_log_is_verified_while_it_is_written(root):
    with AuditLog(root, TENANT) as log:
        log.append([a_record()])
    pinned = pinned_key(root, TENANT)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with AuditLog(root, TENANT) as log:
                for _ in range(200):
                    log.append([a_record()] * 8)
            code = 0
        finally:
            os._exit(code)
    sizes, ended = [], (0, 0)
    while ended == (0, 0):
        ended = os.waitpid(pid, os.WNOHANG)
        verified = verify(root, TENANT, pinned)
        assert verified.unfinished == 0
        sizes.append(verified.size)
    assert os.waitstatus_to_exitcode(ended[1]) == 0
    assert sizes == sorted(sizes)
    assert sizes[-1] == 1601
