"""The list of canaries: what it takes, what it refuses, and what a change of it shows."""

from __future__ import annotations

import shutil
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import InvalidName, KeyMissing, LimitExceeded, MalformedFile, UnsafeFile
from sealproof.vault import canaries
from sealproof.vault.canaries import LISTED_MAX, Canary, Watched, enlist, listed, parse, strike

TOKEN = Canary("production", "BACKUP_TOKEN", 1_790_000_000)
OTHER = Canary("development", "BACKUP_TOKEN", 1_790_000_001)


def path_of(root):
    return root / "keys" / "audit" / "acme" / "canaries"


def test_what_was_enlisted_is_listed_in_order_and_can_be_struck(root):
    assert listed(str(root), "acme") == ()
    enlist(str(root), "acme", TOKEN)
    enlist(str(root), "acme", OTHER)
    assert listed(str(root), "acme") == (TOKEN, OTHER)
    strike(str(root), "acme", *TOKEN[:2])
    strike(str(root), "acme", "production", "NEVER_THERE")
    assert listed(str(root), "acme") == (OTHER,)


def test_the_list_is_private_and_lies_with_the_keys_alone(root):
    enlist(str(root), "acme", TOKEN)
    assert stat.S_IMODE(path_of(root).stat().st_mode) == 0o600
    outside = [path for path in root.rglob("*") if path.is_file() and "keys" not in path.relative_to(root).parts]
    assert not [path for path in outside if b"BACKUP_TOKEN" in path.read_bytes() or b"canar" in path.read_bytes()]


def test_a_canary_that_is_listed_keeps_its_time(root):
    enlist(str(root), "acme", TOKEN)
    enlist(str(root), "acme", TOKEN._replace(since=1_800_000_000))
    assert listed(str(root), "acme") == (TOKEN,)


@pytest.mark.parametrize("wrong", [("Production", "A"), ("production", "NO-NAME"), ("../x", "A"), ("production", "")])
def test_what_is_no_name_is_not_listed(root, wrong):
    with pytest.raises(InvalidName):
        enlist(str(root), "acme", Canary(*wrong, 1))
    assert not path_of(root).exists()


def test_a_store_without_keys_takes_none(root):
    shutil.rmtree(root / "keys")
    with pytest.raises(KeyMissing):
        enlist(str(root), "acme", TOKEN)
    assert listed(str(root), "acme") == ()


def test_a_list_that_others_may_read_is_refused(root):
    enlist(str(root), "acme", TOKEN)
    path_of(root).chmod(0o644)
    with pytest.raises(UnsafeFile):
        listed(str(root), "acme")


def test_a_full_list_takes_no_more_and_stays_as_it_is(root):
    enlist(str(root), "acme", TOKEN)
    text = "".join(f"1 development NAME_{number}\n" for number in range(LISTED_MAX))
    path_of(root).write_text(text)
    with pytest.raises(LimitExceeded):
        enlist(str(root), "acme", TOKEN)
    assert path_of(root).read_text() == text


def test_writers_at_the_same_time_lose_none(root):
    names = [f"CANARY_{number}" for number in range(20)]
    with ThreadPoolExecutor(4) as executor:
        list(executor.map(lambda name: enlist(str(root), "acme", Canary("production", name, 1)), names))
    assert sorted(one.name for one in listed(str(root), "acme")) == sorted(names)


@pytest.mark.parametrize(
    "line",
    [
        b"production BACKUP_TOKEN", b"x production BACKUP_TOKEN", b"-1 production A", b"1  production A",
        b"1 production A extra", b"1 Production A", b"1 production A-B", b"1 production A\r", b"", b" ",
        b"01 production A", b"1 production A\x0b", b"1 production \xff", "१ production A".encode(),
        b"1234567890123 production A",        b"1 production SAME",
    ],
)  # fmt: skip
def test_a_line_of_another_form_is_refused_by_its_number(line):
    with pytest.raises(MalformedFile, match="line 2"):
        parse(b"1 production SAME\n" + line + b"\n", path="canaries")


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_parse_or_be_refused(data):
    try:
        found = parse(data, path="canaries")
    except MalformedFile:
        return
    assert len({one[:2] for one in found}) == len(found)
    assert "".join(f"{one.since} {one.environment} {one.name}\n" for one in found).encode() == data


CANARIES = st.lists(
    st.builds(
        Canary,
        st.sampled_from(["development", "production", "e-1"]),
        st.from_regex(r"[A-Z_][A-Z0-9_]{0,20}", fullmatch=True),
        st.integers(0, 10**11),
    ),
    unique_by=lambda one: one[:2],
    max_size=20,
)


@given(CANARIES)
def test_what_is_written_reads_back(some):
    text = "".join(f"{one.since} {one.environment} {one.name}\n" for one in some).encode()
    assert parse(text, path="canaries") == tuple(some)


def test_a_watcher_sees_a_change_at_the_next_look(root):
    watched = Watched(str(root), "acme")
    assert not watched.has("production", "BACKUP_TOKEN")
    enlist(str(root), "acme", TOKEN)
    assert watched.has("production", "BACKUP_TOKEN")
    assert not watched.has("development", "BACKUP_TOKEN")
    strike(str(root), "acme", *TOKEN[:2])
    assert not watched.has("production", "BACKUP_TOKEN")


def test_a_watcher_reads_an_unchanged_list_once(root, monkeypatch):
    enlist(str(root), "acme", TOKEN)
    watched, reads = Watched(str(root), "acme"), []
    whole = canaries.listed
    monkeypatch.setattr(canaries, "listed", lambda *args: reads.append(args) or whole(*args))
    assert all(watched.has("production", "BACKUP_TOKEN") for _ in range(5))
    assert len(reads) == 1
    watched.drop()
    assert watched.has("production", "BACKUP_TOKEN")
    assert len(reads) == 2


def test_a_list_that_is_spoilt_is_an_error_and_not_an_empty_one(root):
    enlist(str(root), "acme", TOKEN)
    watched = Watched(str(root), "acme")
    assert watched.has("production", "BACKUP_TOKEN")
    path_of(root).write_bytes(b"spoilt\n")
    for _ in range(2):
        with pytest.raises(MalformedFile):
            watched.has("production", "BACKUP_TOKEN")
