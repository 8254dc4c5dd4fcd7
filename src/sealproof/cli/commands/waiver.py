"""Accept findings for a time: list the waivers of the store, sign one as its approver.

sealproof waiver list                           each waiver, whether it applies, and why not
sealproof waiver sign ID --key FILE             sign it as the approver that it names (docs/waivers.md)

A waiver is written by hand into waivers.toml; the signature covers all of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.target import Target, TargetSpec
from sealproof.cli import arguments, console
from sealproof.cli.commands.record import key_of
from sealproof.compliance import waivers
from sealproof.errors import CallerError, EvidenceRejected
from sealproof.loader.files import open_root
from sealproof.vault.records.shelf import Shelf
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser

ACTIONS = ("list", "sign")
_MODE = 0o644


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=" | ".join(ACTIONS))
    parser.add_argument("id", metavar="ID", nargs="?", default="")
    parser.add_argument("--key", metavar="FILE", default="", help="sign: the approver's private Ed25519 key in PEM")
    parser.add_argument("--waivers", metavar="FILE", default="", help="the waiver file (default: the store's own)")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Do one of the actions."""
    return _list(args) if args.action == "list" else _sign(args)


def _list(args: Arguments) -> int:
    target = Target(TargetSpec(root=args.root, profile=settings_of(args.root).profile, waivers=args.waivers))
    rows = [
        (item.id, f"{item.check}[{item.scope}]", item.resource, item.expires, item.refused or "applies")
        for item in target.waivers.all
    ]
    if args.json:
        names = ("id", "check", "resource", "expires", "state")
        console.answer_json([dict(zip(names, row, strict=True)) for row in rows])
    elif rows:
        console.table(("waiver", "check", "resource", "last day", "state"), rows)
    else:
        console.say(f"no waiver in {target.waivers.path}")
    return 0


def _sign(args: Arguments) -> int:
    if not args.id or not args.key:
        message = "waiver sign needs a waiver and a key"
        raise CallerError(message, hint="sealproof waiver sign ID --key FILE")
    path = args.waivers or os.path.join(args.root, waivers.FILE_NAME)
    key = key_of(args.key)
    with open_root(os.path.dirname(path) or ".") as directory:
        directory.lock()
        text = directory.read(os.path.basename(path), limit=waivers.FILE_MAX, private=False)
        acceptance = waivers.parse(text or b"", path=path).get(args.id)
        if text is None or acceptance is None:
            message = f"{path} has no waiver {args.id!r:.80}"
            raise CallerError(message, hint="sealproof waiver list", names=(args.id,))
        _check_approver(args.root, acceptance.waiver.approver, acceptance.waiver.owner, key.public)
        changed = waivers.with_signature(text, args.id, acceptance.signed_by(key), path=path)
        directory.replace(os.path.basename(path), changed, mode=_MODE)
    console.answer(f"{args.id} is signed by {acceptance.waiver.approver}, to {acceptance.waiver.expires}")
    return 0


def _check_approver(root: str, approver: str, owner: str, public: bytes) -> None:
    import time  # noqa: PLC0415 - beside its only use

    person = Shelf(root).people().person(approver, int(time.time()))
    if person is None or "approver" not in person.duties:
        message = f"{approver} is no approver of this store"
        hint = f"sealproof record person {approver} --public FILE --duty approver"
        raise EvidenceRejected(message, hint=hint, names=(approver,))
    if person.key != public:
        message = f"the key is not {approver}'s"
        raise EvidenceRejected(message, hint="sealproof record list", names=(approver,))
    if owner.casefold() == approver.casefold():
        message = f"{approver} owns the waiver, so another person approves it"
        raise CallerError(message, hint="name another approver in the waiver", names=(approver,))
