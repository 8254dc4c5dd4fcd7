"""Every change of a sealed file: read, open, edit, verified, put back only if nobody else was faster."""

from __future__ import annotations

import os
import pickle
import shutil

import pytest

from sealproof.envelope.cipher import reader_public
from sealproof.envelope.keyfile import KeyLine
from sealproof.errors import (
    CallerError,
    CannotOpen,
    Changed,
    DangerousName,
    FileUnavailable,
    InvalidName,
    InvalidValue,
    KeyMissing,
    LimitExceeded,
    MalformedFile,
    MergeConflict,
    StaleFile,
    UnknownSecret,
    UnknownTenant,
    UnsafeFile,
)
from sealproof.loader.keys import forget_keys
from sealproof.vault.custodian import DAY, Custodian

from .conftest import START, VALUES

SCOPE = ("acme", "development")


def sealed(root, environment="development"):
    name = ".env.enc" if environment == "development" else f".env.{environment}.enc"
    return root / "tenants" / "acme" / name


def values(custodian, scope=SCOPE):
    return custodian.open(*scope).values()


def versions(custodian):
    return {entry.name: (entry.version, entry.updated) for entry in custodian.envelope(*SCOPE).entries}


def tree(root):
    return {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_tenant_and_its_keys_are_made_on_first_use(root, clock):
    custodian = Custodian(str(root), clock=clock)
    change = custodian.seal(*SCOPE, VALUES)
    assert (change.added, change.changed, change.removed, change.generation) == (sorted(VALUES), [], [], 1)
    assert change.is_saved
    assert values(custodian) == VALUES
    assert (root / "keys/tenant_keys/acme.key").stat().st_mode & 0o777 == 0o600
    assert sealed(root).stat().st_mode & 0o777 == 0o644
    assert custodian.envelope(*SCOPE).saved == START


def test_an_equal_value_keeps_version_age_and_the_file(keeper, root, clock):
    before = sealed(root).read_bytes()
    clock.now += 100
    change = keeper.seal(*SCOPE, VALUES)
    assert not change.is_saved
    assert change.unchanged == sorted(VALUES)
    assert sealed(root).read_bytes() == before


def test_a_new_value_raises_version_and_age_of_its_own_line_alone(keeper, root, clock):
    before = sealed(root).read_bytes().splitlines()
    clock.now += 100
    change = keeper.seal(*SCOPE, {"DB_PASSWORD": b"another"})
    assert (change.changed, change.unchanged, change.generation) == (["DB_PASSWORD"], ["LOG_LEVEL"], 2)
    assert versions(keeper) == {"DB_PASSWORD": ("2", str(START + 100)), "LOG_LEVEL": ("1", str(START))}
    after = sealed(root).read_bytes().splitlines()
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, True, False, True, False]


def test_others_stay_unless_they_are_to_go(keeper):
    assert keeper.seal(*SCOPE, {"NEW": b"1"}).removed == []
    change = keeper.seal(*SCOPE, {"NEW": b"1"}, remove_others=True)
    assert change.removed == sorted(VALUES)
    assert values(keeper) == {"NEW": b"1"}


def test_values_of_a_rotation_under_way_are_nobodys_others(keeper):
    keeper.edit(keeper.open(*SCOPE), changes={"DB_PASSWORD.pending": b"next"}, removals=())
    keeper.seal(*SCOPE, {"NEW": b"1"}, remove_others=True)
    assert values(keeper) == {"DB_PASSWORD.pending": b"next", "NEW": b"1"}
    keeper.replace(keeper.open(*SCOPE), {"OTHER": b"2"})
    assert values(keeper) == {"DB_PASSWORD.pending": b"next", "OTHER": b"2"}


@pytest.mark.parametrize("name", ["DB_PASSWORD.pending", "NEW.previous"])
def test_names_that_a_rotation_would_drop_are_refused(keeper, name):
    before = values(keeper)
    hint = f"use another name, such as {name.replace('.', '_')}"
    for work in (lambda: keeper.seal(*SCOPE, {name: b"1"}), lambda: keeper.replace(keeper.open(*SCOPE), {name: b"1"})):
        with pytest.raises(InvalidName, match="is where a rotation of") as refused:
            work()
        assert (refused.value.hint, refused.value.names) == (hint, (name,))
    assert values(keeper) == before


