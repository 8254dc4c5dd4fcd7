"""Pseudonyms: who is who for the holder of the keys, nobody for all others, and for nobody after an erasure."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from audit_workshop import TENANT, a_record, records_of

from sealproof.errors import KeyMissing, MalformedFile
from sealproof.loader.files import Directory, open_root
from sealproof.vault.audit import names, subjects
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.lines import read_record
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.recent import who_is_who
from sealproof.vault.audit.shred import shred
from sealproof.vault.audit.verify import verify


def actors(root: str) -> list[str]:
    return [read_record(line).actor for line in records_of(root) if b'"a":"log"' not in line]


def keys(root: str) -> Path:
    return Path(root, "keys/audit", TENANT)


def test_who_holds_the_keys_can_tell_who_and_what(root, log):
    log.append([a_record("user:alice", name="DB_PASSWORD"), a_record("user:bob", name="API_TOKEN")])
    known = who_is_who(root, TENANT, ["DB_PASSWORD", "OTHER"])
    alice, bob = actors(root)
    assert known[alice] == "user:alice"
    assert known[bob] == "user:bob"
    entries = [read_record(line) for line in records_of(root)]
    assert known[entries[0].secret] == "DB_PASSWORD"
    assert entries[1].secret not in known


def test_who_has_no_keys_can_tell_nothing(root, log):
    log.append([a_record()])
    log.close()
    shutil.rmtree(f"{root}/keys")
    assert who_is_who(root, TENANT, ["DB_PASSWORD"]) == {}


def test_an_erased_person_is_nobody_and_the_chain_is_as_it_was(root, log):
    log.append([a_record("user:alice"), a_record("user:bob")])
    alice = actors(root)[0]
    assert log.erase("user:alice")
    assert alice not in who_is_who(root, TENANT, [])
    assert "user:bob" in who_is_who(root, TENANT, []).values()
    verified = verify(root, TENANT, pinned_key(root, TENANT), every_signature=True)
    assert verified.happenings == {"audit.erased": 1}
    own = read_record(records_of(root)[-1])
    assert own.digests == {"actor": sha256(alice.encode()).hexdigest()}
    assert not log.erase("user:alice")
    assert not log.erase("user:nobody")


def test_an_erased_person_who_comes_back_is_somebody_else(root, log):
    log.append([a_record("user:alice")])
    log.erase("user:alice")
    log.append([a_record("user:alice")])
    first, second = actors(root)
    assert first != second
    assert who_is_who(root, TENANT, [])[second] == "user:alice"


def test_no_copy_of_the_key_is_left_in_the_directory(root, log):
    log.append([a_record("user:alice")])
    assert len(os.listdir(keys(root) / "subjects")) == 1
    log.erase("user:alice")
    assert os.listdir(keys(root) / "subjects") == []


def test_what_another_process_erases_is_erased_here(root, log):
    log.append([a_record("user:alice")])
    with AuditLog(root, TENANT) as other:
        assert other.erase("user:alice")
    log.append([a_record("user:alice")])
    first, second = actors(root)
    assert first != second


def test_the_log_of_an_erased_tenant_is_written_no_more(root, log):
    log.append([a_record()])
    shutil.rmtree(keys(root) / "subjects")
    with pytest.raises(KeyMissing, match="this log's keys are destroyed"):
        log.append([a_record()])


def test_a_subject_may_be_any_printable_text(root, log):
    people = ["user:álice", "spiffe://acme/app", "x" * 1024, "a b"]
    log.append([a_record(person) for person in people])
    assert set(people) <= set(who_is_who(root, TENANT, []).values())


def test_a_key_that_is_destroyed_while_they_are_read_is_nobodys(root, log, monkeypatch):
    log.append([a_record("user:alice")])
    (keys(root) / "subjects" / "other.txt").touch()
    monkeypatch.setattr(Directory, "read", lambda *_, **__: None)
    with open_root(str(keys(root) / "subjects")) as directory:
        assert subjects.resolve(directory) == {}


def test_what_is_not_there_is_not_shredded(tmp_path):
    with open_root(str(tmp_path)) as directory:
        assert shred(directory, "none") is False


@pytest.mark.parametrize("text", [b"", b"zz" * 32 + b"\nuser:x\n", b"00" * 31 + b"\n", b"00" * 32 + b"\n\xff\n"])
def test_a_key_file_that_is_none_is_refused(root, log, text):
    log.append([a_record("user:alice")])
    log.close()
    path = next((keys(root) / "subjects").iterdir())
    path.write_bytes(text)
    with pytest.raises(MalformedFile, match=r"is no key of 32 bytes|names no subject"):
        who_is_who(root, TENANT, [])


def test_a_name_key_that_is_none_is_refused(root, log):
    log.append([a_record()])
    log.close()
    (keys(root) / "log.key").write_bytes(b"00\n")
    with pytest.raises(MalformedFile, match=r"log\.key is no key of 32 bytes in hex"):
        log.append([a_record()])


def test_keys_do_not_print(root, log):
    log.append([a_record()])
    with log.writing() as (session, _):
        shown = f"{session.digests!r} {session.subjects!r} {session.pen._keys!r}"
    secret = (keys(root) / "log.key").read_text().strip()
    assert secret not in shown
    assert "NameDigests(…)" in shown


def test_what_is_kept_at_hand_is_bounded(root, log, monkeypatch):
    monkeypatch.setattr(subjects, "_KNOWN_MAX", 2)
    monkeypatch.setattr(names, "_KNOWN_MAX", 2)
    log.append([a_record(f"user:{number}", name=f"NAME_{number}") for number in range(5)])
    log.append([a_record(f"user:{number}", name=f"NAME_{number}") for number in range(5)])
    assert len(set(actors(root))) == 5
    with log.writing() as (session, _):
        assert len(session.subjects._known) <= 2
        assert len(session.digests._known) <= 2
