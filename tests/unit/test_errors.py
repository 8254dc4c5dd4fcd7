"""The error tree: split by who must act, and data all the way."""

from __future__ import annotations

import inspect
import pickle

import pytest

from sealproof import errors

BRANCHES = (errors.CallerError, errors.DataError, errors.AccessDenied, errors.DependencyError)
CLASSES = [value for _, value in inspect.getmembers(errors, inspect.isclass) if value.__module__ == errors.__name__]
LEAVES = [value for value in CLASSES if value is not errors.SealproofError and value not in BRANCHES]


@pytest.mark.parametrize("error", LEAVES)
def test_error_belongs_to_exactly_one_branch(error: type[errors.SealproofError]) -> None:
    assert sum(issubclass(error, branch) for branch in BRANCHES) == 1
    assert issubclass(error, errors.SealproofError)


@pytest.mark.parametrize(
    "error", [errors.CannotOpen, errors.StaleFile, errors.MalformedFile, errors.UnsupportedFormat, errors.LimitExceeded]
)
def test_wrong_data_is_never_undecided(error: type[errors.SealproofError]) -> None:
    assert issubclass(error, errors.DataError)
    assert not issubclass(error, errors.DependencyError)


@pytest.mark.parametrize("error", CLASSES)
def test_error_is_message_hint_and_names(error: type[errors.SealproofError]) -> None:
    raised = error("acme has no file", hint="sealproof init", names=("acme",))
    assert str(raised) == raised.message == "acme has no file"
    assert (raised.hint, raised.names) == ("sealproof init", ("acme",))
    bare = error("acme has no file")
    assert (bare.hint, bare.names) == ("", ())


@pytest.mark.parametrize("error", CLASSES)
def test_error_survives_another_process(error: type[errors.SealproofError]) -> None:
    raised = pickle.loads(pickle.dumps(error("m", hint="h", names=("n",))))
    assert (type(raised), raised.message, raised.hint, raised.names) == (error, "m", "h", ("n",))


@pytest.mark.parametrize("error", CLASSES)
def test_error_says_what_it_means(error: type[errors.SealproofError]) -> None:
    assert error.__doc__
    assert error.__doc__ != errors.SealproofError.__doc__ or error is errors.SealproofError
