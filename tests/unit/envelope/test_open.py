"""Opening: the numbered steps in their order, and one refusal for outsiders."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vector_maker import large
from vector_maker.positives import OTHER_READER, OTHER_WRITER
from vector_maker.second import EXAMPLE, Secret, fixed, key_file, pad, writer_public, x25519_key_line

from sealproof.envelope.freshness import Freshness
from sealproof.envelope.keyfile import KeyLine, parse_keys
from sealproof.envelope.open import (
    STEPS,
    Unlocked,
    cannot_open,
    diagnose,
    open_values,
    signed_message,
    unlock,
    verify_writer,
)
from sealproof.envelope.parse import parse
from sealproof.errors import CannotOpen, LimitExceeded, MalformedFile, StaleFile, UnsupportedFormat
from sealproof.signing import verifies

from .laboratory import DATA, KEYS, NOW, READER_KEYS, VALUES, opened, refusal, sealed


def ask(data: bytes, *, keys: tuple[KeyLine, ...] = KEYS, freshness: Freshness | None = None) -> dict[str, bytes]:
    return open_values(
        data, tenant="acme", environment="production", keys=keys, freshness=freshness or Freshness(now=NOW)
    )


def step(data: bytes, *, keys: tuple[KeyLine, ...] = KEYS) -> int:
    return diagnose(data, tenant="acme", environment="production", keys=keys)


@pytest.mark.parametrize("keys", [KEYS, READER_KEYS, READER_KEYS + KEYS], ids=["epoch", "reader", "both"])
def test_worked_example_opens(keys: tuple[KeyLine, ...]) -> None:
    assert ask(DATA, keys=keys) == VALUES
    assert step(DATA, keys=keys) == 0
    unlocked = opened(DATA, keys=keys)
    assert unlocked.dek == EXAMPLE.dek
    assert unlocked.opened_with is keys[0]
    assert unlocked.envelope.generation == 7


def test_one_entry_at_a_time_is_the_same_step_7() -> None:
    value = opened(DATA).opener()
    assert {name: value(name) for name in VALUES} == VALUES
    with pytest.raises(KeyError):
        value("NOT_THERE")


def test_one_entry_that_does_not_open_is_refused_like_all() -> None:
    unlocked = opened(DATA)
    entry = unlocked.envelope.entries[0]
    entry.version = "99"
    with pytest.raises(CannotOpen) as caught:
        unlocked.opener()(entry.name)
    assert caught.value.message == cannot_open("acme", "production").message
    assert caught.value.__cause__ is None


def test_keys_may_be_any_iterable() -> None:
    assert ask(DATA, keys=iter(KEYS)) == VALUES  # type: ignore[arg-type]


# Each fault as an edit of the recipe, with the step that must name it. Later entries are later steps.
def _other_tenant(data: dict[str, object]) -> None:
    data["file"] = data["file"].but(tenant="other")  # type: ignore[attr-defined]


def _other_key(data: dict[str, object]) -> None:
    data["file"] = data["file"].but(epoch_key=fixed("not the holder's"), recipients=())  # type: ignore[attr-defined]


def _bad_mac(data: dict[str, object]) -> None:
    data["mac"] = bytes(32)


def _bad_signature(data: dict[str, object]) -> None:
    data["signature"] = bytes(64)


def _stale(data: dict[str, object]) -> None:
    data["freshness"] = Freshness(now=NOW, minimum=99)


def _bad_value(data: dict[str, object]) -> None:
    data["padded"] = pad(b"\0")


FAULTS: list[tuple[int, Callable[[dict[str, object]], None]]] = [
    (2, _other_tenant),
    (3, _other_key),
    (4, _bad_mac),
    (5, _bad_signature),
    (6, _stale),
    (7, _bad_value),
]


def subsets() -> Iterator[list[int]]:
    for mask in range(1, 2 ** len(FAULTS)):
        yield [index for index in range(len(FAULTS)) if mask >> index & 1]


@pytest.mark.parametrize(
    "chosen", list(subsets()), ids=lambda chosen: "+".join(str(FAULTS[index][0]) for index in chosen)
)
def test_first_failing_step_decides(chosen: list[int]) -> None:
    recipe: dict[str, object] = {"file": EXAMPLE}
    for index in chosen:
        FAULTS[index][1](recipe)
    file = recipe["file"]
    lines = file.lines()  # type: ignore[attr-defined]
    if "padded" in recipe:
        lines[-1] = file.entry_line(file.secrets[2], padded=recipe["padded"])  # type: ignore[attr-defined]
    data = file.close(lines, mac=recipe.get("mac"), signature=recipe.get("signature"))  # type: ignore[attr-defined]
    first = FAULTS[chosen[0]][0]
    freshness = recipe.get("freshness")
    assert refusal(data, freshness=freshness) == ("StaleFile" if first == 6 else "CannotOpen")  # type: ignore[arg-type]
    without_freshness = [FAULTS[index][0] for index in chosen if FAULTS[index][0] != 6]
    assert step(data) == (without_freshness[0] if without_freshness else 0)


def test_grammar_comes_before_everything() -> None:
    for broken, error in (
        (DATA[:-1], MalformedFile),
        (DATA.replace(b"env/1", b"env/2"), UnsupportedFormat),
        (b"\n" * 5000, LimitExceeded),
    ):
        with pytest.raises(error):
            unlock(broken, tenant="other", environment="staging", keys=(), freshness=Freshness(now=0, minimum=99))
        with pytest.raises(error):
            diagnose(broken, tenant="other", environment="staging", keys=())


def test_limits_come_before_the_version() -> None:
    with pytest.raises(LimitExceeded):
        parse(b'{"t":"h","format":"sealproof-env/2"}\n' + b"\n" * 5000)


def test_refusals_read_alike_at_every_step() -> None:
    """G5 of the attack table: type, text, hint, names and context tell an outsider nothing about the step."""
    seen = set()
    for chosen in subsets():
        recipe: dict[str, object] = {"file": EXAMPLE}
        for index in chosen:
            FAULTS[index][1](recipe)
        lines = recipe["file"].lines()  # type: ignore[attr-defined]
        if "padded" in recipe:
            lines[-1] = EXAMPLE.entry_line(EXAMPLE.secrets[2], padded=recipe["padded"])  # type: ignore[arg-type]
        data = recipe["file"].close(lines, mac=recipe.get("mac"), signature=recipe.get("signature"))  # type: ignore[attr-defined]
        if FAULTS[chosen[0]][0] == 6:
            continue
        for call in (ask, lambda broken: opened(broken).buffers()):
            with pytest.raises(CannotOpen) as refused:
                call(data)
            error = refused.value
            assert type(error) is CannotOpen
            assert error.__cause__ is None
            assert error.__suppress_context__
            seen.add((str(error), error.message, error.hint, error.names))
    expected = cannot_open("acme", "production")
    assert seen == {(expected.message, expected.message, expected.hint, ())}
    assert "DB_PASSWORD" not in f"{expected}{expected.hint}"


def test_refusal_names_what_was_asked_for_and_not_the_file() -> None:
    with pytest.raises(CannotOpen) as refused:
        opened(DATA, tenant="asked", environment="here")
    assert "asked/here" in str(refused.value)
    assert "acme" not in f"{refused.value}{refused.value.hint}"


def test_every_step_has_its_words() -> None:
    assert sorted(STEPS) == [2, 3, 4, 5, 7]


def test_file_never_chooses_its_scope() -> None:
    """The key fits both environments; the caller's question decides."""
    staging = EXAMPLE.but(environment="staging")
    keys = parse_keys(key_file(EXAMPLE.epoch_line(), staging.epoch_line()))
    assert step(staging.to_bytes(), keys=keys) == 2
    assert opened(staging.to_bytes(), keys=keys, environment="staging").values() == VALUES


