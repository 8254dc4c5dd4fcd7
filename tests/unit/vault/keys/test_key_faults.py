"""ENOSPC, EIO and EROFS at every file operation of key life: a typed error, and the earlier state loads.

The ordinary run tries a share of them that the seed chooses; `make faults` all.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter

import pytest

from sealproof.errors import SealproofError
from sealproof.loader.keys import forget_keys
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.life import KeyLife
from sealproof.vault.keys.signers import Signers

from .conftest import GLOBEX, PRODUCTION, SCENARIOS

CALLS = ("open", "write", "pwrite", "fsync", "rename", "mkdir", "unlink", "ftruncate", "fchmod")
FAULTS = (errno.ENOSPC, errno.EIO, errno.EROFS)
SCOPES = (("acme", "production", PRODUCTION), ("acme", "development", GLOBEX), ("globex", "development", GLOBEX))


class Faults:
    """Counts our changing file operations, and refuses the one that is chosen."""

    def __init__(self, monkeypatch, number=0, chosen=None):
        self.counted = Counter()
        self.chosen = chosen
        self.number = number
        self.met = False
        for call in CALLS:
            monkeypatch.setattr(os, call, self._wrapped(call, getattr(os, call)))

    def _wrapped(self, call, real):
        def wrapped(*args, **options):
            if call == "open" and not args[1] & (os.O_WRONLY | os.O_RDWR):
                return real(*args, **options)
            self.counted[call] += 1
            if (call, self.counted[call]) == self.chosen:
                self.met = True
                raise OSError(self.number, os.strerror(self.number))
            return real(*args, **options)

        return wrapped


@pytest.mark.parametrize(
    "scenario",
    ["save", "rotate", "destroy", "master", "roll-report", "roll-policy", "roll-writer", "finish-writer", "erase"],
)
def test_a_refused_file_operation_loses_nothing(store, tmp_path, scenario):
    if scenario == "destroy":
        Custodian(str(store)).rotate_epoch("acme", "production")
    if scenario == "finish-writer":
        Signers(Custodian(str(store))).roll("writer")
    with pytest.MonkeyPatch.context() as patch:
        rehearsal = tmp_path / "rehearsal"
        shutil.copytree(store, rehearsal)
        counting = Faults(patch)
        SCENARIOS[scenario](Custodian(str(rehearsal)))
    chosen = [(call, number) for call, count in counting.counted.items() for number in range(1, count + 1)]
    assert len(chosen) > 4
    step = 1 if os.environ.get("SEALPROOF_TEST_FULL") else max(1, len(chosen) // 16)
    start = int(os.environ.get("SEALPROOF_TEST_SEED", os.getpid())) % step
    for turn, (call, number) in enumerate(chosen[start::step]):
        root = tmp_path / f"{call}-{number}"
        shutil.copytree(store, root)
        with pytest.MonkeyPatch.context() as patch:
            faults = Faults(patch, FAULTS[turn % len(FAULTS)], (call, number))
            with pytest.raises(SealproofError) as refused:
                SCENARIOS[scenario](Custodian(str(root)))
            assert faults.met, (call, number, f"SEALPROOF_TEST_SEED={start}")
        assert refused.value.hint, (refused.value, call, number, f"SEALPROOF_TEST_SEED={start}")
        check(root, scenario)
        shutil.rmtree(root)


def check(root, scenario):
    """The state is the old or the new one, and the operation can be finished."""
    forget_keys()
    custodian = Custodian(str(root))
    for tenant, environment, values in SCOPES:
        if scenario != "erase" or tenant != "acme":
            found = custodian.open(tenant, environment).values()
            assert found in (values, {**values, "DB_PASSWORD": b"a-new-value-8812"})
    custodian.keyring.journal.verify()
    assert PolicyFile(str(root)).load().policy.generation == 1
    life = KeyLife(custodian, subject="user:tester")
    for operation in life.unfinished():
        life.resume(operation)
    assert [one.last for one in life.unfinished()] in ([], ["wait"])
