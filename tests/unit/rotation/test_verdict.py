"""How a new credential is judged by those who use it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.rotation.register import Acknowledgement, Use
from sealproof.rotation.verdict import Gate, Judgement, judge

GATE = Gate(failures=0, users=1, soak_s=10, patience_s=100)


def word(consumer: str, ok: int, failed: int, *, name: str = "NAME", rotation: str = "r") -> Acknowledgement:
    return Acknowledgement(consumer, 1, 0.0, (Use(name, rotation, ok, failed),))


def verdict(words, elapsed, *, among=("web-1",), gate=GATE):
    return judge(words, name="NAME", rotation="r", among=among, elapsed_s=elapsed, gate=gate)


@pytest.mark.parametrize(
    ("words", "elapsed", "expected"),
    [
        ([], 0, Judgement.WAIT),
        ([], 11, Judgement.WAIT),
        ([], 100, Judgement.BAD),
        ([word("web-1", 1, 0)], 9, Judgement.WAIT),
        ([word("web-1", 1, 0)], 10, Judgement.GOOD),
        ([word("web-1", 5, 1)], 0, Judgement.BAD),
        ([word("web-2", 5, 0)], 100, Judgement.BAD),
        ([word("web-1", 5, 0, rotation="another")], 100, Judgement.BAD),
        ([word("web-1", 5, 0, name="OTHER")], 100, Judgement.BAD),
        ([word("web-2", 0, 1)], 0, Judgement.BAD),
    ],
)
def test_the_table(words, elapsed, expected):
    assert verdict(words, elapsed).judgement is expected


def test_a_bad_verdict_names_who_was_refused_and_how_often():
    assert "web-1 (3)" in verdict([word("web-1", 9, 3)], 0).why


def test_nobody_in_the_share_is_nobody_to_wait_for():
    assert verdict([], 10, among=()).judgement is Judgement.GOOD


def test_some_refusals_may_be_accepted():
    assert verdict([word("web-1", 9, 3)], 10, gate=GATE._replace(failures=3)).judgement is Judgement.GOOD


@given(st.integers(0, 5), st.integers(0, 5), st.floats(0, 200))
def test_one_more_refusal_never_makes_it_better(ok, failed, elapsed):
    order = (Judgement.BAD, Judgement.WAIT, Judgement.GOOD)
    better, worse = (verdict([word("web-1", ok, count)], elapsed).judgement for count in (failed, failed + 1))
    assert order.index(worse) <= order.index(better)