@pytest.mark.parametrize("size", [1, 31, 33, 64])
def test_shorter_or_longer_data_key_does_not_fit_the_line(size: int) -> None:
    file = EXAMPLE.but(dek=bytes(size), recipients=())
    assert refusal(file.to_bytes()) == "MalformedFile"


def test_line_that_does_not_unwrap_is_passed_over() -> None:
    wrong = parse_keys(key_file(EXAMPLE.but(epoch_key=fixed("wrong")).epoch_line()))
    assert ask(DATA, keys=wrong + READER_KEYS) == VALUES
    assert step(DATA, keys=wrong) == 3
    assert step(DATA, keys=()) == 3


def test_reader_line_that_does_not_unwrap_is_passed_over() -> None:
    lines = EXAMPLE.lines()
    lines[2] = lines[2][:-4] + 'A8"}'
    assert ask(EXAMPLE.close(lines), keys=READER_KEYS + KEYS) == VALUES


def test_writers_are_those_of_the_line_that_unwrapped() -> None:
    """A key file may hold several lines; another line's writers do not count."""
    identity = parse_keys(key_file(x25519_key_line(EXAMPLE.recipients[0].private, OTHER_WRITER)))
    assert step(DATA, keys=identity + KEYS) == 5
    assert step(DATA, keys=KEYS + identity) == 0


def test_second_of_several_readers_opens() -> None:
    file = EXAMPLE.but(recipients=(*EXAMPLE.recipients, OTHER_READER))
    stranger = parse_keys(key_file(x25519_key_line(fixed("stranger"), EXAMPLE.writer)))
    other = parse_keys(key_file(x25519_key_line(OTHER_READER.private, EXAMPLE.writer)))
    assert ask(file.to_bytes(), keys=stranger + other) == VALUES
    assert step(file.to_bytes(), keys=stranger) == 3


