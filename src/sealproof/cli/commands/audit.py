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
import sys
import time
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.audit_changes import anchor_log, erase_log, hold_log, prune_log, release_log, seal_log
from sealproof.cli.audit_shared import answer, pinned_by, progress_of
from sealproof.cli.audit_words import entry_json, verified_json, verified_text
from sealproof.envelope.grammar import check_tenant
from sealproof.errors import CallerError, UnknownTenant
from sealproof.vault.audit.anchors import read_anchor
from sealproof.vault.audit.copy import readable
from sealproof.vault.audit.export import export, export_when_due, exported_tenant
from sealproof.vault.audit.home import known_logs
from sealproof.vault.audit.recent import Reader, who_is_who
from sealproof.vault.audit.verify import verify, verify_export
from sealproof.vault.inventory import secret_names
from sealproof.vault.store.local import LocalStore

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser
    from sealproof.vault.audit.export import Exported

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
    add("--every", metavar="DAYS", type=_days, default=1, help="export --into: days between exports (default: 1)")
    add("--days", metavar="N", type=_days, default=0, help="prune: days to keep (default: AUDIT_RETENTION_DAYS)")
    add("--lines", "-n", metavar="N", type=int, default=20, help="tail: how many records (default: 20)")
    add("--follow", "-f", action="store_true", help="tail: go on as records come")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Do one of the actions."""
    if args.action == "verify" and args.export:
        return _verify_export(args)
    args.tenant = _tenant(args)
    actions = {
        "verify": _verify,
        "export": _export,
        "anchor": anchor_log,
        "tail": _tail,
        "prune": prune_log,
        "hold": hold_log,
        "release": release_log,
        "erase": erase_log,
        "seal": seal_log,
    }
    return actions[args.action](args)


def _verify(args: Arguments) -> int:
    anchors = [read_anchor(path) for path in args.anchor]
    with progress_of("verifying", args.tenant) as progress:
        verified = verify(
            args.root,
            args.tenant,
            pinned_by(args),
            anchors=[anchor.checkpoint for anchor in anchors],
            every_signature=args.all_signatures,
            progress=progress,
        )
    answer(args, verified_json(verified), verified_text(verified, now=time.time()))
    if not args.key:
        console.say("pinned by the store's own keys/: whoever could write there could have made another log")
    return 0


def _verify_export(args: Arguments) -> int:
    if not args.key:
        message = "an export is verified with a key that you trust: one found beside it proves nothing"
        raise CallerError(message, hint="sealproof audit verify --export DIR --key PUBLIC_KEY_FILE")
    tenant = args.tenant or exported_tenant(args.export)
    anchors = [read_anchor(path).checkpoint for path in args.anchor]
    with progress_of("verifying", tenant) as progress:
        verified = verify_export(
            args.export,
            tenant,
            pinned_by(args),
            anchors=anchors,
            every_signature=args.all_signatures,
            progress=progress,
        )
    answer(args, verified_json(verified), verified_text(verified, now=time.time()))
    return 0


def _export(args: Arguments) -> int:
    if bool(args.output) == bool(args.into):
        message = "audit export needs one place to write to"
        raise CallerError(message, hint="sealproof audit export TENANT --output DIR, or --into DIR --every DAYS")
    pinned, now = pinned_by(args), time.time()
    done: Exported | None
    with progress_of("exporting", args.tenant) as progress:
        if args.output:
            done = export(args.root, args.tenant, pinned, args.output, now=now, progress=progress)
        else:
            done = export_when_due(
                args.root, args.tenant, pinned, args.into, every_days=args.every, now=now, progress=progress
            )
    if done is None:
        answer(args, {"exported": False}, [f"nothing to do: the newest export in {args.into} is young enough"])
        return 0
    text = (
        f"exported {done.verified.size - done.verified.first} records to {done.path}, export.json sha256 {done.digest}"
    )
    answer(args, {"exported": True, "path": done.path, "sha256": done.digest, **verified_json(done.verified)}, [text])
    console.say(f"whoever gets it verifies it with: sealproof audit verify --export {done.path} --key PUBLIC_KEY_FILE")
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


def _tenant(args: Arguments) -> str:
    """Return whose log it is. Nothing here begins a log: a name in which there is none is a mistake."""
    tenants = known_logs(args.root)
    named = args.tenant or os.environ.get("SEALPROOF_TENANT")
    hint = f"name one of: {', '.join(tenants)}" if tenants else f"ls {args.root}/audit"
    if named:
        if check_tenant(named) not in tenants:
            message = f"{args.root} has no audit log of {named}"
            raise UnknownTenant(message, hint=hint)
        return str(named)
    if len(tenants) != 1:
        message = f"{args.root} has {len(tenants) or 'no'} audit logs, and none was named"
        raise CallerError(message, hint=hint)
    return tenants[0]


def _days(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        message = f"{text!r} is no number of days"
        raise ArgumentTypeError(message)
    return int(text)
