"""The system refuses one of our file operations: a typed error, nothing lost, and the log goes on afterwards."""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress

import pytest
from audit_faults import CHANGING, READING, Counter, chosen, counted, fail
from audit_scenarios import WORKS, check_after_crash, check_around, requests, three_days
from audit_workshop import TENANT, Clock

from sealproof.errors import DependencyError
from sealproof.vault.audit.log import AuditLog

CODES = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EROFS": errno.EROFS}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return three_days(tmp_path_factory.mktemp("prepared"))


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("work", WORKS)
def test_an_operation_that_is_refused(prepared, tmp_path, work, code, lasting):
    source, now = prepared
    before = requests(source)
    for at in chosen(2000):
        root, clock, said = str(tmp_path / str(at)), Clock(), []
        shutil.copytree(source, root, copy_function=shutil.copy2)
        clock.now = now
        counter = Counter(at, fail(CODES[code], lasting=lasting))
        refused = suppress(DependencyError)
        with AuditLog(root, TENANT, clock=clock) as log, counted(counter, CHANGING + READING), refused:
            work(log, clock, said.append)
        check_after_crash(root, clock, said, before)
        check_around(root, clock, work)
        shutil.rmtree(root)
        if counter.reached is None:
            return
    pytest.fail("it never ended")
