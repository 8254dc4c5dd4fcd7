"""Sealing: what a save writes, and what it leaves alone."""

from __future__ import annotations

import copy
import os
import pickle
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vector_maker import hpke
from vector_maker.positives import OTHER_READER, OTHER_WRITER, positives
from vector_maker.second import EXAMPLE, Recipient, SealedFile, fixed, key_file, pad, x25519_key_line

from sealproof.envelope import cipher, seal
from sealproof.envelope.grammar import INTEGER_MAX, SEALS_MAX
from sealproof.envelope.keyfile import parse_keys
from sealproof.envelope.parse import parse
from sealproof.envelope.seal import EpochKey, SealedValue, add_reader, create, edit, finish, rekey, stored
from sealproof.errors import (
    CannotOpen,
    ConfigurationError,
    InvalidName,
    InvalidValue,
    KeyMissing,
    LimitExceeded,
    MalformedFile,
    WeakKey,
)
from sealproof.signing import SigningKey

from .laboratory import (
    DATA,
    KEYS,
    NOW,
    READER_KEYS,
    SCOPE,
    VALUES,
    WRITER,
    entropy,
    epoch_key,
    lines_of,
    opened,
    sealed,
)


def values_of(file: SealedFile) -> dict[str, SealedValue]:
    return {secret.name: SealedValue(secret.value, secret.version, secret.updated) for secret in file.secrets}


