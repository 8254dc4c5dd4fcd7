"""The lines of a log: what is written reads back, and nothing else reads."""

from __future__ import annotations

import json

import pytest
from audit_workshop import patient
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import AuditLogBroken
from sealproof.vault.audit.interface import NUMBERS
from sealproof.vault.audit.lines import (
    LOG,
    Entry,
    Opening,
    body,
    checkpoint_line,
    digests_of,
    escaped,
    note_of,
    numbers_of,
    opening_line,
    read_opening,
    read_record,
)

hexes = st.binary(min_size=16, max_size=16).map(bytes.hex)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
counts = st.integers(0, 10**15 - 1)
operations = st.from_regex(r"[a-z][a-z0-9.-]{0,31}", fullmatch=True)
tenants = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True)
environments = st.just("") | st.from_regex(r"/[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
entries = st.builds(
    Entry,
    sequence=counts,
    at=counts,
    epoch=counts,
    actor=hexes,
    established=st.sampled_from(["claimed", "uid", "peercred", "oidc"]),
    operation=operations,
    scope=st.builds(str.__add__, tenants, environments),
    secret=st.just("") | hexes,
    version=counts,
    outcome=st.sampled_from(["allow", "deny", "error"]),
    request=st.from_regex(r"[A-Za-z0-9._-]{0,64}", fullmatch=True),
    numbers=st.dictionaries(st.sampled_from(sorted(NUMBERS)), counts, max_size=4),
    digests=st.just({}),
)
own_entries = entries.flatmap(
    lambda entry: st.dictionaries(st.sampled_from(["torn", "export", "start", "sha256"]), digests, min_size=1).map(
        lambda found: entry._replace(actor=LOG, established=LOG, digests=found)
    )
)
openings = st.lists(st.binary(min_size=32, max_size=32), max_size=6).flatmap(
    lambda nodes: st.builds(
        Opening,
        epoch=counts,
        at=counts,
        sequence=counts,
        previous=digests,
        origin=st.just("sealproof-audit/acme/0123456789abcdef"),
        key=st.binary(min_size=32, max_size=32),
        range=st.just(tuple(nodes)),
    )
)


def line_of(entry: Entry) -> bytes:
    text = body(
        entry.actor,
        entry.established,
        entry.operation,
        entry.scope,
        entry.secret,
        entry.version,
        entry.outcome,
        entry.request,
        entry.numbers,
        entry.digests or None,
    )
    return f'{{"q":{entry.sequence},"at":{entry.at},"ep":{entry.epoch},"p":"{"0" * 64}",{text}}}'.encode()


@patient
@given(entries | own_entries)
def test_a_record_reads_back(entry):
    assert read_record(line_of(entry)) == entry


@patient
@given(entries | own_entries)
def test_a_record_is_json_in_one_form(entry):
    line = line_of(entry)
    assert json.dumps(json.loads(line), separators=(",", ":")).encode() == line


@patient
@given(entries, st.data())
def test_a_record_with_one_byte_changed_reads_otherwise_or_not_at_all(entry, data):
    line = bytearray(line_of(entry))
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        other = read_record(bytes(line))
    except AuditLogBroken:
        return
    assert other != entry or b"0" * 64 not in line  # the link is the trail's to check


@patient
@given(st.binary(max_size=200))
def test_anything_else_is_no_record_and_no_opening(data):
    with pytest.raises(AuditLogBroken):
        read_record(data)
    with pytest.raises(AuditLogBroken):
        read_opening(data)


@patient
@given(openings)
def test_an_opening_reads_back(opening):
    assert read_opening(opening_line(opening)) == opening


@patient
@given(openings, st.data())
def test_an_opening_with_one_byte_changed_reads_otherwise_or_not_at_all(opening, data):
    line = bytearray(opening_line(opening))
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        assert read_opening(bytes(line)) != opening
    except AuditLogBroken:
        return


def test_an_opening_with_a_comma_too_many_is_refused():
    line = opening_line(Opening(1, 1, 1, "ab" * 32, "o", bytes(32), (bytes(32),)))
    with pytest.raises(AuditLogBroken):
        read_opening(line.replace(b'"]}', b'",]}'))


@patient
@given(st.lists(st.sampled_from(["sealproof-audit/acme/01", "7", "— a b", "chain 00", ""]), max_size=6))
def test_a_note_travels_in_a_line(parts):
    note = "".join(f"{part}\n" for part in parts)
    line = checkpoint_line(note)
    assert json.loads(line) == {"note": note}
    assert note_of(line) == note
    assert escaped(note) in line


GOOD = line_of(
    Entry(
        1, 2, 3, "ab" * 16, "uid", "read", "acme/production", "cd" * 16, 4, "allow", "r", {"bytes": 1, "count": 2}, {}
    )
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"q":1,', b'"q":01,'),
        (b'"q":1,', b'"q": 1,'),
        (b'"q":1,', b'"q":1.0,'),
        (b'"q":1,', b'"q":1000000000000000,'),
        (b'"q":1,', b'"q":-1,'),
        (b'"q":1,', b'"q":1,"q":1,'),
        (b'"r":"allow"', b'"r":"Allow"'),
        (b'"r":"allow"', b'"r":"maybe"'),
        (b'"ak":"uid"', b'"ak":"root"'),
        (b'"op":"read"', b'"op":"Read"'),
        (b'"op":"read"', b'"op":""'),
        (b'"op":"read"', b'"op":"' + b"a" * 33 + b'"'),
        (b'"s":"acme/production"', b'"s":"acme/"'),
        (b'"s":"acme/production"', b'"s":"/production"'),
        (b'"rid":"r"', b'"rid":"r\\u0041"'),
        (b'"rid":"r"', b'"rid":"' + b"r" * 65 + b'"'),
        (b'"bytes":1,"count":2', b'"count":2,"bytes":1'),
        (b'"bytes":1,"count":2', b'"bytes":1,"bytes":1'),
        (b'"bytes":1,"count":2', b'"bytes":1,'),
        (b'"bytes":1,"count":2', b'"value":1'),
        (b'"bytes":1,"count":2', b'"bytes":01'),
        (b"}}", b'},"d":{}}'),
        (b"}}", b'},"d":{"torn":"' + b"a" * 64 + b'"}}'),
        (b'"a":"' + b"ab" * 16, b'"a":"log'),
        (b'"ak":"uid"', b'"ak":"log"'),
        (b"}}", b"}}\r"),
        (b"}}", b"}} "),
    ],
)
def test_a_second_spelling_is_refused(old, new):
    assert read_record(GOOD)
    assert old in GOOD
    with pytest.raises(AuditLogBroken):
        read_record(GOOD.replace(old, new))


def test_numbers_and_digests_from_between_their_braces():
    assert numbers_of("") == {}
    assert numbers_of('"back":3,"count":0') == {"back": 3, "count": 0}
    assert digests_of(f'"torn":"{"a" * 64}"') == {"torn": "a" * 64}
    with pytest.raises(AuditLogBroken):
        digests_of('"torn":"a"')
