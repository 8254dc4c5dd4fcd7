"""ROT-009 and ROT-010: the drills, and what they find when the library is weakened."""

from __future__ import annotations

import pytest

from sealproof.checks import isolation
from sealproof.checks.rotation import revocation_speed
from sealproof.findings import Status

SLEEPY = """
import time
from sealproof.vault.keys.epochs import Epochs
_rotate = Epochs.rotate
Epochs.rotate = lambda self, *args, **options: (time.sleep(0.6), _rotate(self, *args, **options))[1]
"""
KEEPS_OLD_KEYS = """
from sealproof.vault.keys.epochs import Epochs
Epochs.destroy = lambda self, *args, **options: []
Epochs.rotate = lambda self, *args, **options: None
"""
REVOKES_EARLY = """
from sealproof.rotation.steps import Steps
_current = Steps._current
def _early(self):
    old = self._look().current
    step = _current(self)
    self._target._revoke(old)
    return step
Steps._current = _early
"""
KEEPS_NEW_ON_THE_WAY_BACK = """
from sealproof.rotation.shelf import Shelf
Shelf.withdraw = lambda self, name, rollout: self.announce(name, rollout)
"""


@pytest.fixture
def weakened(monkeypatch):
    return lambda text: monkeypatch.setattr(isolation, "PRELUDE", text)


def test_the_library_as_it_is_passes(store, run_check):
    assert run_check(store, "ROT-009", "aurora").status is Status.PASS
    assert run_check(store, "ROT-010", "aurora").status is Status.PASS


def test_a_rotation_that_ends_the_old_value_before_its_readers_follow_is_found(store, run_check, weakened, failure):
    weakened(REVOKES_EARLY)
    assert "a reader was given a value that had ended" in failure(run_check(store, "ROT-009", "aurora")).observed


def test_a_rollback_that_does_not_bring_the_old_value_back_is_found(store, run_check, weakened):
    weakened(KEEPS_NEW_ON_THE_WAY_BACK)
    assert run_check(store, "ROT-009", "aurora").status in (Status.FAIL, Status.ERROR)


@pytest.mark.parametrize("check", ["ROT-009", "ROT-010"])
def test_an_old_key_that_opens_the_new_file_is_found(store, run_check, weakened, check, failures):
    weakened(KEEPS_OLD_KEYS)
    (finding,) = failures(run_check(store, check, "aurora")).values()
    assert "accepted" in finding.observed


def test_a_slow_revocation_is_found(store, run_check, weakened, failure, monkeypatch):
    weakened(SLEEPY)
    monkeypatch.setattr(revocation_speed, "_MINUTE", 0.01)
    finding = failure(run_check(store, "ROT-010", "aurora"))
    assert finding.resource == "time to revoke"
