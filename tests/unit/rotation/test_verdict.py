"""How a new credential is judged by those who use it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.rotation.audited import Evidence
from sealproof.rotation.verdict import Gate, Judgement, judge
from sealproof.rotation.words import Acknowledgement, Use

GATE = Gate(failures=0, users=1, soak_s=10, patience_s=100)


def word(consumer: str, ok: int, failed: int, *, name: str = "NAME", rotation: str = "r") -> Acknowledgement:
    return Acknowledgement(consumer, 1, 0.0, (Use(name, rotation, ok, failed),))


def verdict(words, elapsed, *, among=("web-1",), gate=GATE, audited=None):
    return judge(words, name="NAME", rotation="r", among=among, elapsed_s=elapsed, gate=gate, audited=audited)


PROVED = Evidence({"web-1": 1}, {})


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


@pytest.mark.parametrize(
    ("words", "elapsed", "audited", "expected"),
    [
        ([word("web-1", 1, 0)], 10, PROVED, Judgement.GOOD),
        ([word("web-1", 1, 0)], 10, Evidence({}, {}), Judgement.WAIT),
        ([word("web-1", 1, 0)], 100, Evidence({}, {}), Judgement.BAD),
        ([word("web-1", 1, 0)], 100, Evidence({"web-2": 9}, {}), Judgement.BAD),  # another one's record
        ([], 100, PROVED, Judgement.BAD),  # a record, and no word
        ([word("web-1", 0, 0)], 100, PROVED, Judgement.BAD),
        ([word("web-1", 1, 0)], 10, Evidence({"web-1": 1}, {"web-1": 1}), Judgement.BAD),
        ([word("web-1", 1, 0)], 10, Evidence({"web-1": 1}, {"web-7": 1}), Judgement.BAD),
        ([word("web-1", 1, 0)], 10, Evidence({}, {}, "cut"), Judgement.BAD),
        ([word("web-1", 1, 0)], 0, Evidence({}, {}, "cut"), Judgement.BAD),
    ],
)
def test_the_table_with_the_audit_log(words, elapsed, audited, expected):
    assert verdict(words, elapsed, audited=audited).judgement is expected


def test_a_refusal_that_word_and_log_both_know_is_one():
    found = verdict([word("web-1", 1, 2)], 0, audited=Evidence({}, {"web-1": 2}))
    assert found.why == "the target refused the new credential of web-1 (2)"


def test_a_use_without_a_record_is_told_from_no_use():
    assert (
        "web-1 said so, and the audit log has no record of it"
        in verdict([word("web-1", 1, 0)], 100, audited=Evidence({}, {})).why
    )
    assert "record" not in verdict([], 100, audited=Evidence({}, {})).why


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.floats(0, 200))
def test_the_audit_log_never_turns_a_verdict_into_a_pass(ok, failed, used, refused, elapsed):
    alone = verdict([word("web-1", ok, failed)], elapsed).judgement
    both = verdict(
        [word("web-1", ok, failed)], elapsed, audited=Evidence({"web-1": used}, {"web-1": refused})
    ).judgement
    if both is Judgement.GOOD:
        assert alone is Judgement.GOOD
        assert used > 0
