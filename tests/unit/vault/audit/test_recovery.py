"""What a killed writer leaves is set aside and recorded; more than its last batch is no accident."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from audit_workshop import TENANT, a_record, lines_of, log_directory, records_of, segments

from sealproof.errors import AuditLogBroken, FileUnavailable
from sealproof.loader.files import open_root
from sealproof.vault.audit import tail, torn
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.lines import read_record
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.verify import verify


def torn_files(root: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in log_directory(root).glob("*.torn")}


def check(root: str, *, size: int, left: bytes) -> None:
    """The log goes on; `left` lies aside, and a record of the log's own says so."""
    with AuditLog(root, TENANT) as log:
        log.append([a_record(request="on")])
    verified = verify(root, TENANT, pinned_key(root, TENANT), every_signature=True)
    assert verified.size == size + 2
    assert list(torn_files(root).values()) == [left]
    own = next(read_record(line) for line in records_of(root) if b"audit.recovered" in line)
    assert own.numbers == {"bytes": len(left)}
    assert own.digests == {"torn": sha256(left).hexdigest()}


@pytest.mark.parametrize("left", [b'{"q":2,"at', b"\0" * 50, b"x\ny\nz\n", b'{"q":2}\n{"note":"half'])
@pytest.mark.parametrize("again", [True, False], ids=["reopened", "still open"])
def test_a_torn_tail_is_set_aside_and_recorded(root, log, left, again):
    log.append([a_record()] * 2)
    if again:
        log.close()
    with segments(root)[-1].open("ab") as file:
        file.write(left)
    if not again:
        log.append([a_record(request="on")])
        assert list(torn_files(root).values()) == [left]
        assert verify(root, TENANT, pinned_key(root, TENANT)).happenings == {"audit.recovered": 1}
    else:
        check(root, size=2, left=left)


def test_a_last_batch_with_a_lost_page_is_set_aside(root, log):
    log.append([a_record(request="kept")])
    log.append([a_record(request="damaged")] * 3)
    log.close()
    path = segments(root)[-1]
    data = path.read_bytes()
    at = data.index(b"damaged") - 100
    path.write_bytes(data[:at] + bytes(200) + data[at + 200 :])
    Path(root, "keys/audit", TENANT, "mark").unlink()  # what was never acknowledged was never marked
    lost = data.index(b'{"q":1,')
    check(root, size=1, left=path.read_bytes()[lost:])


def test_an_acknowledged_batch_that_is_damaged_is_no_accident(root, log):
    log.append([a_record()])
    log.append([a_record(request="damaged")])
    log.close()
    path = segments(root)[-1]
    path.write_bytes(path.read_bytes().replace(b"damaged", b"changed"))
    with AuditLog(root, TENANT) as again, pytest.raises(AuditLogBroken, match="has 1 records, and had 2"):
        again.append([a_record()])


@pytest.mark.parametrize("again", [True, False], ids=["reopened", "still open"])
def test_more_damage_than_one_batch_is_no_accident(root, log, again):
    log.append([a_record(request="first")])
    data = segments(root)[-1].read_bytes()
    log.append([a_record(request="second")])
    more = segments(root)[-1].read_bytes()[len(data) :]
    for _ in range(2):
        log.append([a_record(request="damaged")])
    log.close()
    path = segments(root)[-1]
    whole = path.read_bytes()
    Path(root, "keys/audit", TENANT, "mark").unlink()
    if again:
        path.write_bytes(whole.replace(b"second", b"sEcond"))
        with (
            AuditLog(root, TENANT) as writer,
            pytest.raises(AuditLogBroken, match="more is damaged than its last batch"),
        ):
            writer.append([a_record()])
    else:
        with AuditLog(root, TENANT) as writer:
            writer.append([a_record()])
            with segments(root)[-1].open("ab") as file:
                file.write(more.replace(b"second", b"forged") * 2)
            with pytest.raises(AuditLogBroken, match="more is damaged than its last batch"):
                writer.append([a_record()])


def test_a_batch_with_a_forged_signature_is_not_taken_up(root, log):
    log.append([a_record()])
    log.append([a_record(request="forged")])
    log.close()
    path = segments(root)[-1]
    data = bytearray(path.read_bytes())
    data[-25] = ord("A") if data[-25] != ord("A") else ord("B")
    path.write_bytes(bytes(data))
    Path(root, "keys/audit", TENANT, "mark").unlink()
    check(root, size=1, left=bytes(data)[bytes(data).index(b'{"q":1,') :])


def test_an_epoch_whose_opening_was_torn_is_opened_again(root, log):
    log.append([a_record()])
    log.seal()
    log.close()
    path = segments(root)[-1]
    data = path.read_bytes()
    at = data.rindex(b'{"epoch":')
    path.write_bytes(data[: at + 30])
    check(root, size=1, left=data[at : at + 30])


def test_a_log_of_which_nothing_is_signed_is_broken(root, log):
    log.append([a_record()])
    log.close()
    path = segments(root)[-1]
    first = path.read_bytes().split(b"\n", 1)[0]
    for data in (b"", first + b"\n", b"no opening\n"):
        path.write_bytes(data)
        with AuditLog(root, TENANT) as again, pytest.raises(AuditLogBroken):
            again.append([a_record()])


def test_an_epoch_longer_than_a_block_is_found_from_its_end(root, log, monkeypatch):
    monkeypatch.setattr(tail, "_BLOCK", 64)
    log.append([a_record()])
    log.seal()
    for _ in range(20):
        log.append([a_record()] * 3)
    log.close()
    with AuditLog(root, TENANT) as again:
        assert again.append([a_record()]).first == 61
    assert verify(root, TENANT, pinned_key(root, TENANT)).size == 62


def test_what_was_set_aside_and_vanished_is_said(tmp_path):
    with open_root(str(tmp_path)) as directory:
        with pytest.raises(FileUnavailable, match="vanished"):
            torn.describe(directory, "x.torn.new")
        with pytest.raises(FileUnavailable, match="no such file"):
            torn.recorded(directory, "x.torn.new")


def test_a_second_crash_before_the_name_was_final_records_nothing_twice(root, log):
    log.append([a_record()])
    with segments(root)[-1].open("ab") as file:
        file.write(b"torn")
    log.append([a_record()])
    log.close()
    path = next(log_directory(root).glob("*.torn"))
    path.rename(path.with_name(path.name + ".new"))
    before = len(lines_of(root))
    log_again = AuditLog(root, TENANT)
    with log_again, log_again.writing():
        pass
    assert len(torn_files(root)) == 1
    own = [line for line in lines_of(root)[before:] if b"audit.recovered" in line]
    assert len(own) <= 1
