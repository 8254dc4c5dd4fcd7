"""A save that lost a race on other names is made again; one that lost it on the same name is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import pytest

from sealproof.errors import Changed
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation
from sealproof.vault.patience import seal_beside_others, waits

SCOPE = "acme", "development"


@pytest.fixture(scope="module")
def _template(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("template") / "secrets")
    lay_foundation(root, passphrase=None, iterations=100_000, clock=time.time)
    return root


@pytest.fixture
def root(_template, tmp_path):
    shutil.copytree(_template, tmp_path / "secrets")
    return str(tmp_path / "secrets")


class Overtaken(Custodian):
    """Before each of the first saves somebody else saves a name of their own."""

    theirs: list[tuple[str, bytes]]

    def _save(self, before, data, tenant, environment):
        if self.theirs:
            name, value = self.theirs.pop()
            Custodian(self.store.root).seal(tenant, environment, {name: value})
        return super()._save(before, data, tenant, environment)


@pytest.fixture
def overtaken(root):
    def make(*theirs):
        custodian = Overtaken(root)
        custodian.theirs = list(theirs)
        return custodian

    return make


@pytest.mark.parametrize("is_first", [True, False])
def test_who_lost_to_other_names_tries_again_from_the_newest_file(overtaken, root, is_first):
    if not is_first:
        Custodian(root).seal(*SCOPE, {"MINE": b"0"})
    slept = []
    change = seal_beside_others(
        overtaken(("THEIRS", b"1"), ("ALSO_THEIRS", b"2")), *SCOPE, {"MINE": b"3"}, sleep=slept.append
    )
    assert len(slept) == 2
    assert change.added == (["MINE"] if is_first else [])
    expected = {"MINE": b"3", "THEIRS": b"1", "ALSO_THEIRS": b"2"}
    assert Custodian(root).open(*SCOPE).values() == expected


def test_who_lost_to_the_same_name_is_told(overtaken, root):
    with pytest.raises(Changed):
        seal_beside_others(overtaken(("MINE", b"theirs")), *SCOPE, {"MINE": b"ours"})
    assert Custodian(root).open(*SCOPE).values() == {"MINE": b"theirs"}


def test_nobody_tries_for_ever(overtaken, monkeypatch):
    monkeypatch.setattr("sealproof.vault.patience.WRITE_TRIES", 3)
    with pytest.raises(Changed):
        seal_beside_others(overtaken(*((f"THEIRS_{n}", b"1") for n in range(5))), *SCOPE, {"MINE": b"3"})
    assert len(list(waits())) == 2


def test_commands_typed_at_once_for_different_names_are_all_kept(root):
    words = [sys.executable, "-m", "sealproof", "set", "acme", "--generate", "--root", root]
    running = [
        subprocess.Popen([*words, f"NAME_{n}"], stderr=subprocess.PIPE, stdout=subprocess.PIPE) for n in range(8)
    ]
    answers = [(process.communicate(timeout=120), process.returncode) for process in running]
    assert [code for _, code in answers] == [0] * 8, answers
    assert set(Custodian(root).open(*SCOPE).values()) == {f"NAME_{n}" for n in range(8)}
