"""Who uses the new credential when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import MalformedFile, RotationRefused
from sealproof.rotation import rollout as rollouts
from sealproof.rotation.rollout import ENTRY, Rollout, Stage, value_for
from sealproof.rotation.strategies import SHARES, Strategy, canary_set, choose, is_in_share, shares
from sealproof.rotation.targets.interface import Capabilities

TWO, ONE = Capabilities(overlap=2), Capabilities(overlap=1)


@given(rotation=st.text(min_size=1), consumer=st.text(min_size=1))
def test_whoever_is_in_stays_in_as_the_share_grows(rotation, consumer):
    answers = [is_in_share(rotation, consumer, share) for share in (0, *SHARES)]
    assert answers == sorted(answers)
    assert answers[0] is False
    assert answers[-1] is True


@pytest.mark.parametrize("share", SHARES)
def test_a_share_is_about_as_large_as_it_says(share):
    inside = sum(is_in_share("a-rotation", f"web-{number}", share) for number in range(20_000))
    assert abs(inside / 20_000 - share / 10_000) < 0.02


def test_another_rotation_begins_with_other_consumers():
    first, second = (
        {number for number in range(1000) if is_in_share(rotation, f"web-{number}", 500)} for rotation in ("a", "b")
    )
    assert first != second


@pytest.mark.parametrize("asked", [None, *Strategy])
def test_two_credentials_at_once_allow_everything(asked):
    assert choose(asked, TWO, described="x") is (asked or Strategy.BLUE_GREEN)


@pytest.mark.parametrize("asked", [Strategy.BLUE_GREEN, Strategy.CANARY, Strategy.GRADUAL])
def test_one_credential_at_a_time_allows_only_immediate(asked):
    assert choose(None, ONE, described="x") is Strategy.IMMEDIATE
    assert choose(Strategy.IMMEDIATE, ONE, described="x") is Strategy.IMMEDIATE
    with pytest.raises(RotationRefused, match=asked.value):
        choose(asked, ONE, described="x")


def test_only_watched_strategies_have_steps():
    assert {strategy: len(shares(strategy)) for strategy in Strategy} == {
        Strategy.BLUE_GREEN: 0, Strategy.IMMEDIATE: 0, Strategy.CANARY: 1, Strategy.GRADUAL: 4,
    }  # fmt: skip


def test_canaries_are_the_named_ones_or_the_first_registered():
    assert canary_set(("b", "a"), 1, ["c"]) == ("a", "b")
    assert canary_set((), 2, ["c", "a", "b"]) == ("a", "b")
    with pytest.raises(RotationRefused):
        canary_set((), 2, [])


@pytest.mark.parametrize(
    ("stage", "expected"),
    [(Stage.STAGED, b"old"), (Stage.SHARED, b"new"), (Stage.GRACE, b"old"), (Stage.WITHDRAWN, b"old")],
)
def test_only_a_shared_pending_value_is_used(stage, expected):
    values = {"NAME": b"old", "NAME.pending": b"new"}
    assert value_for("NAME", "web-1", values, Rollout("r", stage, 0, 1, share=10_000)) == expected


def test_a_canary_uses_the_new_value_and_nobody_else():
    values = {"NAME": b"old", "NAME.pending": b"new"}
    rollout = Rollout("r", Stage.SHARED, 0, 1, canaries=("web-1",))
    assert value_for("NAME", "web-1", values, rollout) == b"new"
    assert value_for("NAME", "web-2", values, rollout) == b"old"
    assert value_for("OTHER", "web-1", values, None) is None


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,9}", fullmatch=True),
        st.builds(
            Rollout,
            st.text(max_size=9), st.sampled_from(Stage), st.floats(0, 2**40), st.integers(0, 2**50),
            st.integers(0, 10_000), st.lists(st.text(max_size=9), max_size=3).map(tuple),
        ),
    )
)  # fmt: skip
def test_what_consumers_are_told_comes_back_as_it_was(told):
    assert rollouts.decode({ENTRY: rollouts.encode(told)}) == told


@pytest.mark.parametrize("text", [b"", b"[]", b'{"A":1}', b'{"A":{"stage":"x"}}', b"\xff"])
def test_a_damaged_rollout_is_a_typed_error(text):
    with pytest.raises(MalformedFile):
        rollouts.decode({ENTRY: text})
