"""Sign and read the store's human records: who is who, what was reviewed, approved, erased.

sealproof record key FILE                       a signing key of your own; FILE.pub is its public half
sealproof record person NAME --public FILE --duty approver --duty reviewer
sealproof record leaver NAME --day 2026-11-30
sealproof record audit-review TENANT --by NAME --key FILE --outcome TEXT
sealproof record access-review --by NAME --key FILE --outcome TEXT
sealproof record approval PATH --author NAME --reference TEXT --by NAME --key FILE
sealproof record exposure TENANT/ENVIRONMENT/NAME --note TEXT --by NAME --key FILE
sealproof record erasure TENANT --reference TEXT --by NAME --key FILE
sealproof record list                           every record, and what is not to be believed

A person is vouched for by the store's policy key, so `person` and `leaver` work where the store's keys/ are.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.private_file import write_private
from sealproof.errors import CallerError, KeyMissing
from sealproof.loader.files import read_private, read_public
from sealproof.signing import SEED_BYTES, SigningKey, fingerprint, public_from_pem, public_to_pem
from sealproof.vault.keys.keyring import Keyring
from sealproof.vault.records import interface as kinds
from sealproof.vault.records.drafts import access_review, approval, audit_review
from sealproof.vault.records.interface import POLICY_KEY, Record
from sealproof.vault.records.shelf import Shelf, every_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.cli.arguments import Arguments, Parser
    from sealproof.vault.records.interface import Fields

ACTIONS = ("key", *kinds.KINDS, "list")
_PEM_MAX = 4096  # bytes


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", metavar="KIND", choices=ACTIONS, help=" | ".join(ACTIONS))
    parser.add_argument("about", metavar="ABOUT", nargs="?", default="", help="the person, tenant, secret or file")
    parser.add_argument("--by", metavar="NAME", default="", help="who signs")
    parser.add_argument("--key", metavar="FILE", default="", help="the signer's private Ed25519 key in PEM")
    parser.add_argument("--public", metavar="FILE", default="", help="person: the public key in PEM")
    parser.add_argument(
        "--duty", action="append", choices=kinds.DUTIES, default=[], help="person: what they may sign (repeatable)"
    )
    parser.add_argument("--day", metavar="DAY", default="", help="leaver: the last day, in UTC (default: today)")
    parser.add_argument("--author", metavar="NAME", default="", help="approval: who made the change")
    parser.add_argument("--reference", metavar="TEXT", default="", help="approval, erasure: the ticket or request")
    parser.add_argument("--outcome", metavar="TEXT", default="", help="reviews: what was found")
    parser.add_argument("--note", metavar="TEXT", default="", help="exposure: what happened")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Do one of the actions."""
    if args.action == "list":
        return _list(args)
    if not args.about and args.action != kinds.ACCESS_REVIEW:
        message = f"record {args.action} needs to know what it is about"
        raise CallerError(message, hint="sealproof record --help")
    if args.action == "key":
        return _key(args.about)
    vouched = args.action in (kinds.PERSON, kinds.LEAVER) and not args.by
    key = _policy_key(args.root) if vouched else key_of(args.key)
    record = _draft(args, POLICY_KEY if vouched else args.by)
    path = Shelf(args.root).add(record, key)
    console.answer(f"signed {path}")
    return 0


def key_of(path: str) -> SigningKey:
    """Return the private key in a file of the signer's own. Raises CallerError, KeyMissing, UnsafeFile."""
    if not path:
        message = "a record is signed by a person"
        raise CallerError(message, hint="--by NAME --key FILE; sealproof record key FILE makes a key")
    text = read_private(path, limit=_PEM_MAX)
    if text is None:
        message = f"there is no key file {path}"
        raise KeyMissing(message, hint=f"sealproof record key {path}")
    return SigningKey.from_pem(text, name=path)


def _key(path: str) -> int:
    key = SigningKey(os.urandom(SEED_BYTES))
    write_private(path, key.to_pem().decode())
    write_private(f"{path}.pub", public_to_pem(key.public).decode())
    console.answer(f"wrote {path} and {path}.pub: {fingerprint(key.public)}")
    console.say("hand out only the public half: sealproof record person NAME --public FILE")
    return 0


def _draft(args: Arguments, by: str) -> Record:
    now, about, root = int(time.time()), args.about, args.root
    if args.action == kinds.PERSON:
        return _person(args, by, now)
    drafts: dict[str, Callable[[], Record]] = {
        kinds.LEAVER: lambda: Record(kinds.LEAVER, by, now, {"name": about, "day": _day(args.day, now)}),
        kinds.AUDIT_REVIEW: lambda: audit_review(root, about, by=by, at=now, outcome=args.outcome),
        kinds.ACCESS_REVIEW: lambda: access_review(root, by=by, at=now, outcome=args.outcome),
        kinds.APPROVAL: lambda: approval(root, about, by=by, at=now, author=args.author, reference=args.reference),
        kinds.EXPOSURE: lambda: Record(kinds.EXPOSURE, by, now, {"resource": about, "note": args.note}),
        kinds.ERASURE: lambda: Record(kinds.ERASURE, by, now, {"tenant": about, "reference": args.reference}),
    }
    return drafts[args.action]()


def _person(args: Arguments, by: str, now: int) -> Record:
    text = read_public(args.public, limit=_PEM_MAX) if args.public else None
    if text is None:
        message = f"there is no public key file {args.public}" if args.public else "a person has a public key"
        raise CallerError(message, hint=f"sealproof record person {args.about} --public FILE")
    public = public_from_pem(text, name=args.public)
    fields: Fields = {"name": args.about, "key": public.hex(), "duties": tuple(sorted(args.duty))}
    return Record(kinds.PERSON, by, now, fields)


def _list(args: Arguments) -> int:
    records, refused = every_record(args.root)
    if args.json:
        console.answer_json(
            {
                "records": [
                    {"path": item.path, "kind": item.kind, "by": item.by, "at": item.at, "fields": dict(item.fields)}
                    for item in records
                ],
                "refused": [{"path": item.path, "reason": item.reason} for item in refused],
            }
        )
        return 1 if refused else 0
    if records:
        rows = [
            (item.kind, f"{datetime.fromtimestamp(item.at, UTC):%Y-%m-%d}", item.by, _about(item)) for item in records
        ]
        console.table(("kind", "signed", "by", "about"), rows)
    else:
        console.say(f"{args.root} has no records yet")
    for item in refused:
        console.answer(f"NOT BELIEVED {console.visible(item.path)}: {console.visible(item.reason)}")
    return 1 if refused else 0


def _about(record: Record) -> str:
    named = (record.fields.get(name) for name in ("name", "tenant", "subject", "resource"))
    return str(next((value for value in named if value), "the access policy"))


def _day(text: str, now: int) -> str:
    if not text:
        return f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        message = f"{text!r:.40} is no day"
        raise CallerError(message, hint="--day 2026-11-30")
    return text


def _policy_key(root: str) -> SigningKey:
    return Keyring(root).signing_key(POLICY_KEY)
