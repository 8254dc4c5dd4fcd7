"""What is done to a log while something goes wrong, and what must hold afterwards."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from audit_workshop import TENANT, Clock, a_record, log_directory, make_store, records_of

from sealproof.vault.audit.anchors import keep_anchor, read_anchor
from sealproof.vault.audit.export import export
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.prune import prune
from sealproof.vault.audit.verify import verify, verify_export

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[str], None]

DAY = 86_400


def append(log: AuditLog, clock: Clock, say: Say) -> None:
    for number in range(2):
        log.append([a_record(request=f"new{number}a"), a_record("user:bob", request=f"new{number}b")])
        say(f"new{number}a")
        say(f"new{number}b")


def change_epoch(log: AuditLog, clock: Clock, say: Say) -> None:
    log.append([a_record(request="before")])
    say("before")
    log.seal()
    log.append([a_record(request="behind")])
    say("behind")


def change_day(log: AuditLog, clock: Clock, say: Say) -> None:
    clock.advance(DAY)
    log.append([a_record(request="tomorrow")])
    say("tomorrow")


def erase(log: AuditLog, clock: Clock, say: Say) -> None:
    log.erase("user:alice")
    say("erased")


def hold(log: AuditLog, clock: Clock, say: Say) -> None:
    log.hold("CASE-1")
    say("CASE-1")


def drop_old(log: AuditLog, clock: Clock, say: Say) -> None:
    prune(log, pinned_key(log.root, TENANT), days=1, now=clock(), request="pruning")
    say("pruning")


def drop_old_after_export(log: AuditLog, clock: Clock, say: Say) -> None:
    prune(log, pinned_key(log.root, TENANT), days=1, now=clock(), request="pruning", export_to=f"{log.root}/export")
    say("pruning")


def anchor(log: AuditLog, clock: Clock, say: Say) -> None:
    keep_anchor(log, f"{log.root}/anchor")


def export_all(log: AuditLog, clock: Clock, say: Say) -> None:
    export(log.root, TENANT, pinned_key(log.root, TENANT), f"{log.root}/export", now=clock())


WORKS = (append, change_epoch, change_day, erase, hold, anchor, export_all, drop_old, drop_old_after_export)


def three_days(parent: Path) -> tuple[str, float]:
    """Return the root of a store with a log of three days, a segment each, and the time it is then."""
    root, clock = make_store(parent), Clock()
    with AuditLog(root, TENANT, clock=clock) as log:
        for day in range(3):
            log.append([a_record(request=f"d{day}"), a_record("user:bob", request=f"d{day}x")])
            log.append([a_record(request=f"d{day}y")])
            clock.advance(DAY)
        keep_anchor(log, f"{root}/anchor")
    return root, clock.now


def requests(root: str) -> list[str]:
    return [line.split(b'"rid":"')[1].split(b'"')[0].decode() for line in records_of(root)]


def check_after_crash(root: str, clock: Clock, acknowledged: list[str], before: list[str]) -> None:
    """Whatever was left: what stands there verifies, nothing acknowledged is missing, and the log goes on, clean."""
    if before:  # else there may be no log yet
        verify(root, TENANT, pinned_key(root, TENANT))
    clock.advance(1)
    with AuditLog(root, TENANT, clock=clock) as log:
        log.append([a_record(request="recovered")])
    verified = verify(root, TENANT, pinned_key(root, TENANT), every_signature=True)
    found = requests(root)
    pruned = verified.first > 0
    assert verified.unfinished == 0
    assert found[-1] == "recovered"
    assert [name for name in before if name in found] == (before if not pruned else before[verified.first :])
    if not pruned:
        assert found[: len(before)] == before
    assert set(acknowledged) - {"erased"} <= set(found)
    names = os.listdir(log_directory(root))
    assert not [name for name in names if name.endswith((".torn.new", ".sealproof-tmp", "start.next"))]
    keys = os.listdir(Path(root, "keys/audit", TENANT))
    epochs = sorted(int(name[6:16]) for name in keys if name.startswith("epoch-"))
    assert epochs in ([verified.epochs], [verified.epochs, verified.epochs + 1])  # the next one may be prepared
    assert not [name for name in keys if name.endswith(".sealproof-tmp")]
    assert len([name for name in names if name.endswith(".torn")]) == verified.happenings.get("audit.recovered", 0)


def check_around(root: str, clock: Clock, work: Callable[..., None]) -> None:
    """What lies outside the log is the old or the new, too; and trying again finishes the work."""
    assert read_anchor(f"{root}/anchor").checkpoint.size >= 9
    pinned = pinned_key(root, TENANT)
    if work in (export_all, drop_old_after_export) and os.path.lexists(f"{root}/export"):
        assert verify_export(f"{root}/export", TENANT, pinned).size >= 9
        shutil.rmtree(f"{root}/export")
    with AuditLog(root, TENANT, clock=clock) as log:
        if work is not erase or log.erase("user:alice"):
            work(log, clock, lambda _: None)
    verified = verify(root, TENANT, pinned)
    if work in (drop_old, drop_old_after_export):
        assert verified.first == 6
