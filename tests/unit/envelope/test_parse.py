"""Strict parsing: public data out, three errors, nothing else."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from vector_maker import large
from vector_maker.second import EXAMPLE, b64

from sealproof.envelope.parse import parse
from sealproof.errors import LimitExceeded, MalformedFile, UnsupportedFormat

from .laboratory import DATA, lines_of
from .reference import verdict


def step_1(data: bytes) -> str:
    try:
        parse(data)
    except (MalformedFile, UnsupportedFormat, LimitExceeded) as error:
        return type(error).__name__
    return ""


def test_parts_of_the_worked_example() -> None:
    envelope = parse(DATA)
    lines = DATA.decode().splitlines()
    assert (envelope.tenant, envelope.environment, envelope.epoch) == ("acme", "production", 1)
    assert envelope.scope == (b"acme", b"production", b"1")
    assert (envelope.header_line, envelope.key_line) == (lines[0], lines[1])
    assert len(envelope.wrapped) == 60
    assert [(reader.line, reader.public, len(reader.wrapped)) for reader in envelope.readers] == [
        (lines[2], EXAMPLE.recipients[0].public, 80)
    ]
    assert [
        (entry.line, entry.name, entry.version, entry.updated, len(entry.sealed)) for entry in envelope.entries
    ] == [
        (lines[3], "DB_PASSWORD", "2", "1700000000", 60),
        (lines[4], "DB_PASSWORD.pending", "1", "1700000100", 60),
        (lines[5], "GREETING", "1", "1700000000", 92),
    ]
    assert (envelope.generation, envelope.seals, envelope.saved, envelope.expires) == (7, 5, 1700000200, 0)
    assert b64(envelope.writer) == "JUO5L_EJVRFHatyDadtt3JM2ZaEZeN2hQE7hBmypVZ0"
    assert envelope.mac.hex() == "6d785a6e9b1fe88843c66eb0312755a9ca0f4663688fed097d692aaacb165caa"
    assert (envelope.mac_end, envelope.signature_end) == (1013, 1065)
    covered = hashlib.sha256(DATA[: envelope.signature_end]).hexdigest()
    assert covered == "400e3406f844ae5dd33f3b94c844e640788b8b61db9e8e8e0690a46dde333896"
    assert repr(envelope) == "Envelope(acme/production generation 7)"


def test_smallest_file_has_three_lines() -> None:
    file = EXAMPLE.but(secrets=(), recipients=(), seals=0)
    assert parse(file.to_bytes()).entries == []


@pytest.mark.parametrize("count", [1, 2])
def test_file_that_ends_early_is_malformed(count: int) -> None:
    with pytest.raises(MalformedFile, match="ends before its trailer"):
        parse(b"".join(lines_of(DATA)[:count]))


def test_reader_lines_to_the_end_are_malformed() -> None:
    lines = lines_of(DATA)
    assert step_1(b"".join(lines[:3])) == "MalformedFile"
    assert step_1(b"".join(lines[:2] + lines[2:3] * 64)) == "LimitExceeded"


@pytest.mark.parametrize(("name", "file"), list(large.positives()))
def test_file_at_a_limit_parses(name: str, file: object) -> None:
    del name
    parse(file.to_bytes())  # type: ignore[attr-defined]


def test_error_names_the_value_that_is_too_long() -> None:
    with pytest.raises(LimitExceeded) as refused:
        parse(large.value(large.VALUE_MAX + 29).to_bytes())
    assert refused.value.names == ("LONG",)


def test_every_refusal_carries_a_hint_or_says_where() -> None:
    with pytest.raises(UnsupportedFormat) as refused:
        parse(DATA.replace(b"env/1", b"env/2"))
    assert refused.value.hint == "upgrade sealproof: pip install --upgrade sealproof"


@settings(deadline=None)
@given(st.binary(max_size=300))
@example(b"")
@example(b"\n")
def test_arbitrary_bytes_give_only_documented_errors(data: bytes) -> None:
    assert step_1(data) == verdict(data) != ""


fragments = st.sampled_from(
    [
        b'{"t":"h","format":"sealproof-env/1",',
        b'{"t":"h","format":"sealproof-env/',
        b'"tenant":"acme",',
        b'"epoch":1}',
        b"\n",
        b'"',
        b'{"t":"k","wrapped":"',
        b'{"t":"r",',
        b'{"t":"e","name":"',
        b'"version":1,',
        b'{"t":"z",',
        b"A" * 80,
        b"{",
        b"}",
        b"\\",
        b",",
        b":",
        b"\xff",
        b"\r",
        b"0",
        *DATA.splitlines(keepends=True),
    ]
)


@settings(deadline=None)
@given(st.lists(fragments, max_size=12).map(b"".join))
def test_fragments_give_only_documented_errors(data: bytes) -> None:
    assert step_1(data) == verdict(data)


edits = st.lists(
    st.tuples(st.integers(0, len(DATA) - 1), st.integers(0, 12), st.one_of(st.binary(max_size=6), fragments)),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(edits)
def test_mutated_file_is_judged_as_the_grammar_says(changes: list[tuple[int, int, bytes]]) -> None:
    data = DATA
    for start, removed, inserted in changes:
        data = data[:start] + inserted + data[start + removed :]
    assert step_1(data) == verdict(data)