def test_replacing_makes_the_plain_secrets_exactly_those(keeper):
    change = keeper.replace(keeper.open(*SCOPE), {"LOG_LEVEL": b"DEBUG", "NEW": b"1"})
    assert (change.added, change.changed, change.removed) == (["NEW"], ["LOG_LEVEL"], ["DB_PASSWORD"])


def test_a_rotations_edit_takes_suffixed_names_too(keeper):
    change = keeper.edit(keeper.open(*SCOPE), changes={"DB_PASSWORD.pending": b"next"}, removals=("LOG_LEVEL",))
    assert (change.added, change.removed) == (["DB_PASSWORD.pending"], ["LOG_LEVEL"])
    assert change.after.generation == change.generation == 2


def test_one_secret_is_dropped(keeper):
    assert keeper.remove(*SCOPE, "LOG_LEVEL").removed == ["LOG_LEVEL"]
    with pytest.raises(UnknownSecret, match="no secret 'LOG_LEVEL'") as caught:
        keeper.remove(*SCOPE, "LOG_LEVEL")
    assert caught.value.names == ("LOG_LEVEL",)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"values": {"LD_PRELOAD": b"/tmp/x.so"}}, DangerousName),
        ({"values": {"1ST": b""}}, InvalidName),
        ({"values": {"A": b"\xff"}}, InvalidValue),
        ({"values": {"A": b"\0"}}, InvalidValue),
        ({"values": {"A": bytes(70_000)}}, InvalidValue),
        ({"tenant": "../acme"}, InvalidName),
        ({"environment": "pro/duction"}, InvalidName),
        ({"expires_days": -1}, CallerError),
        ({"values": {f"N{number}": b"" for number in range(5000)}}, LimitExceeded),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["first_use", "edit"])
def test_what_cannot_be_sealed_leaves_no_trace(wrong, error, first, keeper, root):
    place = {"tenant": "fresh" if first else "acme", "environment": "development", "values": {"A": b"1"}}
    before = tree(root)
    with pytest.raises(error):
        keeper.seal(**(place | wrong))
    assert tree(root) == before


def test_a_dangerous_name_may_be_allowed_by_name(keeper):
    keeper.seal(*SCOPE, {"LD_PRELOAD": b"/lib/x.so"}, allow=("LD_PRELOAD",))
    assert values(keeper)["LD_PRELOAD"] == b"/lib/x.so"
    with pytest.raises(DangerousName):
        keeper.replace(keeper.open(*SCOPE), {"BASH_ENV": b"/tmp/x"})


def test_an_expiry_is_set_passed_renewed_and_taken_away(keeper, clock):
    assert keeper.seal(*SCOPE, {}, expires_days=30).is_saved
    assert keeper.envelope(*SCOPE).expires == START + 30 * DAY
    clock.now += 31 * DAY
    with pytest.raises(StaleFile, match="expired at 2026-"):
        keeper.open(*SCOPE)
    with pytest.raises(StaleFile):
        keeper.seal(*SCOPE, {"A": b"1"})
    keeper.seal(*SCOPE, {"A": b"1"}, expires_days=1)
    assert keeper.envelope(*SCOPE).expires == clock.now + DAY
    keeper.seal(*SCOPE, {}, expires_days=0)
    assert keeper.envelope(*SCOPE).expires == 0


def test_an_expiry_may_come_with_the_first_save(keeper):
    keeper.seal("acme", "production", VALUES, expires_days=7)
    assert keeper.envelope("acme", "production").expires == START + 7 * DAY


def test_whoever_was_faster_wins_and_nothing_is_written(keeper, root):
    opened = keeper.open(*SCOPE)
    Custodian(str(root)).seal(*SCOPE, {"DB_PASSWORD": b"theirs"})
    before = tree(root)
    with pytest.raises(Changed, match="changed by someone else meanwhile"):
        keeper.replace(opened, {"DB_PASSWORD": b"ours"})
    assert tree(root) == before


