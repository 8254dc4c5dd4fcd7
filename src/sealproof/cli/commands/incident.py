"""Say who and what is affected if a key or a secret got out, and write the pack for a breach notice.

sealproof incident TENANT                       the tenant's keys got out
sealproof incident TENANT --environment E       the key of one environment got out
sealproof incident TENANT --secret NAME         one secret got out
sealproof incident --all                        the master got out: every tenant

Reads public parts, the audit log and the manifests; opens nothing. `--output DIR` writes notice.md, scope.json,
secrets.csv and accesses.csv to a new directory.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.private_file import write_private
from sealproof.errors import CallerError, StoreExists
from sealproof.loader.files import unavailable
from sealproof.reports.notice import affected, pack
from sealproof.vault.incident import scope_of
from sealproof.vault.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("tenant", metavar="TENANT", nargs="?", default="")
    parser.add_argument("--environment", "--env", metavar="E", default="", help="only this environment (default: all)")
    parser.add_argument("--secret", metavar="NAME", default="", help="only this secret")
    parser.add_argument("--all", action="store_true", help="every tenant")
    parser.add_argument("--output", metavar="DIR", default="", help="write the pack to a new directory")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Gather, say, write."""
    if bool(args.tenant) == args.all:
        message = "incident needs a tenant, or --all"
        raise CallerError(message, hint="sealproof incident TENANT --output DIR")
    store = LocalStore(args.root)
    tenants = store.tenants() if args.all else [args.tenant]
    scope = scope_of(store, tenants, environment=args.environment, name=args.secret)
    files = pack(scope, known_at=int(time.time()))
    if args.output:
        _write(args.output, files)
    if args.json:
        console.answer(files["scope.json"].decode().rstrip("\n"))
        return 0
    accesses = console.counted(len(scope.accesses), "recorded access", "recorded accesses")
    console.answer(f"affected: {affected(scope)}, {accesses}")
    for unknown in scope.unknown:
        console.answer(f"unknown: {console.visible(unknown.what)}")
        if unknown.fix:
            console.answer(f"  fix  {console.visible(unknown.fix)}")
    if args.output:
        console.answer(f"wrote {', '.join(sorted(files))} to {args.output}")
    return 0


def _write(directory: str, files: Mapping[str, bytes]) -> None:
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        message = f"{directory} is there already, and was left as it is"
        raise StoreExists(message, hint="name another directory: --output DIR") from None
    except OSError as exc:
        raise unavailable(directory, exc) from exc
    for name, data in files.items():
        write_private(os.path.join(directory, name), data.decode())
