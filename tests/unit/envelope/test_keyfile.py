"""Key files: what opens, and who may write."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vector_maker.second import EXAMPLE, epoch_key_line, fixed, key_file, run, writer_public, x25519_key_line

from sealproof.envelope.grammar import KEY_LINES_MAX, LINE_MAX
from sealproof.envelope.keyfile import KeyLine, parse_keys
from sealproof.errors import LimitExceeded, MalformedFile, UnsupportedFormat

EPOCH = EXAMPLE.epoch_line()
IDENTITY = x25519_key_line(run(0x60, 32), EXAMPLE.writer)


def test_epoch_line_of_the_worked_example() -> None:
    (key,) = parse_keys(f"{EPOCH}\n".encode())
    assert (key.kind, key.tenant, key.environment, key.epoch) == ("epoch", "acme", "production", 1)
    assert key.key == EXAMPLE.epoch_key
    assert key.writers == (writer_public(EXAMPLE.writer),)
    assert key.to_line() == EPOCH


def test_identity_line_of_the_worked_example() -> None:
    (key,) = parse_keys(f"{IDENTITY}\n".encode())
    assert (key.kind, key.tenant, key.environment, key.epoch) == ("x25519", "", "", 0)
    assert key.key == run(0x60, 32)
    assert key.to_line() == IDENTITY


def test_sixty_four_lines_and_sixteen_writers_are_read() -> None:
    writers = [fixed(f"writer {number}") for number in range(16)]
    lines = [epoch_key_line("acme", "production", epoch, fixed(f"key {epoch}"), *writers) for epoch in range(1, 65)]
    keys = parse_keys(key_file(*lines))
    assert len(keys) == KEY_LINES_MAX
    assert keys[-1].writers == tuple(map(writer_public, writers))


def test_same_scope_in_another_epoch_environment_or_tenant_is_no_duplicate() -> None:
    lines = [
        epoch_key_line(tenant, environment, epoch, run(0, 32), EXAMPLE.writer)
        for tenant in ("a", "b")
        for environment in ("a", "b")
        for epoch in (1, 2)
    ]
    identities = [x25519_key_line(fixed(f"i{number}"), EXAMPLE.writer) for number in range(2)]
    assert len(parse_keys(key_file(*lines, *identities))) == 10


def test_duplicate_is_refused_whatever_stands_between() -> None:
    with pytest.raises(MalformedFile, match="twice"):
        parse_keys(key_file(EPOCH, IDENTITY, EXAMPLE.but(epoch_key=fixed("other")).epoch_line()))


def test_lines_over_the_limit_are_counted_before_they_are_read() -> None:
    with pytest.raises(LimitExceeded, match="65 lines"):
        parse_keys(b"\n" * 65)
    with pytest.raises(LimitExceeded):
        parse_keys(b"x" * (LINE_MAX + 1) + b"\n")
    with pytest.raises(LimitExceeded):
        parse_keys(b"x" * (KEY_LINES_MAX * LINE_MAX) + b"\n")


def test_another_version_is_told_apart_from_a_fault() -> None:
    with pytest.raises(UnsupportedFormat):
        parse_keys(f"{EPOCH}\n".replace("key/1", "key/1.5").encode())


def test_neither_repr_nor_error_quotes_the_key() -> None:
    (key,) = parse_keys(f"{EPOCH}\n".encode())
    assert repr(key) == f"{key}" == "KeyLine(epoch acme/production/1)"
    secret = EPOCH.split('"key":"')[1][:43]
    for broken in (EPOCH[:-1], EPOCH.replace(secret, secret[:-1]), EPOCH.replace('"epoch":1', '"epoch":0'), secret):
        with pytest.raises(MalformedFile) as refused:
            parse_keys(f"{broken}\n".encode())
        assert secret[:12] not in f"{refused.value} {refused.value.hint} {refused.value.names}"


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_key_does_not_travel(travel: object) -> None:
    (key,) = parse_keys(f"{EPOCH}\n".encode())
    with pytest.raises(TypeError, match="does not travel"):
        travel(key)  # type: ignore[operator]


keys_of_32 = st.binary(min_size=32, max_size=32)
writers = st.lists(keys_of_32, min_size=1, max_size=16).map(tuple)
epochs = st.builds(
    lambda key, pinned, epoch: KeyLine("epoch", key, pinned, "acme", "production", epoch),
    keys_of_32,
    writers,
    st.integers(1, 2**53 - 1),
)
identities = st.builds(lambda key, pinned: KeyLine("x25519", key, pinned), keys_of_32, writers)


@settings(deadline=None)
@given(st.lists(st.one_of(epochs, identities), min_size=1, max_size=4, unique_by=lambda key: key.epoch or key.key))
def test_lines_come_back(keys: list[KeyLine]) -> None:
    text = "".join(key.to_line() + "\n" for key in keys).encode()
    read = parse_keys(text)
    assert "".join(key.to_line() + "\n" for key in read).encode() == text


@settings(deadline=None)
@given(st.binary(max_size=80), st.integers(0, len(EPOCH)), st.integers(0, 80))
def test_mutated_key_file_gives_only_documented_errors(inserted: bytes, start: int, removed: int) -> None:
    text = f"{EPOCH}\n{IDENTITY}\n".encode()
    mutated = text[:start] + inserted + text[start + removed :]
    try:
        read = parse_keys(mutated)
    except (MalformedFile, UnsupportedFormat, LimitExceeded):
        return
    assert "".join(key.to_line() + "\n" for key in read).encode() == mutated


def test_seventeenth_writer_is_refused_where_the_line_is_made() -> None:
    """What would be written could not be read."""
    writers = tuple(fixed(f"writer {number}") for number in range(17))
    assert parse_keys(KeyLine("x25519", run(0, 32), writers[:16]).to_line().encode() + b"\n")
    with pytest.raises(LimitExceeded, match="at most 16 writers, not 17"):
        KeyLine("x25519", run(0, 32), writers).to_line()
