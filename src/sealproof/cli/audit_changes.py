"""The audit commands that write to a log: each records who asked for it before it is done."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from sealproof.cli.audit_shared import answer, pinned_by, progress_of
from sealproof.errors import CallerError, OnLegalHold
from sealproof.vault.audit.anchors import keep_anchor
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.prune import prune
from sealproof.vault.inventory import this_user
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.cli.arguments import Arguments


def anchor_log(args: Arguments) -> int:
    """Keep the newest checkpoint in a file."""
    if not args.output:
        message = "audit anchor needs a file to keep the checkpoint in"
        raise CallerError(message, hint="sealproof audit anchor TENANT --output audit-anchors/TENANT.anchor")
    with _log(args) as log:
        checkpoint = keep_anchor(log, args.output)
    said = {"path": args.output, "origin": checkpoint.origin, "size": checkpoint.size, "epoch": checkpoint.epoch}
    answer(args, said, [f"anchored {checkpoint.size} records of {args.tenant} in {args.output}"])
    return 0


def prune_log(args: Arguments) -> int:
    """Drop what is older than the retention."""
    if bool(args.export) == args.without_export:
        message = "audit prune needs to know where the copy goes: what is dropped is gone"
        raise CallerError(message, hint="sealproof audit prune TENANT --export DIR, or --without-export")
    days = args.days or settings_of(args.root).audit_retention_days
    pinned, now = pinned_by(args), time.time()
    with _log(args) as log, progress_of("pruning", args.tenant) as progress:
        request = _asked(log, "audit.prune", limit=days)
        try:
            done = prune(log, pinned, days=days, now=now, export_to=args.export, request=request, progress=progress)
        except OnLegalHold:
            log.append([_by_this_user("audit.prune", Outcome.DENY, request)])
            raise
    if done is None:
        answer(args, {"pruned": False, "days": days}, [f"nothing to do: no whole segment is older than {days} days"])
        return 0
    text = f"pruned records {done.first} to {done.until - 1} ({done.segments} segments, {done.bytes} bytes)"
    kept = f"; exported to {args.export} before" if args.export else ""
    answer(args, {"pruned": True, "days": days, **done._asdict()}, [text + kept])
    return 0


def hold_log(args: Arguments) -> int:
    """Put the log on legal hold."""
    _of_case(args, AuditLog.hold)
    answer(args, {"held": args.what}, [f"on legal hold for {args.what}: nothing of the log of {args.tenant} is pruned"])
    return 0


def release_log(args: Arguments) -> int:
    """Lift the legal hold."""
    _of_case(args, AuditLog.release)
    answer(args, {"released": args.what}, [f"the legal hold is lifted: {args.what}"])
    return 0


def erase_log(args: Arguments) -> int:
    """Destroy what a person's pseudonym resolves by."""
    if not args.what:
        message = "audit erase needs to know whom"
        raise CallerError(message, hint="sealproof audit erase TENANT SUBJECT")
    with _log(args) as log:
        _asked(log, "audit.erase")
        erased = log.erase(args.what)
    text = "erased: its pseudonym can be resolved by nobody" if erased else "nothing to erase: the log does not know it"
    answer(args, {"erased": erased}, [text])
    return 0


def seal_log(args: Arguments) -> int:
    """End the epoch."""
    with _log(args) as log:
        log.seal()
    answer(args, {"sealed": True}, [f"ended the epoch of {args.tenant}: its signing key is destroyed"])
    return 0


def _asked(log: AuditLog, operation: str, **numbers: int) -> str:
    """Record who asked for something, before it is done, and return what ties the records together."""
    request = secrets.token_hex(8)
    log.append([_by_this_user(operation, Outcome.ALLOW, request)._replace(numbers=numbers)])
    return request


def _by_this_user(operation: str, outcome: Outcome, request: str) -> AuditRecord:
    return AuditRecord(this_user(), Established.UID, operation, outcome, request=request)


def _of_case(args: Arguments, change: Callable[[AuditLog, str], object]) -> None:
    """Record who asked, then change the log for the case that is named. Raises CallerError if none is."""
    if not args.what:
        message = f"audit {args.action} needs the reference of the case"
        raise CallerError(message, hint=f"sealproof audit {args.action} TENANT CASE-2026-17")
    with _log(args) as log:
        _asked(log, f"audit.{args.action}")
        change(log, args.what)


def _log(args: Arguments) -> AuditLog:
    return AuditLog(args.root, args.tenant, copy_to=settings_of(args.root).audit_log_path)
