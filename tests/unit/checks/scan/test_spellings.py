from __future__ import annotations

import base64
import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.checks.scan.spellings import BASE64, HEX, JSON, NEEDLE_MAX, PERCENT, RAW, VALUE_MIN, spellings

values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=VALUE_MIN, max_size=80)


@given(values, st.binary(max_size=7), st.binary(max_size=7))
def test_base64_of_a_text_around_a_value_holds_a_spelling_at_every_alignment(value: str, before: bytes, after: bytes):
    around = before + value.encode() + after
    for encoded in (base64.b64encode(around), base64.urlsafe_b64encode(around)):
        assert any(needle in encoded for needle, name in spellings(value.encode()).items() if name == BASE64)


@given(values)
def test_what_common_tools_write_is_a_spelling(value: str):
    found = spellings(value.encode())
    for written in (
        value,
        value.replace("\n", "\r\n"),
        value.encode().hex(),
        value.encode().hex().upper(),
        urllib.parse.quote(value, safe=""),
        urllib.parse.quote(value),
        urllib.parse.quote_plus(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
    ):
        assert written.encode() in found


@pytest.mark.parametrize(
    ("value", "spelled", "name"),
    [
        (b"p/ss w:rd", b"p%2fss%20w%3ard", PERCENT),
        (b'quo"te/slash', b'quo\\"te\\/slash', JSON),
        ("gemäß-über".encode(), "gemäß-über".encode("latin-1"), RAW),
        (b"12345678", b"3132333435363738", HEX),
    ],
)
def test_rarer_spellings(value: bytes, spelled: bytes, name: str):
    assert spellings(value)[spelled] == name


def test_equal_spellings_are_looked_for_once_under_the_plainest_name():
    found = spellings(b"onlyletters")
    assert found[b"onlyletters"] == RAW
    assert PERCENT not in found.values()
    assert JSON not in found.values()


@given(st.binary(min_size=VALUE_MIN, max_size=40).filter(lambda value: 0 not in value))
def test_no_spelling_is_shorter_than_a_value_may_be(value: bytes):
    assert min(map(len, spellings(value))) >= VALUE_MIN


def test_a_long_value_is_known_by_its_beginning():
    assert max(map(len, spellings(b"x" * 60_000))) == NEEDLE_MAX