def test_two_first_saves_do_not_overwrite_each_other(keeper, root, monkeypatch):
    slow = Custodian(str(root))
    monkeypatch.setattr(slow.store, "read", lambda *_: None)  # it looked before the other had written
    with pytest.raises(Changed):
        slow.seal(*SCOPE, {"DB_PASSWORD": b"ours"})
    assert values(keeper) == VALUES


def test_a_save_that_fails_leaves_the_earlier_file(keeper, root, monkeypatch):
    before = tree(root)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileUnavailable, match="no space left"):
        keeper.seal(*SCOPE, {"DB_PASSWORD": b"another"})
    monkeypatch.undo()
    assert tree(root) == before


@pytest.mark.parametrize("call", ["open", "envelope", "remove", "add_reader", "remove_reader", "rotate_epoch"])
def test_an_unknown_tenant_is_named(call, keeper):
    more = {"remove": ("A",), "add_reader": (bytes(32),), "remove_reader": (bytes(32),)}.get(call, ())
    with pytest.raises(UnknownTenant, match="no tenant nobody"):
        getattr(keeper, call)("nobody", "development", *more)


@pytest.mark.parametrize(
    ("text", "error"),
    [(b"", MalformedFile), (b"DB_PASSWORD=plain\n", MalformedFile), (bytes(17 * 2**20), LimitExceeded)],
    ids=["empty", "plain", "huge"],
)
def test_a_broken_file_is_named_and_kept(text, error, keeper, root):
    sealed(root).write_bytes(text)
    for call in (keeper.envelope, keeper.open):
        with pytest.raises(error, match=r"tenants/acme/\.env\.enc"):
            call(*SCOPE)
    with pytest.raises(error):
        keeper.seal(*SCOPE, {"A": b"1"})
    assert sealed(root).read_bytes() == text


def test_a_tampered_file_is_not_edited(keeper, root):
    text = sealed(root).read_bytes()
    sealed(root).write_bytes(text.replace(b'"version":1,', b'"version":2,', 1))
    with pytest.raises(CannotOpen):
        keeper.seal(*SCOPE, {"A": b"1"})


def test_a_link_instead_of_the_file_is_refused(keeper, root):
    shutil.move(sealed(root), root / "elsewhere")
    sealed(root).symlink_to(root / "elsewhere")
    with pytest.raises(UnsafeFile):
        keeper.seal(*SCOPE, {"A": b"1"})


# Readers.


@pytest.fixture
def identity():
    private = os.urandom(32)
    return private, reader_public(private)


def as_reader(keeper, monkeypatch, private):
    writers = tuple(public for name, public in keeper.keyring.signing_publics().items() if name == "writer")
    monkeypatch.setenv("SEALPROOF_KEY", KeyLine("x25519", private, writers).to_line())


def test_a_reader_opens_until_it_is_removed(keeper, identity, monkeypatch):
    private, public = identity
    assert keeper.add_reader(*SCOPE, public).generation == 2
    as_reader(keeper, monkeypatch, private)
    assert values(keeper) == VALUES
    forget_keys()
    before = {entry.name: entry.line for entry in keeper.envelope(*SCOPE).entries}
    keeper.remove_reader(*SCOPE, public)
    assert keeper.envelope(*SCOPE).readers == []
    assert not [entry.name for entry in keeper.envelope(*SCOPE).entries if entry.line == before[entry.name]]
    assert values(keeper) == VALUES
    as_reader(keeper, monkeypatch, private)
    with pytest.raises(CannotOpen):
        keeper.open(*SCOPE)


def test_removing_one_reader_keeps_the_other(keeper, identity, monkeypatch):
    other = os.urandom(32)
    keeper.add_reader(*SCOPE, identity[1])
    keeper.add_reader(*SCOPE, reader_public(other))
    keeper.remove_reader(*SCOPE, identity[1])
    as_reader(keeper, monkeypatch, other)
    assert values(keeper) == VALUES


