"""Counting attempts: what holds, what got through, and what is no proof at all."""

from __future__ import annotations

import os

import pytest

from sealproof.checks.trials import Trials, control
from sealproof.errors import CannotOpen, InvalidName, KeyMissing, ToolFailed
from sealproof.findings import Status


def test_a_refusal_of_the_right_kind_holds():
    trials = Trials()
    with trials.refuses("a file"):
        raise CannotOpen("no")
    with trials.refuses("a name", InvalidName, KeyMissing):
        raise KeyMissing("no")
    finding = trials.finding("scratch", expected="refused")
    assert (finding.status, finding.observed) == (Status.PASS, "2 attempts, all held")


def test_anything_else_got_through_and_is_named_by_its_class():
    trials = Trials()
    with trials.refuses("accepted"):
        pass
    with trials.refuses("another kind"):
        raise KeyMissing("no")
    with trials.refuses("no kind of ours"):
        raise LookupError("a value")
    trials.holds("afterwards", condition=False)
    finding = trials.finding("scratch", expected="refused", fix="mend it", note="; seed 1")
    assert (finding.status, finding.expected, finding.fix) == (Status.FAIL, "refused", "mend it")
    assert finding.observed == (
        "4 of 4 attempts got through: accepted: accepted; another kind: KeyMissing; "
        "no kind of ours: LookupError; afterwards; seed 1"
    )


def test_many_are_folded_and_the_same_is_said_once():
    trials = Trials()
    for number in range(20):
        trials.holds(f"kind {number % 10}", condition=False)
    observed = trials.finding("scratch", expected="refused").observed
    assert observed.startswith("20 of 20 attempts got through: kind 0; ")
    assert observed.endswith("; and 4 kinds more")


def test_an_interrupt_is_nobodys_attempt():
    trials = Trials()
    with pytest.raises(KeyboardInterrupt), trials.refuses("a file"):
        raise KeyboardInterrupt


def test_nothing_attempted_is_no_pass():
    with pytest.raises(ToolFailed, match="nothing was attempted"):
        Trials().finding("scratch", expected="refused")


def test_a_control_that_fails_proves_nothing():
    control("it works", condition=True)
    with pytest.raises(ToolFailed, match="positive control failed: it works"):
        control("it works", condition="")


def test_a_call_that_is_refused_does_not_hold():
    def refused() -> bool:
        raise CannotOpen("no")

    trials = Trials()
    trials.holds("one", refused)
    trials.holds("two", lambda: True)
    assert (trials.count, trials.broken) == (2, ["one"])


def test_a_control_afterwards_yields_to_what_got_through():
    def refused() -> bool:
        raise CannotOpen("no")

    trials = Trials()
    trials.control("it works", lambda: True)
    with pytest.raises(ToolFailed, match="it works, afterwards"):
        trials.control("it works", refused)
    trials.holds("one", condition=False)
    trials.control("it works", refused)


def test_a_changed_environment_is_noted_and_mended(monkeypatch):
    monkeypatch.setenv("BEFORE", "1")
    trials = Trials()
    with trials.keep_environment("quiet"):
        pass
    with trials.keep_environment("loud"):
        os.environ["ADDED"] = "2"
        del os.environ["BEFORE"]
    assert trials.broken == ["loud: the environment was changed"]
    assert (os.environ["BEFORE"], "ADDED" in os.environ) == ("1", False)


def test_counts_travel_between_processes():
    there, here = Trials(), Trials()
    there.holds("one", condition=False)
    there.holds("two", condition=True)
    here.add(there.to_plain())
    assert (here.count, here.broken) == (2, ["one"])


@pytest.mark.parametrize("answer", [None, [], {}, {"count": "2", "broken": []}])
def test_an_answer_without_a_count_is_no_pass(answer):
    with pytest.raises(ToolFailed):
        Trials().add(answer)
