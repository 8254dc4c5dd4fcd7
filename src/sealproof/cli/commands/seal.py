"""Seal a plain dotenv file, or standard input, into a tenant's file.

The tenant and its keys are made on first use. Names that FILE lacks stay as they are, unless
--replace. An equal value keeps its version and age. Without --remove FILE stays as it is: the values in plain text, on
which the gate fails (SEC-001, SEC-012).
"""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.changes import check_description, describe, note_dotenv, note_orphans, report
from sealproof.errors import CallerError, UnsafeFile
from sealproof.loader.files import unavailable
from sealproof.vault.custodian import Custodian
from sealproof.vault.dotenv_text import DOTENV_MAX, read_dotenv
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("tenant", metavar="TENANT")
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="plain dotenv file (default: standard input)"
    )
    arguments.add_environment(parser)
    arguments.add_allow(parser)
    arguments.add_description(parser)
    parser.add_argument("--replace", action="store_true", help="drop the names that FILE lacks")
    parser.add_argument("--empty", action="store_true", help="with --replace: drop every name where FILE has none")
    parser.add_argument("--remove", action="store_true", help="delete the plain FILE once it is sealed")
    parser.add_argument(
        "--expires", metavar="DAYS", type=int, help="refuse the file after DAYS; 0 takes an expiry away"
    )


def run(args: Arguments) -> int:
    """Read, seal, say what was done, and see to the plain file."""
    if args.expires is not None and args.expires < 0:
        message = f"--expires {args.expires} is no number of days"
        raise CallerError(message, hint="--expires DAYS, from 0")
    name = "standard input" if args.file == "-" else args.file
    text = read_dotenv(_read(args.file), path=name)
    if args.replace and not text.values and not args.empty:
        message = f"{name} names no secret, and --replace would drop every one of {args.tenant}"
        raise CallerError(message, hint="sealproof seal TENANT FILE --replace --empty if that is meant")
    environment = arguments.environment_of(args)
    custodian = Custodian(args.root, iterations=settings_of(args.root).key_derivation_iterations)
    check_description(custodian, args.tenant, args)
    change = custodian.seal(
        args.tenant,
        environment,
        text.values,
        expires_days=args.expires,
        remove_others=args.replace,
        allow=args.allow,
    )
    note_dotenv(text)
    report(f"{args.tenant}/{environment}", change)
    if not args.replace:
        kept = sorted(set(change.unchanged) - text.values.keys())
        if kept:
            console.say(f"kept, though not in {name}: {', '.join(kept)} (--replace drops them)")
    describe(custodian, args.tenant, args)
    note_orphans(custodian, args.tenant, change)
    _see_to_plain_file(args)
    return 0


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(DOTENV_MAX + 1)
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                message = f"{path} is no regular file"
                raise UnsafeFile(message, hint=f"sealproof seal TENANT < {path}")
            return file.read(DOTENV_MAX + 1)
    except FileNotFoundError:
        message = f"there is no file {path}"
        raise CallerError(message, hint=f"ls -la {os.path.dirname(path) or '.'}") from None
    except OSError as exc:
        raise unavailable(path, exc) from exc


def _see_to_plain_file(args: Arguments) -> None:
    if args.file == "-":
        return
    if args.remove or console.confirm(f"{args.file} still holds the secrets in plain text. Delete it?"):
        # Deleting a link alone would leave the plain text that it leads to.
        for path in (os.path.realpath(args.file), args.file) if os.path.islink(args.file) else (args.file,):
            try:
                os.unlink(path)
            except OSError as exc:
                raise unavailable(path, exc) from exc
            console.say(f"deleted {path}")
    else:
        console.say(f"{args.file} still holds the secrets in plain text, and the gate fails on that: rm {args.file}")
