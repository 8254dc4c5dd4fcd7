"""Make, verify, restore, list and prune encrypted backups.

sealproof backup create [TENANT] --recipient KEY      a container of one tenant, or of the whole store
sealproof backup create --due --every 24 …            only if the newest is older; safe to run twice, from cron
sealproof backup create TENANT --in-place …           tenants/TENANT/.env.bak
sealproof backup verify FILE --identity KEY_FILE      restore into memory; --passphrase reads one instead
sealproof backup restore FILE [--tenant T] …          bring files back: new data keys, a higher generation
sealproof backup restore FILE --into DIR …            build a whole store where there is none
sealproof backup list | prune

Recipients are public keys of identities kept offline: sealproof key init --recipient FILE prints one. Backups lie
in <root>/backups unless --directory names another place: they are of use only somewhere else.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.key_input import public_key, read_passphrase
from sealproof.cli.progress import Progress
from sealproof.cli.recorded import PLATFORM, recorded
from sealproof.envelope.grammar import check_tenant
from sealproof.envelope.keyfile import parse_keys
from sealproof.errors import CallerError, KeyMissing
from sealproof.loader.files import read_private
from sealproof.loader.keys import KEY_FILE_MAX
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import WHOLE_STORE, Identity, Recipients
from sealproof.vault.backup.opening import verify
from sealproof.vault.backup.rebuild import rebuild
from sealproof.vault.backup.restore import Restore
from sealproof.vault.backup.shelf import IN_PLACE, Shelf, name_of
from sealproof.vault.custodian import Custodian
from sealproof.vault.journal import nothing
from sealproof.vault.keys.strength import check_passphrase
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser
    from sealproof.vault.backup.restore import Restored

_PIPED = 'printf %s "$PASSPHRASE" | sealproof backup …'


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=" | ".join(ACTIONS))
    parser.add_argument("what", metavar="TENANT|FILE", nargs="?", default="", help="create, prune: tenant; else a file")
    arguments.add_json(parser)
    parser.add_argument("--directory", metavar="DIR", default="", help="where backups lie (default: <root>/backups)")
    parser.add_argument("--recipient", metavar="KEY", action="append", default=[], help="who can open it (repeatable)")
    parser.add_argument("--passphrase", action="store_true", help="from standard input or a prompt")
    parser.add_argument(
        "--identity", metavar="FILE", action="append", default=[], help="an X25519 key file (repeatable)"
    )
    parser.add_argument("--in-place", action="store_true", help="create: as .env.bak in the tenant's directory")
    parser.add_argument("--due", action="store_true", help="create: only if the newest is older than --every")
    parser.add_argument("--every", metavar="HOURS", type=int, default=24, help="create --due (24)")
    parser.add_argument("--keep", metavar="N", type=int, default=14, help="create --due, prune: at most so many (14)")
    parser.add_argument("--keep-days", metavar="N", type=int, default=30, help="create --due, prune: none older (30)")
    parser.add_argument("--tenant", metavar="T", default="", help="restore: only this one of a whole store's backup")
    parser.add_argument("--older", action="store_true", help="restore: although the store has newer values")
    parser.add_argument("--erased", action="store_true", help="restore: although the tenant was erased since")
    parser.add_argument("--foreign", action="store_true", help="restore: although another store's writer signed it")
    parser.add_argument(
        "--above", metavar="GENERATION", type=int, default=0, help="restore: the highest that hosts saw"
    )
    parser.add_argument("--into", metavar="DIR", default="", help="restore: build a store in a directory that is empty")


def run(args: Arguments) -> int:
    """Do one of the actions."""
    if args.action in ("verify", "restore") and not args.what:
        message = f"backup {args.action} needs a file"
        raise CallerError(message, hint="sealproof backup list")
    args.directory = args.directory or os.path.join(args.root, "backups")
    return ACTIONS[args.action](args)


def _create(args: Arguments) -> int:
    scope = check_tenant(args.what) if args.what else WHOLE_STORE
    if args.in_place and not args.what:
        message = "only a tenant's backup lies in its own directory"
        raise CallerError(message, hint="sealproof backup create TENANT --in-place --recipient KEY")
    shelf, now = Shelf(args.directory), int(time.time())
    if args.due and not shelf.is_due(scope, hours=args.every, now=now):
        _answer(args, f"not due: the newest is younger than {args.every} h", created=None, removed=[])
        return 0
    passphrase = check_passphrase(read_passphrase("backup", twice=True, hint=_PIPED)) if args.passphrase else None
    recipients = Recipients(tuple(public_key(text) for text in args.recipient), passphrase)
    custodian = Custodian(args.root, iterations=settings_of(args.root).key_derivation_iterations)
    if args.in_place:
        directory, name = os.path.join(args.root, "tenants", scope), IN_PLACE
    else:
        shelf.prepare()
        directory, name = args.directory, name_of(scope, now, os.urandom(4).hex())
    with (
        Progress("backing up") as progress,
        recorded(args.root, "backup.create", tenant=args.what or PLATFORM) as numbers,
    ):
        made = create(
            custodian,
            scope,
            recipients,
            directory=directory,
            name=name,
            advance=lambda path: progress.advance(0, path),
        )
        numbers["bytes"], numbers["count"] = made.size, len(made.manifest.files)
    removed = shelf.prune(scope, count=args.keep, days=args.keep_days, now=now) if args.due else []
    text = f"wrote {made.path}: {console.counted(len(made.manifest.files), 'file')}, {made.size:,} bytes"
    _answer(args, text, created=made.path, bytes=made.size, files=len(made.manifest.files), removed=removed)
    console.say("it is of use only somewhere else, and once it was verified: sealproof backup verify FILE --identity …")
    return 0


def _verify(args: Arguments) -> int:
    contents = verify(args.what, _identity(args), now=int(time.time()))
    sealed = {f"{one.tenant}/{one.environment}": one for one in contents.manifest.sealed}
    if args.json:
        console.answer_json(
            {
                "scope": contents.header.scope,
                "created": contents.header.created,
                "files": len(contents.manifest.files),
                "sealed": {scope: {"generation": one.generation, "epoch": one.epoch} for scope, one in sealed.items()},
                "opened": contents.opens,
                "not_opened": list(contents.sealed_off),
                "audit": contents.manifest.audit,
            }
        )
    else:
        age = console.age(int(time.time()) - contents.header.created)
        console.answer(f"{args.what}: whole, made {age} ago, {console.counted(len(contents.manifest.files), 'file')}")
        for scope, one in sealed.items():
            values = (
                f"{console.counted(contents.opens[scope], 'value')} opened"
                if scope in contents.opens
                else "NOT OPENED: needs a passphrase"
            )
            console.answer(f"  {scope}: generation {one.generation}, {values}")
    if contents.sealed_off:
        console.say("set MASTER_SECRET_KEY to the passphrase of the store that it was made of, and verify again")
    return int(bool(contents.sealed_off))


def _restore(args: Arguments) -> int:
    identity = _identity(args)
    left_out: tuple[str, ...] = ()
    with Progress("restoring") as progress:
        if args.into:
            done = rebuild(
                args.what,
                identity,
                args.into,
                clock=time.time,
                reached=nothing,
                above=args.above,
                advance=lambda path: progress.advance(0, path),
            )
            with recorded(args.into, "backup.restore") as numbers:
                numbers["count"] = len(done)
        else:
            custodian = Custodian(args.root, iterations=settings_of(args.root).key_derivation_iterations)
            overruled = [flag for flag in ("older", "foreign", "erased") if vars(args)[flag]]
            asked = "backup.restore" + "".join(f"-{flag[0] if overruled[1:] else flag}" for flag in overruled)
            # Who has no keys here, or none any more, gets no new log by being named.
            log = args.tenant if args.tenant in custodian.keyring.tenants() else PLATFORM
            restore = Restore(custodian, advance=lambda scope: progress.advance(0, scope))
            with recorded(args.root, asked, tenant=log) as numbers:
                done = restore.restore(
                    args.what,
                    identity,
                    tenant=args.tenant,
                    older=args.older,
                    foreign=args.foreign,
                    erased=args.erased,
                    above=args.above,
                )
                numbers["count"] = len(done)
            left_out = restore.left_out
    if args.json:
        console.answer_json({"restored": [one._asdict() for one in done], "left_out": list(left_out)})
    else:
        for one in done:
            console.answer(_line(one))
    for tenant in left_out:
        console.say(f"{tenant} was left out: it was erased after the backup was made (--erased brings it back)")
    console.say("hosts with the old key files open the restored files, too; what was set since the backup is gone")
    return 0


def _line(one: Restored) -> str:
    older = f"; OLDER values than generation {one.replaced_generation}, which stood there" if one.lowered else ""
    return f"{one.scope}: generation {one.backup_generation} of the backup is generation {one.generation} now{older}"


def _list(args: Arguments) -> int:
    kept = Shelf(args.directory).kept()
    if args.json:
        rows = [
            {"name": one.name, "scope": one.header.scope, "created": one.header.created, "bytes": one.size}
            for one in kept
        ]
        console.answer_json({"directory": args.directory, "backups": rows})
    elif kept:
        now = int(time.time())
        rows_text = [
            (one.name, one.header.scope, f"{console.age(now - one.header.created)} ago", f"{one.size:,}")
            for one in kept
        ]
        console.table(("name", "of", "made", "bytes"), rows_text)
    else:
        console.say(f"no backups in {args.directory}: sealproof backup create --recipient KEY")
    return 0


def _prune(args: Arguments) -> int:
    shelf = Shelf(args.directory)
    scopes = [check_tenant(args.what)] if args.what else sorted({one.header.scope for one in shelf.kept()})
    with recorded(args.root, "backup.prune") as numbers:
        now = int(time.time())
        gone = [name for scope in scopes for name in shelf.prune(scope, count=args.keep, days=args.keep_days, now=now)]
        numbers["count"] = len(gone)
    _answer(
        args, f"removed {console.counted(len(gone), 'backup')}" + "".join(f"\n  {name}" for name in gone), removed=gone
    )
    return 0


def _identity(args: Arguments) -> Identity:
    privates: list[bytes] = []
    for path in args.identity:
        text = read_private(path, limit=KEY_FILE_MAX)
        if text is None:
            message = f"there is no key file {path}"
            raise KeyMissing(message, hint="the identity whose public key the backup was made for")
        privates += [line.key for line in parse_keys(text) if line.kind == "x25519"]
    passphrase = read_passphrase("backup", twice=False, hint=_PIPED) if args.passphrase else None
    if not privates and passphrase is None:
        message = "a backup opens with an identity or a passphrase, and neither was named"
        raise CallerError(message, hint=f"sealproof backup {args.action} FILE --identity KEY_FILE, or --passphrase")
    return Identity(tuple(privates), passphrase)


def _answer(args: Arguments, text: str, **data: object) -> None:
    if args.json:
        console.answer_json(data)
    else:
        console.answer(text)


ACTIONS = {"create": _create, "verify": _verify, "restore": _restore, "list": _list, "prune": _prune}
