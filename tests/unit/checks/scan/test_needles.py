from __future__ import annotations

import pickle
import random
import secrets
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.checks.scan.needles import Needles


def raw_hits(needles: Needles[int], data: bytes) -> set[tuple[int, int]]:
    return {(hit.offset, hit.owner) for hit in needles.hits(data) if hit.spelling == "as it stands"}


@pytest.mark.parametrize("length", [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 23, 24, 64, 300])
def test_a_value_is_found_at_every_alignment_and_at_both_ends(length: int):
    value = secrets.token_bytes(length).replace(b"\0", b"\1")
    needles = Needles([(value, 7)])
    for before in range(17):
        for after in (0, 1, 9):
            data = b"-" * before + value + b"-" * after
            assert raw_hits(needles, data) == {(before, 7)}, (before, after)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_it_finds_what_a_plain_search_finds(data: st.DataObject):
    alphabet = st.text("ab", min_size=8, max_size=20)
    values = data.draw(st.lists(alphabet, min_size=1, max_size=6, unique=True))
    text = data.draw(st.text("ab", max_size=60)) + data.draw(st.sampled_from(values)) + data.draw(st.text("ab"))
    expected = {
        (offset, number)
        for number, value in enumerate(values)
        for offset in range(len(text))
        if text.startswith(value, offset)
    }
    needles = Needles([(value.encode(), number) for number, value in enumerate(values)])
    assert raw_hits(needles, text.encode()) == expected


def test_values_that_begin_and_end_alike_are_told_apart():
    values = [f"postgresql://app:{secrets.token_hex(12)}@db.internal:5432/app".encode() for _ in range(300)]
    needles = Needles([(value, number) for number, value in enumerate(values)])
    data = b"postgresql://app:" * 1000 + values[17] + b"@db.internal:5432/app" * 1000 + values[230]
    assert {owner for _, owner in raw_hits(needles, data)} == {17, 230}


def test_a_value_that_two_secrets_share_is_told_for_both():
    shared = secrets.token_urlsafe(20).encode()
    needles = Needles([(shared, "first"), (b"another-" + shared, "second"), (shared, "third")])
    assert {hit.owner for hit in needles.hits(b"x = " + shared)} == {"first", "third"}


def test_nothing_is_found_in_nothing_nor_by_nothing():
    assert list(Needles([(b"something", 1)]).hits(b"")) == []
    assert list(Needles([]).hits(b"something")) == []


def test_needles_neither_show_values_nor_travel():
    needles = Needles([(b"not-to-be-shown", 1)])
    assert "not-to-be" not in repr(needles)
    with pytest.raises(TypeError, match="do not travel"):
        pickle.dumps(needles)


def test_time_grows_with_the_file_and_not_with_the_number_of_values():
    chosen = random.Random(5)
    text = b"".join(chosen.randbytes(6).hex().encode() + b" " for _ in range(150_000))

    def seconds(count: int, size: int) -> float:
        needles = Needles([(secrets.token_urlsafe(chosen.choice((6, 24))).encode(), n) for n in range(count)])
        data = text[:size]
        best = float("inf")
        for _ in range(3):
            started = time.process_time()  # others use the machine, too
            assert not list(needles.hits(data))
            best = min(best, time.process_time() - started)
        return best

    few, many = seconds(50, len(text)), seconds(5000, len(text))
    assert many < 6 * few  # a hundred times as many values; what is left is the processor's cache
    assert many < 10 * max(seconds(5000, len(text) // 4), 1e-4)
