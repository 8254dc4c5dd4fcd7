"""One signed line before each side effect, whoever is killed when."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import (
    FileUnavailable,
    InvalidRecord,
    JournalBroken,
    KeyMissing,
    OperationUnderWay,
    UnsafeFile,
)
from sealproof.signing import SigningKey
from sealproof.vault.journal import ABANDONED, BEGIN, DONE, NOTE, Journal, entry
from sealproof.vault.journal import file as files
from sealproof.vault.journal import lease as leases
from sealproof.vault.journal.journal import KEY_MADE, RECOVERED


def lines(file):
    return file.read_bytes().splitlines()


def test_the_docstrings_example_works(journal):
    with journal.lease("acme/production/DB_PASSWORD"):
        assert journal.unfinished("credential.rotate", "acme/production/DB_PASSWORD") == []
        operation = journal.begin("credential.rotate", "acme/production/DB_PASSWORD", version="v2")
        operation.ensure("created")
        operation.ensure("created")
        operation.step("promoting", share=25)
        operation.step("promoting", share=100)
        (found,) = journal.unfinished()
        assert (found.events, found.number("share")) == ((BEGIN, "created", "promoting", "promoting"), 100)
        assert (found.text("version"), found.number("version"), found.number("none"), found.text("none")) == (
            "v2",
            0,
            0,
            "",
        )
        operation.done()
    assert operation.is_over
    assert journal.unfinished() == []
    assert journal.verify() == 6
    assert [one.event for one in journal.entries()] == [NOTE, BEGIN, "created", "promoting", "promoting", DONE]


def test_the_first_line_says_which_key_signs(journal, root):
    journal.note("key.export", "acme/production")
    first, second = journal.entries()
    assert (first.kind, first.scope, first.seq, first.previous) == (KEY_MADE, "signing/journal", 1, "0" * 64)
    assert (second.kind, second.seq, second.previous) == ("key.export", 2, first.hash)
    assert {path.name for path in (root / "keys" / "signing").iterdir()} == {"journal.key", "journal.pub"}


def test_everything_it_writes_is_private(journal, root, file):
    with journal.lease("acme"):
        journal.note("key.export", "acme")
    for path in (file, *(root / "keys" / "leases").iterdir(), *(root / "keys" / "signing").iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600
    assert (root / "keys" / "leases").stat().st_mode & 0o777 == 0o700


def test_reading_makes_nothing(journal, root):
    assert journal.unfinished() == []
    assert list(journal.entries()) == []
    assert journal.verify() == 0
    assert list((root / "keys").iterdir()) == []


def test_without_keys_there_is_no_journal(tmp_path):
    with pytest.raises(KeyMissing, match="no keys/"):
        Journal(str(tmp_path)).begin("epoch.rotate", "acme/production")
    assert repr(Journal("x")) == "Journal('x')"


def test_one_operation_of_a_kind_and_scope_at_a_time(journal):
    first = journal.begin("epoch.rotate", "acme/production")
    journal.begin("epoch.rotate", "acme/staging")
    journal.begin("epoch.destroy", "acme/production")
    with pytest.raises(OperationUnderWay, match=r"not finished \(at begin\)") as refused:
        journal.begin("epoch.rotate", "acme/production")
    assert refused.value.names == (first.id,)
    first.abandon("not wanted")
    assert first.last == ABANDONED
    journal.begin("epoch.rotate", "acme/production")


def test_unfinished_ones_are_found_by_kind_and_scope(journal):
    for kind, scope in (("a", "x"), ("a", "y"), ("b", "x")):
        journal.begin(kind, scope)
    assert [(one.kind, one.scope) for one in journal.unfinished()] == [("a", "x"), ("a", "y"), ("b", "x")]
    assert [one.scope for one in journal.unfinished("a")] == ["x", "y"]
    assert [one.kind for one in journal.unfinished(scope="x")] == ["a", "b"]
    assert repr(journal.unfinished("b")[0]) == "Operation(b x at begin)"


def test_who_was_overtaken_writes_no_more(journal, root):
    journal.begin("epoch.rotate", "acme/production")
    (mine,) = journal.unfinished()
    (theirs,) = Journal(str(root)).unfinished()
    theirs.step("seal")
    with pytest.raises(OperationUnderWay, match="taken further by another process"):
        mine.step("seal")
    theirs.done()
    with pytest.raises(OperationUnderWay, match="taken further"):
        mine.done()


HOLDING = """
import sys
from sealproof.vault.journal import Journal
with Journal(sys.argv[1]).lease("acme"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lease_is_held_by_one_and_dies_with_its_holder(journal, root):
    with journal.lease("acme"):
        with pytest.raises(OperationUnderWay, match="working on acme right now"), Journal(str(root)).lease("acme"):
            pass
        with journal.lease("globex"):
            pass
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLDING,
            str(root),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(OperationUnderWay), journal.lease("acme"):
            pass
        holder.kill()
    with journal.lease("acme"):
        pass


@pytest.mark.parametrize("point", ["epoch.rotate:begin:before", "key.make:note:before", "key.make:note:written"])
def test_a_crash_before_the_line_leaves_no_operation(journal, dying, point):
    dying("journal.begin('epoch.rotate', 'acme/production')", point)
    assert journal.unfinished() == []
    journal.begin("epoch.rotate", "acme/production").done()
    journal.verify()


def test_a_crash_behind_the_line_leaves_the_operation(journal, dying):
    dying("journal.begin('epoch.rotate', 'acme/production')", "epoch.rotate:begin:written")
    (operation,) = journal.unfinished()
    dying("journal.unfinished()[0].step('seal', generation=7)", "epoch.rotate:seal:written")
    with pytest.raises(OperationUnderWay):
        operation.step("seal")
    (operation,) = journal.unfinished()
    assert (operation.last, operation.number("generation")) == ("seal", 7)
    operation.done()
    assert journal.verify() == 4


@pytest.mark.parametrize("kept", [1, 2, 100, -2, -1])
def test_a_torn_last_line_is_set_aside_and_noted(journal, file, kept):
    journal.begin("epoch.rotate", "acme/production")
    whole = file.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    torn = last[:kept] if kept != -1 else last[:-1]  # a whole line without its LF was acknowledged to nobody
    file.write_bytes(whole[: -len(last)] + torn)
    reader = Journal(journal.root)
    assert reader.unfinished() == []
    assert file.read_bytes().endswith(torn), "a reader changes nothing"
    operation = journal.begin("epoch.rotate", "acme/production")
    note = list(journal.entries())[1]
    assert (note.kind, note.facts["bytes"]) == (RECOVERED, len(torn))
    (aside,) = file.parent.glob("*.torn")
    assert aside.read_bytes() == torn
    operation.done()
    assert journal.verify() == 4


def test_lines_of_many_processes_and_threads_are_one_chain(journal, root):
    work = (
        "import sys; from sealproof.vault.journal import Journal\n"
        "journal = Journal(sys.argv[1])\n"
        "for number in range(10):\n"
        "    one = journal.begin('epoch.rotate', f'{sys.argv[2]}/e{number}'); one.step('seal'); one.done()\n"
    )
    started = [subprocess.Popen([sys.executable, "-c", work, str(root), f"p{number}"]) for number in range(3)]
    threads = [threading.Thread(target=lambda t=t: journal.note("key.export", f"t{t}")) for t in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.wait(60) for one in started] == [0, 0, 0]
    assert journal.verify() == 1 + 3 * 10 * 3 + 8
    assert journal.unfinished() == []


def test_a_slow_reader_holds_nobody_up(journal):
    journal.note("key.export", "acme")
    reading = journal.entries()
    next(reading)
    journal.note("key.export", "globex")
    assert [one.scope for one in reading] == ["acme"]


def small(root, **more):
    return Journal(str(root), roll_at=2000, **more)


def test_full_files_are_put_by_and_read_on(root, file):
    journal = small(root)
    waiting = journal.begin("epoch.rotate", "acme/production")
    for number in range(20):
        journal.note("key.export", f"t{number}")
    earlier = sorted(path.name for path in file.parent.glob("rotation_log.0*.json"))
    assert len(earlier) == 3
    assert earlier[0] == "rotation_log.000000000001.json"
    assert file.stat().st_size < 2600
    assert journal.verify() == 22
    assert [one.seq for one in small(root).entries()] == list(range(1, 23))
    (found,) = small(root).unfinished()
    assert found.id == waiting.id
    found.done()
    assert journal.unfinished() == []


def test_a_crash_between_two_files_loses_nothing(root, file):
    journal = small(root)
    while not file.exists() or file.stat().st_size < 2000:
        journal.note("key.export", "acme")
    count = journal.verify()
    file.rename(file.with_name("rotation_log.000000000001.json"))
    assert small(root).verify() == count
    small(root).note("key.export", "globex")
    assert small(root).verify() == count + 1


CHANGES = {
    "a fact changed": lambda data, _: data.replace(b'"version":"v1"', b'"version":"v2"'),
    "a line dropped": lambda _, kept: b"".join(kept[:1] + kept[2:]),
    "two lines swapped": lambda _, kept: b"".join([kept[0], kept[2], kept[1], *kept[3:]]),
    "a line twice": lambda _, kept: b"".join([*kept, kept[-1]]),
    "another spelling": lambda data, _: data.replace(b'"at":', b'"at": ', 1),
    "no JSON": lambda data, _: data + b"[[[\n",
    "no object": lambda data, _: data + b"[]\n",
    "a field more": lambda data, _: data + b'{"more":1}\n',
    "not UTF-8": lambda data, _: data + b"\xff\n",
    "an endless line": lambda data, _: data + b"x" * (entry.LINE_MAX + 2),
    "the first line dropped": lambda _, kept: b"".join(kept[1:]),
    "a blank line": lambda data, _: data + b"\n",
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_change_is_found(journal, file, how):
    for number in range(3):
        journal.note("key.export", "acme", version=f"v{number}")
    before = file.read_bytes()
    file.write_bytes(CHANGES[how](before, before.splitlines(keepends=True)))
    fresh = Journal(journal.root)
    for look in (
        fresh.verify,
        fresh.unfinished,
        lambda: list(fresh.entries()),
        lambda: fresh.note("key.export", "acme"),
    ):
        with pytest.raises(JournalBroken) as refused:
            look()
        assert refused.value.hint
    file.write_bytes(before)
    assert fresh.verify() == 4


def forged(journal, key, **changes):
    """Write a line that follows the last one, signed by `key`."""
    last = list(journal.entries())[-1]
    fields = {"seq": last.seq + 1, "at": 0, "operation": "0" * 32, "kind": "key.export", "scope": "x", "event": NOTE}
    return entry.make(key, facts={}, previous=last.hash, **fields | changes).line + b"\n"


def test_a_line_by_another_key_is_refused(journal, file):
    journal.note("key.export", "acme")
    file.write_bytes(file.read_bytes() + forged(journal, SigningKey(bytes(32))))
    with pytest.raises(JournalBroken, match="does not end in a line of this store's journal key"):
        Journal(journal.root).unfinished()


def test_a_forged_line_under_a_true_one_is_found_by_verify(journal, file, root):
    journal.note("key.export", "acme")
    file.write_bytes(file.read_bytes() + forged(journal, SigningKey(bytes(32))))
    true = SigningKey.from_pem((root / "keys/signing/journal.key").read_bytes(), name="")
    tail = entry.parse(file.read_bytes().splitlines()[-1], name="")
    fields = {"seq": tail.seq + 1, "at": 0, "operation": "0" * 32, "kind": "a", "scope": "", "event": NOTE, "facts": {}}
    file.write_bytes(file.read_bytes() + entry.make(true, previous=tail.hash, **fields).line + b"\n")
    fresh = Journal(journal.root)
    assert len(list(fresh.entries())) == 4
    with pytest.raises(JournalBroken, match="is not signed by this store's journal key"):
        fresh.verify()


def test_a_signature_of_another_line_is_refused(journal, file):
    journal.note("key.export", "acme")
    last = json.loads(lines(file)[-1])
    last["signature"] = json.loads(lines(file)[0])["signature"]
    text = json.dumps(last, sort_keys=True, separators=(",", ":")).encode()
    file.write_bytes(lines(file)[0] + b"\n" + text + b"\n")
    with pytest.raises(JournalBroken):
        Journal(journal.root).unfinished()


def test_without_its_key_nothing_is_written(journal, root):
    journal.note("key.export", "acme")
    (root / "keys/signing/journal.key").unlink()
    with pytest.raises(KeyMissing, match=r"no journal\.key"):
        journal.note("key.export", "acme")
    assert journal.verify() == 2


def test_without_public_keys_nothing_is_believed(journal, root):
    journal.note("key.export", "acme")
    for path in (root / "keys/signing").iterdir():
        path.unlink()
    (root / "keys/signing").rmdir()
    with pytest.raises(JournalBroken):
        Journal(journal.root).verify()


@pytest.mark.parametrize("kept", ["key and public half", "key", "public half"])
@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_a_journal_that_was_taken_away_is_not_begun_anew(journal, file, root, how, kept):
    journal.begin("credential.rotate", "acme/production/DB_PASSWORD").done()
    if how == "deleted":
        file.unlink()
    else:
        file.write_bytes(b"")
    if kept != "key and public half":
        (root / "keys/signing" / ("journal.pub" if kept == "key" else "journal.key")).unlink()
    fresh = Journal(journal.root)
    for look in (fresh.unfinished, fresh.verify, lambda: fresh.note("key.export", "acme"), journal.history):
        with pytest.raises(JournalBroken, match="signed lines before"):
            look()
    assert file.exists() == (how == "emptied"), "a refusal begins nothing"


def test_a_journal_that_was_moved_away_with_its_key_is_begun_anew(journal, file, root):
    journal.note("key.export", "acme")
    for path in (file, root / "keys/signing/journal.key", root / "keys/signing/journal.pub"):
        path.unlink()
    fresh = Journal(journal.root)
    fresh.note("key.export", "acme")
    assert fresh.verify() == 2


@pytest.mark.parametrize("named", ["nothing", "public half", "public half, first one gone"])
def test_a_key_whose_naming_was_broken_off_gets_its_name(journal, dying, root, named):
    dying("journal.note('key.export', 'acme')", "key.make:note:written")
    signing = root / "keys" / "signing"
    assert not (signing / "journal.key").exists()
    if named != "nothing":
        (signing / "journal.pub").write_bytes((signing / "journal-first.pub").read_bytes())
        (signing / "journal.pub").chmod(0o600)
    if named.endswith("gone"):
        (signing / "journal-first.pub").unlink()
    journal.note("key.export", "acme")
    assert journal.verify() == 2
    assert {path.name for path in signing.iterdir()} == {"journal.key", "journal.pub"}


@pytest.mark.parametrize("how", ["open to others", "a link", "a second name", "a directory"])
def test_an_unsafe_file_is_refused(journal, file, how):
    journal.note("key.export", "acme")
    if how == "open to others":
        file.chmod(0o640)
    elif how == "a link":
        file.rename(file.with_name("elsewhere"))
        file.symlink_to("elsewhere")
    elif how == "a second name":
        os.link(file, file.with_name("second"))
    else:
        file.unlink()
        file.mkdir()
    for look in (journal.unfinished, lambda: journal.note("key.export", "acme")):
        with pytest.raises((UnsafeFile, FileUnavailable)):
            look()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_a_refused_write_leaves_the_journal_as_it_was(journal, file, monkeypatch, call, number):
    operation = journal.begin("epoch.rotate", "acme/production")
    before = file.read_bytes()

    def refuse(fd, *rest):
        if call == "pwrite":
            real(fd, rest[0][:7], rest[1])  # a part of it reaches the disk
        raise OSError(number, os.strerror(number))

    real = getattr(os, call)
    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(FileUnavailable, match=os.strerror(number).lower()):
        operation.step("seal")
    monkeypatch.undo()
    assert file.read_bytes() == before
    operation.step("seal")
    assert Journal(journal.root).verify() == 3


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("kind", {"kind": "Epoch"}),
        ("event", {"event": ""}),
        ("scope", {"scope": "a b"}),
        ("facts", {"facts": {f"f{number}": 1 for number in range(33)}}),
        ("a fact's name", {"facts": {"Name": 1}}),
        ("version", {"facts": {"version": "x" * 1025}}),
        ("version", {"facts": {"version": "a\nb"}}),
        ("version", {"facts": {"version": 1.5}}),
        ("version", {"facts": {"version": -1}}),
        ("version", {"facts": {"version": [1] * 257}}),
        ("version", {"facts": {"version": [None]}}),
        ("seq", {"seq": True}),
        ("at", {"at": 2**53}),
        ("op", {"operation": "x"}),
        ("prev", {"previous": ""}),
        ("over 16384 bytes", {"facts": {f"f{number}": "x" * 1024 for number in range(17)}}),
    ],
)
def test_a_line_outside_its_grammar_is_not_written(what, fields):
    good = {"seq": 1, "at": 0, "operation": "0" * 32, "kind": "a", "scope": "", "event": "b", "facts": {}}
    good["previous"] = "0" * 64
    with pytest.raises(InvalidRecord, match=what):
        entry.make(SigningKey(bytes(32)), **good | fields)


