"""Which state may follow which."""

from __future__ import annotations

import itertools

import pytest

from sealproof.rotation.states import State, may_follow

ROAD = [
    State.DUE, State.NOTIFIED, State.CREATED, State.SET, State.TESTED, State.PROMOTING, State.CURRENT, State.GRACE,
    State.REVOKED, State.DONE,
]  # fmt: skip


def test_the_whole_road_is_open():
    assert all(may_follow(state, following) for state, following in itertools.pairwise(ROAD))


@pytest.mark.parametrize("state", ROAD)
def test_no_state_is_skipped_but_for_the_shares(state):
    for following in ROAD[ROAD.index(state) + 2 :]:
        assert may_follow(state, following) is ((state, following) == (State.TESTED, State.CURRENT))


@pytest.mark.parametrize("state", [State.DONE, State.ROLLED_BACK])
def test_nothing_follows_the_end(state):
    assert state.is_final
    assert not any(may_follow(state, following) for following in State)


def test_there_is_no_way_back_once_the_old_one_may_have_ended():
    for following in (State.ROLLING_BACK, State.ROLLED_BACK, State.GRACE, State.CURRENT):
        assert not may_follow(State.REVOKED, following)
    assert not State.REVOKED.may_turn_back
    assert all(may_follow(state, State.ROLLING_BACK) for state in ROAD[: ROAD.index(State.REVOKED)])


def test_going_back_never_turns_forward_again():
    allowed = {following for following in State if may_follow(State.ROLLING_BACK, following)}
    assert allowed == {State.ROLLING_BACK, State.ROLLED_BACK, State.NEEDS_HUMAN}
