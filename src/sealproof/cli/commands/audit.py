"""Verify, export, watch, anchor and prune a tenant's audit log.

sealproof audit verify [TENANT] [--anchor FILE] [--key FILE]   is the log what was written, and up to where
sealproof audit verify --export DIR --key FILE                 the same of an export, without the store
sealproof audit export TENANT --output DIR                     a copy that a stranger can verify
sealproof audit export TENANT --into DIR --every DAYS          the same, when the newest there is older; for cron
sealproof audit anchor TENANT --output FILE                    keep the newest checkpoint out of the writer's reach
sealproof audit tail TENANT [--lines N] [--follow]             the newest records, readable; not verified
sealproof audit prune TENANT --export DIR [--days N]           export, then drop what is older than the retention
sealproof audit hold | release TENANT REFERENCE                forbid pruning, and allow it again
sealproof audit erase TENANT SUBJECT                           make a person's pseudonym mean nothing any more
sealproof audit seal TENANT                                    end the signing key's epoch now
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.audit_words import entry_json, verified_json, verified_text
from sealproof.cli.progress import Progress
from sealproof.errors import CallerError
from sealproof.loader.files import read_public
from sealproof.signing import public_from_pem
from sealproof.vault.audit.anchors import keep_anchor, read_anchor
from sealproof.vault.audit.copy import readable
from sealproof.vault.audit.export import export, export_when_due, exported_tenant
from sealproof.vault.audit.home import audited_tenants, pinned_key
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.prune import prune
from sealproof.vault.audit.recent import Reader, who_is_who
from sealproof.vault.audit.verify import verify, verify_export
from sealproof.vault.inventory import secret_names, this_user
from sealproof.vault.settings_file import settings_of
from sealproof.vault.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.cli.arguments import Arguments, Parser
    from sealproof.vault.audit.export import Exported
    from sealproof.vault.audit.verify import Progress as Report

ACTIONS = ("verify", "export", "anchor", "tail", "prune", "hold", "release", "erase", "seal")
_PEM_MAX = 4096  # bytes
_FOLLOW_SECONDS = 0.5
_MIB = 20  # bits


def configure(parser: Parser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("action", metavar="ACTION", choices=ACTIONS, help=" | ".join(ACTIONS))
    add("tenant", metavar="TENANT", nargs="?", default="", help="default: SEALPROOF_TENANT, then the only log")
    add("what", metavar="WHAT", nargs="?", default="", help="hold, release: reference of the case; erase: the subject")
    add("--key", metavar="FILE", default="", help="the log's first public key in PEM (default: the store's own)")
    add("--anchor", metavar="FILE", action="append", default=[], help="verify: an anchor from outside (repeatable)")
    add("--all-signatures", action="store_true", help="verify: every signature, not the newest of each epoch")
    add(
        "--export",
        metavar="DIR",
        default="",
        help="verify: an export instead of the store's log; prune: export here before",
    )
    add("--without-export", action="store_true", help="prune: drop without a copy")
    add("--output", metavar="PATH", default="", help="export: a new directory; anchor: a file")
    add("--into", metavar="DIR", default="", help="export: where scheduled exports are kept")
    add("--every", metavar="DAYS", type=int, default=1, help="export --into: days between exports (default: 1)")
    add("--days", metavar="N", type=int, default=0, help="prune: days to keep (default: AUDIT_RETENTION_DAYS)")
    add("--lines", "-n", metavar="N", type=int, default=20, help="tail: how many records (default: 20)")
    add("--follow", "-f", action="store_true", help="tail: go on as records come")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Do one of the actions."""
    if args.action == "verify" and args.export:
        return _verify_export(args)
    args.tenant = args.tenant or os.environ.get("SEALPROOF_TENANT") or _only_log(args.root)
    actions = {
        "verify": _verify,
        "export": _export,
        "anchor": _anchor,
        "tail": _tail,
        "prune": _prune,
        "hold": _hold,
        "release": _release,
        "erase": _erase,
        "seal": _seal,
    }
    return actions[args.action](args)


def _verify(args: Arguments) -> int:
    anchors = [read_anchor(path) for path in args.anchor]
    with _progress("verifying", args.tenant) as progress:
        verified = verify(
            args.root,
            args.tenant,
            _pinned(args),
            anchors=[anchor.checkpoint for anchor in anchors],
            every_signature=args.all_signatures,
            progress=progress,
        )
    _answer(args, verified_json(verified), verified_text(verified, now=time.time()))
    if not args.key:
        console.say("pinned by the store's own keys/: whoever could write there could have made another log")
    return 0


def _verify_export(args: Arguments) -> int:
    if not args.key:
        message = "an export is verified with a key that you trust: one found beside it proves nothing"
        raise CallerError(message, hint="sealproof audit verify --export DIR --key PUBLIC_KEY_FILE")
    tenant = args.tenant or exported_tenant(args.export)
    anchors = [read_anchor(path).checkpoint for path in args.anchor]
    with _progress("verifying", tenant) as progress:
        verified = verify_export(
            args.export, tenant, _pinned(args), anchors=anchors, every_signature=args.all_signatures, progress=progress
        )
    _answer(args, verified_json(verified), verified_text(verified, now=time.time()))
    return 0


