"""A disk that is really full, or really read-only: refused, recorded from the reserve, and overcome."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from audit_scenarios import DAY, requests
from audit_workshop import TENANT, a_record, make_store

from sealproof.errors import AuditUnavailable
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.reserve import RESERVE_BYTES
from sealproof.vault.audit.verify import verify


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB of its own. Only root may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0755", "tmpfs", str(place)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop(f"a small disk cannot be mounted, which root may: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill_up(place: Path) -> None:
    """Take every byte that is left."""
    with (place / "ballast").open("ab", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def test_a_full_disk_is_refused_recorded_from_the_reserve_and_overcome(small_disk, clock):
    root = make_store(small_disk)
    with AuditLog(root, TENANT, clock=clock) as log:
        log.append([a_record(request="before")])
        fill_up(small_disk)
        refused = []
        for number in range(400):  # what is left of a page may take some
            try:
                log.append([a_record(request=f"n{number}")] * 4)
            except AuditUnavailable as exc:
                refused.append((exc.message, exc.hint))
        assert len(refused) > 300
        assert set(refused) == {
            (f"the disk is full: nothing can be recorded in the audit log of {TENANT}", f"df -h {root}")
        }
        verified = verify(root, TENANT, pinned_key(root, TENANT))
        assert verified.happenings["audit.full"] == 1
        assert (small_disk / "secrets/audit/.reserve").stat().st_size < RESERVE_BYTES
        (small_disk / "ballast").unlink()
        log.append([a_record(request="behind")])
    assert (small_disk / "secrets/audit/.reserve").stat().st_size == RESERVE_BYTES
    assert requests(root)[0] == "before"
    assert requests(root)[-1] == "behind"
    assert verify(root, TENANT, pinned_key(root, TENANT)).unfinished == 0


def test_each_tenant_that_meets_a_full_disk_records_it(small_disk, clock):
    root = make_store(small_disk)
    tenants = [f"tenant-{number}" for number in range(4)]
    for tenant in tenants:
        with AuditLog(root, tenant, clock=clock) as log:
            log.append([a_record()])
    fill_up(small_disk)
    for tenant in tenants:
        with AuditLog(root, tenant, clock=clock) as log:
            for _ in range(60):
                with suppress(AuditUnavailable):
                    log.append([a_record()] * 4)
        assert verify(root, tenant, pinned_key(root, tenant)).happenings == {"audit.full": 1}


def test_a_full_disk_while_an_epoch_changes(small_disk, clock):
    root = make_store(small_disk)
    with AuditLog(root, TENANT, clock=clock) as log:
        log.append([a_record(request="before")])
        fill_up(small_disk)
        clock.advance(DAY)
        with pytest.raises(AuditUnavailable, match="the disk is full"):
            log.append([a_record(request="refused")])
    assert verify(root, TENANT, pinned_key(root, TENANT)).happenings["audit.full"] == 1
    (small_disk / "ballast").unlink()
    with AuditLog(root, TENANT, clock=clock) as log:
        log.append([a_record(request="behind")])
    assert [name for name in requests(root) if name] == ["before", "behind"]


def test_a_log_is_not_begun_on_a_full_disk(small_disk, clock):
    root = make_store(small_disk)
    fill_up(small_disk)
    with AuditLog(root, TENANT, clock=clock) as log:
        with pytest.raises(AuditUnavailable, match="the disk is full"):
            log.append([a_record()])
        (small_disk / "ballast").unlink()
        log.append([a_record()])
    assert verify(root, TENANT, pinned_key(root, TENANT)).size == 1


def test_a_read_only_disk_is_refused_and_verifies(small_disk, clock):
    root = make_store(small_disk)
    with AuditLog(root, TENANT, clock=clock) as log:
        log.append([a_record()])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with AuditLog(root, TENANT, clock=clock) as log, pytest.raises(AuditUnavailable, match="read-only file system"):
        log.append([a_record()])
    assert verify(root, TENANT, pinned_key(root, TENANT)).size == 1