@pytest.mark.parametrize("positive", list(positives()), ids=lambda positive: positive.name)
def test_create_writes_the_vector_byte_for_byte(positive: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same randomness gives the same file as the second implementation's; HPKE alone draws inside the library."""
    file: SealedFile = positive.file  # type: ignore[attr-defined]
    ephemeral = {recipient.public: recipient.ephemeral for recipient in file.recipients}

    def wrap(public: bytes, dek: bytes, scope: tuple[bytes, bytes, bytes]) -> bytes:
        assert scope == file.scope
        return hpke.seal(public, ephemeral[public], file.reader_info(public), dek)

    monkeypatch.setattr(cipher, "wrap_for_reader", wrap)
    nonces = [secret.nonce for secret in sorted(file.secrets, key=lambda secret: secret.name)]
    source = entropy(file.dek, file.key_nonce, *nonces)
    made = create(
        EpochKey(file.tenant, file.environment, file.epoch, file.epoch_key),
        values_of(file),
        writer=SigningKey(file.writer),
        now=file.saved,
        generation=file.generation,
        expires=file.expires,
        readers=ephemeral,
        random=source,
    )
    if file.seals == len(file.secrets):
        assert made == file.to_bytes()
    else:
        assert lines_of(made)[:-1] == lines_of(file.to_bytes())[:-1]


def test_create_for_readers() -> None:
    data = sealed({"A": b"v"}, readers=[OTHER_READER.public, EXAMPLE.recipients[0].public, OTHER_READER.public])
    assert len(parse(data).readers) == 2
    for private in (OTHER_READER.private, EXAMPLE.recipients[0].private):
        assert opened(data, keys=parse_keys(key_file(x25519_key_line(private, EXAMPLE.writer)))).values() == {"A": b"v"}


def test_edit_changes_its_line_and_the_trailer_only() -> None:
    unlocked = opened(DATA)
    data = edit(unlocked, changes={"GREETING": b"hello"}, writer=WRITER, now=NOW)
    before, after = lines_of(DATA), lines_of(data)
    assert [index for index, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [5, 6]
    again = opened(data)
    assert again.values() == VALUES | {"GREETING": b"hello"}
    assert (again.envelope.generation, again.envelope.seals, again.envelope.saved, again.envelope.expires) == (
        8,
        6,
        NOW,
        0,
    )
    assert (again.envelope.entries[2].version, again.envelope.entries[2].updated) == ("2", str(NOW))
    assert again.dek == unlocked.dek


def test_equal_value_changes_nothing() -> None:
    assert edit(opened(DATA), changes=VALUES, writer=WRITER, now=NOW) == DATA
    assert edit(opened(DATA), changes={}, removals=["ABSENT"], expires=0, writer=WRITER, now=NOW) == DATA


def test_equal_value_beside_a_changed_one_keeps_its_line() -> None:
    data = edit(opened(DATA), changes=VALUES | {"NEW": b"n"}, writer=WRITER, now=NOW)
    assert lines_of(data)[:6] == lines_of(DATA)[:6]
    assert parse(data).entries[3].version == "1"
    assert parse(data).seals == 6


def test_removal_takes_the_line_and_no_seal() -> None:
    data = edit(opened(DATA), changes={}, removals=["GREETING"], writer=WRITER, now=NOW)
    assert lines_of(data)[:-1] == lines_of(DATA)[:5]
    assert (parse(data).seals, parse(data).generation) == (5, 8)


@pytest.mark.parametrize("value", [b"other", VALUES["GREETING"]])
def test_name_both_set_and_removed_is_set(value: bytes) -> None:
    data = edit(opened(DATA), changes={"GREETING": value}, removals=["GREETING"], writer=WRITER, now=NOW)
    assert opened(data).values()["GREETING"] == value


def test_expiry_is_kept_set_and_lifted() -> None:
    data = edit(opened(DATA), changes={}, expires=NOW + 5, writer=WRITER, now=NOW)
    assert parse(data).expires == NOW + 5
    data = edit(opened(data), changes={"A": b""}, writer=WRITER, now=NOW)
    assert parse(data).expires == NOW + 5
    assert parse(edit(opened(data), changes={}, expires=0, writer=WRITER, now=NOW)).expires == 0


def test_edit_refuses_a_file_whose_values_do_not_open() -> None:
    lines = EXAMPLE.lines()
    lines[-1] = EXAMPLE.entry_line(EXAMPLE.secrets[2], padded=pad(b"\0"))
    unlocked = opened(EXAMPLE.close(lines))
    for call in (lambda: edit(unlocked, changes={"A": b""}, writer=WRITER, now=NOW), lambda: stored(unlocked)):
        with pytest.raises(CannotOpen):
            call()


def test_by_another_writer() -> None:
    data = edit(opened(DATA), changes={"A": b""}, writer=SigningKey(OTHER_WRITER), now=NOW)
    with pytest.raises(CannotOpen):
        opened(data)
    assert (
        opened(data, keys=parse_keys(key_file(EXAMPLE.epoch_line(EXAMPLE.writer, OTHER_WRITER)))).values()["A"] == b""
    )


def test_last_seal_under_a_data_key() -> None:
    full = EXAMPLE.but(seals=SEALS_MAX - 1)
    unlocked = opened(full.to_bytes())
    data = edit(unlocked, changes={"A": b"a"}, writer=WRITER, now=NOW)
    assert parse(data).seals == SEALS_MAX
    assert opened(data).dek == EXAMPLE.dek
    with pytest.raises(KeyMissing, match="limit of seals"):
        edit(opened(data), changes={"B": b"b"}, writer=WRITER, now=NOW)
    assert parse(edit(opened(data), changes={}, removals=["A"], writer=WRITER, now=NOW)).seals == SEALS_MAX


def test_seal_past_the_limit_makes_a_new_data_key() -> None:
    full = EXAMPLE.but(seals=SEALS_MAX)
    before = opened(full.to_bytes())
    data = edit(
        before,
        changes={"DB_PASSWORD": b"new", "ADDED": b"a"},
        removals=["GREETING"],
        writer=WRITER,
        now=NOW,
        expires=NOW + 9,
        epoch_key=epoch_key(),
    )
    after = opened(data)
    assert after.dek != before.dek
    assert after.values() == {"ADDED": b"a", "DB_PASSWORD": b"new", "DB_PASSWORD.pending": b""}
    assert [(entry.name, entry.version, entry.updated) for entry in after.envelope.entries] == [
        ("ADDED", "1", str(NOW)),
        ("DB_PASSWORD", "3", str(NOW)),
        ("DB_PASSWORD.pending", "1", "1700000100"),
    ]
    assert (after.envelope.seals, after.envelope.generation, after.envelope.expires) == (3, 8, NOW + 9)
    assert opened(data, keys=READER_KEYS).values() == after.values()
    assert not {entry.sealed for entry in after.envelope.entries} & {entry.sealed for entry in before.envelope.entries}


def test_rekey_leaves_a_removed_reader_outside() -> None:
    unlocked = opened(DATA)
    data = rekey(unlocked, stored(unlocked), epoch_key(), writer=WRITER, now=NOW, readers=[OTHER_READER.public])
    assert opened(data).values() == VALUES
    assert opened(data).envelope.seals == 3
    with pytest.raises(CannotOpen):
        opened(data, keys=READER_KEYS)
    kept = rekey(unlocked, stored(unlocked), epoch_key(), writer=WRITER, now=NOW, expires=NOW)
    assert parse(kept).expires == NOW
    assert opened(kept, keys=READER_KEYS).values() == VALUES
    ages = [[(entry.name, entry.version, entry.updated) for entry in parse(text).entries] for text in (DATA, kept)]
    assert ages[0] == ages[1]


def test_rekey_to_a_new_epoch_shuts_the_old_key_out() -> None:
    unlocked = opened(DATA)
    second = EXAMPLE.but(epoch=2, epoch_key=fixed("epoch 2"))
    data = rekey(unlocked, stored(unlocked), epoch_key(second), writer=WRITER, now=NOW)
    with pytest.raises(CannotOpen):
        opened(data)
    both = KEYS + parse_keys(key_file(second.epoch_line()))
    assert opened(data, keys=both).values() == opened(DATA, keys=both).values() == VALUES


@pytest.mark.parametrize("other", [EXAMPLE.but(tenant="other"), EXAMPLE.but(environment="staging")])
def test_values_never_move_to_another_scope(other: SealedFile) -> None:
    unlocked = opened(DATA)
    with pytest.raises(ConfigurationError, match="is no key of acme/production"):
        rekey(unlocked, stored(unlocked), epoch_key(other), writer=WRITER, now=NOW)
    full = opened(EXAMPLE.but(seals=SEALS_MAX).to_bytes())
    with pytest.raises(ConfigurationError):
        edit(full, changes={"A": b"a"}, writer=WRITER, now=NOW, epoch_key=epoch_key(other))


def test_added_reader_costs_one_line() -> None:
    data = add_reader(opened(DATA), OTHER_READER.public, writer=WRITER, now=NOW)
    before, after = lines_of(DATA), lines_of(data)
    assert len(after) == len(before) + 1
    assert set(before[:-1]) < set(after)
    envelope = parse(data)
    assert (envelope.generation, envelope.seals, envelope.saved, len(envelope.readers)) == (8, 5, NOW, 2)
    other = parse_keys(key_file(x25519_key_line(OTHER_READER.private, EXAMPLE.writer)))
    for keys in (other, READER_KEYS, KEYS):
        assert opened(data, keys=keys).values() == VALUES
    assert add_reader(opened(data), OTHER_READER.public, writer=WRITER, now=NOW + 1) == data


def test_sixty_fourth_reader_is_refused() -> None:
    readers = tuple(Recipient(fixed(f"r{number}"), fixed(f"e{number}")) for number in range(63))
    unlocked = opened(EXAMPLE.but(recipients=readers).to_bytes())
    with pytest.raises(LimitExceeded, match="63 readers"):
        add_reader(unlocked, OTHER_READER.public, writer=WRITER, now=NOW)
    publics = [reader.public for reader in readers]
    with pytest.raises(LimitExceeded, match="64 readers"):
        sealed({}, readers=[*publics, OTHER_READER.public])


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31), b"", bytes(31), bytes(33)])
def test_unusable_reader_is_a_configuration_error_everywhere(public: bytes) -> None:
    unlocked = opened(DATA)
    for call in (
        lambda: add_reader(unlocked, public, writer=WRITER, now=NOW),
        lambda: sealed({}, readers=[public]),
        lambda: rekey(unlocked, {}, epoch_key(), writer=WRITER, now=NOW, readers=[public]),
    ):
        with pytest.raises(ConfigurationError, match="not a usable X25519 key"):
            call()