def _export(args: Arguments) -> int:
    if bool(args.output) == bool(args.into):
        message = "audit export needs one place to write to"
        raise CallerError(message, hint="sealproof audit export TENANT --output DIR, or --into DIR --every DAYS")
    pinned, now = _pinned(args), time.time()
    done: Exported | None
    with _progress("exporting", args.tenant) as progress:
        if args.output:
            done = export(args.root, args.tenant, pinned, args.output, now=now, progress=progress)
        else:
            done = export_when_due(
                args.root, args.tenant, pinned, args.into, every_days=args.every, now=now, progress=progress
            )
    if done is None:
        _answer(args, {"exported": False}, [f"nothing to do: the newest export in {args.into} is young enough"])
        return 0
    text = (
        f"exported {done.verified.size - done.verified.first} records to {done.path}, export.json sha256 {done.digest}"
    )
    _answer(args, {"exported": True, "path": done.path, "sha256": done.digest, **verified_json(done.verified)}, [text])
    console.say(f"whoever gets it verifies it with: sealproof audit verify --export {done.path} --key PUBLIC_KEY_FILE")
    return 0


def _anchor(args: Arguments) -> int:
    if not args.output:
        message = "audit anchor needs a file to keep the checkpoint in"
        raise CallerError(message, hint="sealproof audit anchor TENANT --output FILE")
    with _log(args) as log:
        checkpoint = keep_anchor(log, args.output)
    answer = {"path": args.output, "origin": checkpoint.origin, "size": checkpoint.size, "epoch": checkpoint.epoch}
    _answer(args, answer, [f"anchored {checkpoint.size} records of {args.tenant} in {args.output}"])
    return 0


def _tail(args: Arguments) -> int:
    reader = Reader(args.root, args.tenant)
    known = who_is_who(args.root, args.tenant, secret_names(LocalStore(args.root), args.tenant))
    entries = reader.newest(max(args.lines, 0))
    while True:
        for entry in entries:
            console.answer(entry_json(entry, known) if args.json else console.visible(readable(entry, known)))
        if not args.follow:
            return 0
        sys.stdout.flush()
        time.sleep(_FOLLOW_SECONDS)
        entries = reader.more()


def _prune(args: Arguments) -> int:
    if bool(args.export) == args.without_export:
        message = "audit prune needs to know where the copy goes: what is dropped is gone"
        raise CallerError(message, hint="sealproof audit prune TENANT --export DIR, or --without-export")
    days = args.days or settings_of(args.root).audit_retention_days
    pinned = _pinned(args)
    with _log(args) as log, _progress("pruning", args.tenant) as progress:
        request = _asked(log, "audit.prune", limit=days)
        done = prune(log, pinned, days=days, now=time.time(), export_to=args.export, request=request, progress=progress)
    if done is None:
        _answer(args, {"pruned": False, "days": days}, [f"nothing to do: no whole segment is older than {days} days"])
        return 0
    text = f"pruned records {done.first} to {done.until - 1} ({done.segments} segments, {done.bytes} bytes)"
    kept = f"; exported to {args.export} before" if args.export else ""
    _answer(args, {"pruned": True, "days": days, **done._asdict()}, [text + kept])
    return 0


def _hold(args: Arguments) -> int:
    with _log(args) as log:
        _asked(log, "audit.hold")
        log.hold(args.what)
    _answer(
        args, {"held": args.what}, [f"on legal hold for {args.what}: nothing of the log of {args.tenant} is pruned"]
    )
    return 0


def _release(args: Arguments) -> int:
    with _log(args) as log:
        _asked(log, "audit.release")
        log.release(args.what)
    _answer(args, {"released": args.what}, [f"the legal hold is lifted: {args.what}"])
    return 0


def _erase(args: Arguments) -> int:
    if not args.what:
        message = "audit erase needs to know whom"
        raise CallerError(message, hint="sealproof audit erase TENANT SUBJECT")
    with _log(args) as log:
        _asked(log, "audit.erase")
        erased = log.erase(args.what)
    text = "erased: its pseudonym can be resolved by nobody" if erased else "nothing to erase: the log does not know it"
    _answer(args, {"erased": erased}, [text])
    return 0


def _seal(args: Arguments) -> int:
    with _log(args) as log:
        log.seal()
    _answer(args, {"sealed": True}, [f"ended the epoch of {args.tenant}: its signing key is destroyed"])
    return 0


def _asked(log: AuditLog, operation: str, **numbers: int) -> str:
    """Record who asked for something, before it is done, and return what ties the records together."""
    request = secrets.token_hex(8)
    subject = f"user:{this_user()}"
    log.append([AuditRecord(subject, Established.UID, operation, Outcome.ALLOW, request=request, numbers=numbers)])
    return request


def _log(args: Arguments) -> AuditLog:
    return AuditLog(args.root, args.tenant, copy_to=settings_of(args.root).audit_log_path)


def _pinned(args: Arguments) -> bytes:
    if not args.key:
        return pinned_key(args.root, args.tenant)
    text = read_public(args.key, limit=_PEM_MAX)
    if text is None:
        message = f"there is no file {args.key}"
        raise CallerError(message, hint="ask the log's owner for keys/signing/audit-TENANT.pub")
    return public_from_pem(text, name=args.key)


def _only_log(root: str) -> str:
    tenants = audited_tenants(root)
    if len(tenants) != 1:
        message = f"{root} has {len(tenants) or 'no'} audit logs, and none was named"
        raise CallerError(message, hint=f"name one of: {', '.join(tenants)}" if tenants else f"ls {root}/audit")
    return tenants[0]


@contextmanager
def _progress(title: str, tenant: str) -> Iterator[Report]:
    with Progress(title) as bar:
        yield lambda _, total: bar.advance((total >> _MIB) + 1, tenant)


def _answer(args: Arguments, value: dict[str, object], lines: list[str]) -> None:
    if args.json:
        console.answer_json(value)
    else:
        for line in lines:
            console.answer(line)
