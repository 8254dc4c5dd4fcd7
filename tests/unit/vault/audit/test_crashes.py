"""Kill -9 at every file operation: the log opens again with the old state or the new one, and goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from audit_faults import chosen, die_after, die_before, die_half_way, killed_in_child
from audit_scenarios import WORKS, append, check_after_crash, check_around, requests, three_days
from audit_workshop import TENANT, Clock, make_store

from sealproof.vault.audit.log import AuditLog

ENDS = {"before": die_before, "after": die_after, "half-way": die_half_way}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return three_days(tmp_path_factory.mktemp("prepared"))


@pytest.mark.parametrize("end", ENDS)
def test_a_writer_killed_while_a_log_is_begun(tmp_path, end):
    for at in chosen(1000):
        root, clock = make_store(_new(tmp_path / str(at))), Clock()

        def begin(say, root=root, clock=clock):
            with AuditLog(root, TENANT, clock=clock) as log:
                append(log, clock, say)

        died, said = killed_in_child(begin, at, ENDS[end])
        check_after_crash(root, clock, said, [])
        if not died:
            return
    pytest.fail("it never ended")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("work", WORKS)
def test_a_writer_killed_at_any_operation(prepared, tmp_path, work, end):
    source, now = prepared
    before = requests(source)
    for at in chosen(1000):
        root = str(tmp_path / str(at))
        shutil.copytree(source, root, copy_function=shutil.copy2)
        clock = Clock()
        clock.now = now

        def play(say, root=root, clock=clock):
            with AuditLog(root, TENANT, clock=clock) as log:
                work(log, clock, say)

        died, said = killed_in_child(play, at, ENDS[end])
        check_after_crash(root, clock, said, before)
        check_around(root, clock, work)
        shutil.rmtree(root)
        if not died:
            return
    pytest.fail("it never ended")


def _new(path: Path) -> Path:
    path.mkdir()
    return path