@pytest.mark.parametrize(
    "name", ["", "1A", "A-B", "A=B", "A.old", "A\0", "A\n", "\u00c4", "A" * 129, "A.pending.pending", ".pending"]
)
def test_name_outside_the_grammar_is_not_sealed(name: str) -> None:
    for call in (lambda: sealed({name: b""}), lambda: edit(opened(DATA), changes={name: b""}, writer=WRITER, now=NOW)):
        with pytest.raises(InvalidName):
            call()


@pytest.mark.parametrize("value", [b"\0", b"\xff", b"v" * 65537])
def test_value_outside_the_grammar_is_not_sealed(value: bytes) -> None:
    for call in (
        lambda: sealed({"A": value}),
        lambda: edit(opened(DATA), changes={"A": value}, writer=WRITER, now=NOW),
    ):
        with pytest.raises(InvalidValue):
            call()


def test_entry_over_the_limit_is_refused() -> None:
    values = {f"N{number}": b"" for number in range(4097)}
    with pytest.raises(LimitExceeded, match="4097 secrets"):
        sealed(values)
    del values["N0"]
    assert len(parse(sealed(values)).entries) == 4096


def test_file_over_the_limit_is_refused() -> None:
    values = {f"N{number}": b"v" * 65536 for number in range(192)}
    with pytest.raises(LimitExceeded, match="the sealed file would have"):
        sealed(values)


@pytest.mark.parametrize(
    ("tenant", "environment"), [("", "a"), ("a", ""), ("../a", "a"), ("a", "A"), ('a","x":"', "a")]
)
def test_epoch_key_of_no_scope_is_refused(tenant: str, environment: str) -> None:
    with pytest.raises(InvalidName):
        EpochKey(tenant, environment, 1, bytes(32))


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33, 64])
def test_epoch_key_of_another_size_is_refused(size: int) -> None:
    """AES-GCM would take 16 and 24 bytes; the format has 256 bits and nothing else."""
    with pytest.raises(WeakKey, match="32 bytes"):
        EpochKey("acme", "production", 1, bytes(size))


