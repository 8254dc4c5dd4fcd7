"""`Secret`: one door, and every other view is a mask or a refusal."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from sealproof.loader.secret import Secret

CANARY = "canary-71b3f0aa"


@pytest.fixture
def secret() -> Secret:
    return Secret(CANARY)


def test_reveal_is_the_door(secret):
    assert secret.reveal() == CANARY


@pytest.mark.parametrize(
    "view",
    [
        repr, str, "{}".format, "{:>40}".format, "{!r}".format, lambda it: f"{it}", lambda it: f"{it!s:10}",
        lambda it: "%s %r" % (it, it),  # noqa: UP031 - the old operator is a view like any other
        lambda it: repr([it]), lambda it: repr({"x": it}), lambda it: repr((it, it)),
    ],
)  # fmt: skip
def test_views_are_masked(view, secret):
    assert "<secret>" in view(secret)
    assert CANARY not in view(secret)


def test_vars_is_refused(secret):
    with pytest.raises(TypeError):
        vars(secret)


def test_json_is_refused(secret):
    with pytest.raises(TypeError) as refused:
        json.dumps({"secret": secret})
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_is_refused(protocol, secret):
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        pickle.dumps(secret, protocol)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
def test_copying_is_refused(how, secret):
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        how(secret)


def test_a_debuggers_walk_over_the_attributes_shows_nothing(secret):
    for name in dir(secret):
        try:
            seen = getattr(secret, name)
        except AttributeError:
            continue
        assert CANARY not in repr(seen)


def test_state_shows_nothing(secret):
    state = getattr(secret, "__getstate__", lambda: None)()  # object has it from 3.11 on
    assert CANARY not in repr(state)


def test_equality_is_identity(secret):
    assert secret == secret  # noqa: PLR0124 - identity is the point
    assert secret != Secret(CANARY)
    assert secret != CANARY
    assert len({secret, secret, Secret(CANARY)}) == 2


def test_nothing_can_be_attached(secret):
    with pytest.raises(AttributeError):
        secret.value = CANARY  # type: ignore[attr-defined]