def test_identity_is_no_use_without_readers() -> None:
    assert step(EXAMPLE.but(recipients=()).to_bytes(), keys=READER_KEYS) == 3


def test_freshness_is_asked_before_any_value() -> None:
    asked = []

    class Watch(Freshness):
        def check(self, envelope: object) -> None:
            asked.append(envelope)
            super().check(envelope)  # type: ignore[arg-type]

    lines = EXAMPLE.lines()
    lines[-1] = EXAMPLE.entry_line(EXAMPLE.secrets[2], padded=bytes(32)[:-1] + b"\1")
    unlocked = opened(EXAMPLE.close(lines), freshness=Watch(now=NOW))
    assert asked == [unlocked.envelope]
    with pytest.raises(CannotOpen):
        unlocked.values()
    with pytest.raises(StaleFile):
        opened(DATA, freshness=Watch(now=NOW, minimum=8))


def test_writer_is_verified_without_any_key() -> None:
    envelope = parse(DATA)
    pinned = writer_public(EXAMPLE.writer)
    assert verify_writer(envelope, [fixed("other"), pinned])
    assert verify_writer(envelope, iter([pinned]))
    assert not verify_writer(envelope, [writer_public(OTHER_WRITER)])
    assert not verify_writer(envelope, ())
    assert not verify_writer(parse(EXAMPLE.close(EXAMPLE.lines(), signature=bytes(64))), [pinned])
    assert verifies(pinned, envelope.signature, signed_message(envelope))
    assert signed_message(envelope).hex() == (
        "000000107365616c70726f6f662f312f66696c6500000020400e3406f844ae5dd33f3b94c844e640788b8b61db9e8e8e0690a46dde333896"
    )


def test_buffers_hold_the_values_and_can_be_wiped() -> None:
    buffers = opened(DATA).buffers()
    assert buffers == VALUES
    assert {type(buffer) for buffer in buffers.values()} == {bytearray}


@settings(deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"\A[A-Z_][A-Z0-9_]{0,8}\Z"),
        st.text(st.characters(exclude_characters="\0", codec="utf-8")),
        max_size=5,
    )
)
def test_values_come_back_both_ways(values: dict[str, str]) -> None:
    """F4 of the attack table, over every kind of text."""
    raw = {name: value.encode() for name, value in values.items()}
    unlocked = opened(sealed(raw))
    assert unlocked.values() == unlocked.buffers() == raw


@pytest.mark.parametrize("size", [0, 27, 28, 29, 127, 128, 200, 255, 256, 4095, 65535, 65536])
def test_every_length_comes_back_both_ways(size: int) -> None:
    """Lengths whose four bytes are no UTF-8 among them: a buffer is text behind its length only."""
    unlocked = opened(sealed({"A": b"v" * size}))
    assert unlocked.values() == unlocked.buffers() == {"A": b"v" * size}


@pytest.mark.parametrize("value", [b"\0", b"a\0", b"\xff", b"\xed\xa0\x80", b"v" * 65537])
def test_value_that_could_not_be_sealed_is_not_handed_out(value: bytes) -> None:
    file = EXAMPLE.but(
        secrets=(Secret("A", 1, NOW, b"good", fixed("a", 12)), Secret("B", 1, NOW, value, fixed("b", 12)))
    )
    assert step(file.to_bytes()) == 7
    unlocked = opened(file.to_bytes())
    for hand_out in (unlocked.values, unlocked.buffers):
        with pytest.raises(CannotOpen):
            hand_out()


def test_buffers_opened_before_a_refusal_are_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Watched(bytearray):
        def __init__(self, *parts: object) -> None:
            super().__init__(*parts)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr("sealproof.envelope.open.bytearray", Watched, raising=False)
    secrets = (Secret("A", 1, NOW, b"canary" * 20, fixed("a", 12)), Secret("B", 1, NOW, b"canary\xff", fixed("b", 12)))
    with pytest.raises(CannotOpen):
        opened(EXAMPLE.but(secrets=secrets).to_bytes()).buffers()
    assert len(made) == 2
    assert not any(any(buffer) for buffer in made)


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_unlocked_file_does_not_travel_nor_show_its_key(travel: Callable[[Unlocked], object]) -> None:
    unlocked = opened(DATA)
    assert repr(unlocked) == f"{unlocked}" == "Unlocked(Envelope(acme/production generation 7))"
    with pytest.raises(TypeError, match="does not travel"):
        travel(unlocked)


def test_large_files_open() -> None:
    for _, file in large.positives():
        keys = (
            KEYS
            if not file.recipients
            else parse_keys(key_file(x25519_key_line(file.recipients[-1].private, EXAMPLE.writer)))
        )
        assert ask(file.to_bytes(), keys=keys) == {secret.name: secret.value for secret in file.secrets}