@pytest.mark.parametrize("number", [0, -1, INTEGER_MAX + 1])
def test_number_outside_its_range_is_refused_by_name(number: int) -> None:
    with pytest.raises(LimitExceeded, match="epoch"):
        EpochKey("acme", "production", number, bytes(32))
    with pytest.raises(LimitExceeded, match="generation"):
        create(epoch_key(), {}, writer=WRITER, now=NOW, generation=number)
    with pytest.raises(LimitExceeded, match="version of A"):
        create(epoch_key(), {"A": SealedValue(b"", number, NOW)}, writer=WRITER, now=NOW)
    if number:
        with pytest.raises(LimitExceeded, match="saved"):
            create(epoch_key(), {}, writer=WRITER, now=number)
        with pytest.raises(LimitExceeded, match="expires"):
            create(epoch_key(), {}, writer=WRITER, now=NOW, expires=number)
        with pytest.raises(LimitExceeded, match="time of A"):
            create(epoch_key(), {"A": SealedValue(b"", 1, number)}, writer=WRITER, now=NOW)
        with pytest.raises(LimitExceeded, match="seals"):
            finish(EXAMPLE.lines(), EXAMPLE.dek, SCOPE, WRITER, generation=1, seals=number, saved=NOW, expires=0)


def test_last_generation_cannot_be_followed() -> None:
    unlocked = opened(EXAMPLE.but(generation=INTEGER_MAX).to_bytes())
    for call in (
        lambda: edit(unlocked, changes={"A": b""}, writer=WRITER, now=NOW),
        lambda: add_reader(unlocked, OTHER_READER.public, writer=WRITER, now=NOW),
        lambda: rekey(unlocked, {}, epoch_key(), writer=WRITER, now=NOW),
    ):
        with pytest.raises(LimitExceeded, match="generation"):
            call()


def test_nothing_leaves_that_does_not_parse() -> None:
    lines = EXAMPLE.lines()
    with pytest.raises(MalformedFile):
        finish([*lines, lines[-1]], EXAMPLE.dek, SCOPE, WRITER, generation=1, seals=3, saved=NOW, expires=0)


def test_wrap_of_another_length_never_becomes_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cipher, "wrap_for_reader", lambda *_: bytes(112))
    with pytest.raises(AssertionError, match="unexpected length"):
        sealed({}, readers=[OTHER_READER.public])


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_keys_and_values_do_not_travel_nor_show(travel: Callable[[object], object]) -> None:
    for held in (epoch_key(), SealedValue(b"canary", 1, NOW)):
        assert "canary" not in f"{held!r}{held}"
        with pytest.raises(TypeError, match="does not travel"):
            travel(held)
    assert repr(epoch_key()) == "EpochKey(acme/production/1)"


names = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,5}(\.pending|\.previous)?\Z")
texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=60).map(str.encode)
contents = st.dictionaries(names, texts, max_size=6)


@settings(deadline=None)
@given(contents, contents, st.sets(names, max_size=3))
def test_sealed_and_edited_values_come_back(
    values: dict[str, bytes], changes: dict[str, bytes], removals: set[str]
) -> None:
    data = sealed(values)
    assert opened(data).values() == values
    edited = edit(opened(data), changes=changes, removals=removals, writer=WRITER, now=NOW + 1)
    expected = {name: value for name, value in values.items() if name not in removals} | changes
    assert opened(edited).values() == expected
    versions = {entry.name: int(entry.version) for entry in parse(edited).entries}
    assert versions == {name: 2 if name in values and values[name] != value else 1 for name, value in expected.items()}
    assert (edited == data) == (expected == values)


@settings(deadline=None)
@given(st.text(max_size=6), st.binary(max_size=40))
def test_sealing_refuses_in_its_own_words_only(name: str, value: bytes) -> None:
    try:
        data = sealed({name: value})
    except (InvalidName, InvalidValue):
        return
    assert opened(data).values() == {name: value}


def test_randomness_is_the_systems() -> None:
    """D7 of the attack table: seeding `random` changes nothing, and no counter is kept."""
    seen = set()
    for _ in range(3):
        random.seed(7)
        data = sealed({"A": b"same"})
        seen |= {parse(data).wrapped, parse(data).entries[0].sealed}
    assert len(seen) == 6
    assert seal.create.__kwdefaults__["random"] is os.urandom