facts = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True),
    st.booleans()
    | st.integers(0, 2**53 - 1)
    | st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=40)
    | st.lists(st.integers(0, 2**53 - 1), max_size=4),
    max_size=6,
)


@given(facts, st.data())
def test_a_line_reads_back_and_no_other_spelling_does(found, data):
    key = SigningKey(bytes(32))
    made = entry.make(
        key, seq=1, at=2, operation="0" * 32, kind="a.b", scope="x/y", event="c", facts=found, previous="1" * 64
    )
    read = entry.parse(made.line, name="it")
    assert read == made
    assert (read.facts, read.by) == (found, key.public)
    assert read.is_signed()
    position = data.draw(st.integers(0, len(made.line) - 1))
    other = data.draw(st.binary(min_size=0, max_size=3).filter(lambda new: new != made.line[position : position + 1]))
    mutated = made.line[:position] + other + made.line[position + 1 :]
    try:
        assert not entry.parse(mutated, name="it").is_signed()
    except JournalBroken:
        return


@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(data):
    with pytest.raises(JournalBroken):
        entry.parse(data, name="it")


def test_a_file_put_by_while_one_waits_for_it_is_not_written(root, file):
    journal = small(root)
    journal.note("key.export", "acme")
    real, met = files._is_in_place, []

    def moved(directory, fd):
        if not met:
            met.append(fd)
            file.rename(file.with_name("rotation_log.000000000001.json"))
        return real(directory, fd)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_is_in_place", moved)
        journal.note("key.export", "globex")
    assert small(root).verify() == 3
    assert len(file.read_bytes().splitlines()) == 1


def test_a_lock_that_the_system_refuses_is_said(journal, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(leases, "flock", refuse)
    with pytest.raises(FileUnavailable, match="no locks"), journal.lease("acme"):
        pass


def test_an_earlier_file_that_vanishes_is_said(root, monkeypatch):
    small(root).note("key.export", "acme")
    monkeypatch.setattr(files, "earlier_files", lambda _: ["rotation_log.000000000001.json"])
    with pytest.raises(FileUnavailable, match="vanished"):
        small(root).unfinished()
