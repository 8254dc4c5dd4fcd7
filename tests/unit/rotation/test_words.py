"""A word is read back as it was written; whatever else lies in its place says nothing, and is no error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.rotation.presence import Process, this_process
from sealproof.rotation.words import Acknowledgement, RollCall, Use, claimed, departure, proved, written

KEY, OTHER_KEY = bytes(32), bytes([1]) * 32
WORD = Acknowledgement("web-1", 7, 1.5, (Use("NAME", "r", 3, 1),), Process("boot", "pid:[1]", 5, 9), 2.5, 30.0)

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))


@given(
    st.builds(
        Acknowledgement,
        st.text("abc", min_size=1, max_size=5),
        st.integers(0, 2**53),
        st.floats(0, 1e12),
        st.lists(st.builds(Use, st.text(max_size=9), st.text(max_size=9), st.integers(0, 99), st.integers(0, 99))).map(
            tuple
        ),
        st.builds(Process, st.text(max_size=9), st.text(max_size=9), st.integers(0, 2**31), st.integers(0, 2**53)),
        st.floats(0, 1e12),
        st.floats(0, 1e6),
    )
)
def test_a_word_comes_back_as_it_was_written(word):
    assert claimed(written(word, KEY)) == proved(word.consumer, written(word, KEY), KEY) == word
    assert proved(word.consumer, written(word, OTHER_KEY), KEY) is None
    assert proved("another", written(word, KEY), KEY) is None


@given(st.binary(max_size=200))
def test_whatever_bytes_there_are_say_nothing(data):
    assert proved("web-1", data, KEY) is None
    assert departure("web-1", claimed(data), this_process(), 1e9) is None


@given(st.sampled_from(sorted(WORD._fields)), JSON)
def test_one_field_of_another_kind_is_no_error(field, value):
    fields = json.loads(written(WORD, KEY).partition(b"\n")[0]) | {field: value}
    departure("web-1", claimed(json.dumps(fields).encode()), this_process(), 1e9)


@pytest.mark.parametrize("text", [b"[" * 60_000, b'{"uses": []}', b"null", b"[]", b'{"uses": [1], "process": {}}', b""])
def test_what_is_no_word_is_none(text):
    assert claimed(text) is None


def test_a_word_of_numbers_that_are_none_is_none():
    for field, value in (("generation", "7"), ("at", None), ("beat", "now"), ("every_s", []), ("generation", 1.5)):
        fields = json.loads(written(WORD, KEY).partition(b"\n")[0]) | {field: value}
        assert claimed(json.dumps(fields).encode()) is None


def test_nobody_is_called_late_for_what_nobody_was_told():
    assert RollCall([WORD], [], []).lagging(7) == []
    assert RollCall([WORD], ["zz"], []).lagging(8) == ["web-1", "zz"]
    assert RollCall([WORD], ["zz"], []).concerned(7) == ["web-1", "zz"]