def test_a_reader_that_is_none_is_not_removed(keeper, identity):
    with pytest.raises(UnknownSecret, match="no such recipient"):
        keeper.remove_reader(*SCOPE, identity[1])


def test_a_reader_edits_nothing_where_it_holds_no_writer_key(keeper, identity, root, monkeypatch):
    keeper.add_reader(*SCOPE, identity[1])
    as_reader(keeper, monkeypatch, identity[0])
    shutil.move(root / "keys", root.parent / "kept")
    before = tree(root)
    with pytest.raises(KeyMissing):
        keeper.seal(*SCOPE, {"A": b"1"})
    assert tree(root) == before


# Epochs.


def test_a_new_epoch_seals_everything_anew_and_keeps_version_and_age(keeper, clock):
    old_lines = keeper.keyring.key_lines(*SCOPE)
    stood = versions(keeper)
    clock.now += 100
    change = keeper.rotate_epoch(*SCOPE)
    assert change.is_saved
    assert keeper.envelope(*SCOPE).epoch == 2
    assert versions(keeper) == stood
    assert values(keeper) == VALUES
    assert [line.epoch for line in keeper.keyring.key_lines(*SCOPE)] == [2, 1]
    assert keeper.keyring.key_lines(*SCOPE)[0].key != old_lines[0].key


def test_a_new_epoch_keeps_the_readers(keeper, identity, monkeypatch):
    keeper.add_reader(*SCOPE, identity[1])
    keeper.rotate_epoch(*SCOPE)
    as_reader(keeper, monkeypatch, identity[0])
    assert values(keeper) == VALUES


def test_an_old_copy_opens_until_its_epoch_is_destroyed(keeper, root):
    old = sealed(root).read_bytes()
    keeper.rotate_epoch(*SCOPE)
    new = sealed(root).read_bytes()
    sealed(root).write_bytes(old)
    assert values(keeper) == VALUES
    assert keeper.keyring.drop_epochs(*SCOPE, before=2) == [1]
    with pytest.raises(CannotOpen):
        keeper.open(*SCOPE)
    sealed(root).write_bytes(new)
    assert values(keeper) == VALUES


# Merging.


@pytest.fixture
def sides(keeper, root):
    """The common ancestor, and two edits of it."""
    base = sealed(root).read_bytes()
    keeper.seal(*SCOPE, {"DB_PASSWORD": b"ours"})
    ours = sealed(root).read_bytes()
    sealed(root).write_bytes(base)
    keeper.seal(*SCOPE, {"LOG_LEVEL": b"DEBUG"})
    theirs = sealed(root).read_bytes()
    sealed(root).write_bytes(ours)
    return base, ours, theirs


def test_a_merge_is_returned_and_not_written(keeper, root, sides):
    merged = keeper.merge(*sides, tenant="acme", environment="development")
    assert sealed(root).read_bytes() == sides[1]
    sealed(root).write_bytes(merged)
    assert values(keeper) == {"DB_PASSWORD": b"ours", "LOG_LEVEL": b"DEBUG"}


def test_a_merge_of_the_same_secret_is_refused_by_name(keeper, root, sides):
    base, ours, _ = sides
    sealed(root).write_bytes(base)
    keeper.seal(*SCOPE, {"DB_PASSWORD": b"theirs"})
    with pytest.raises(MergeConflict) as caught:
        keeper.merge(base, ours, sealed(root).read_bytes(), tenant="acme", environment="development")
    assert caught.value.names == ("DB_PASSWORD",)


def test_a_merge_under_another_scope_is_refused(keeper, sides):
    keeper.seal("acme", "production", VALUES)
    with pytest.raises(CannotOpen):
        keeper.merge(*sides, tenant="acme", environment="production")


def test_nothing_prints_a_value(keeper):
    change = keeper.seal(*SCOPE, {"DB_PASSWORD": b"another-heron-5512"})
    for shown in (repr(keeper), repr(keeper.open(*SCOPE)), repr(change), repr(keeper.envelope(*SCOPE))):
        assert "heron" not in shown
        assert "anvil" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(keeper.open(*SCOPE))
