"""Start a program with a tenant's secrets in its environment. No shell, no file, no parent left behind.

The program replaces this process. Keys that were given by environment variable are gone before it
starts. A name that is set already stays, unless --override.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.errors import CallerError
from sealproof.loader.environment import load_environment_secrets
from sealproof.loader.files import unavailable

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("--tenant", metavar="T", default="", help="default: SEALPROOF_TENANT, then the only tenant")
    arguments.add_environment(parser)
    arguments.add_allow(parser)
    parser.add_argument("--override", action="store_true", help="replace names that are set already")
    parser.add_argument("--expand", action="store_true", help="resolve ${…} over the tenant's own names")
    parser.add_argument("command", nargs=arguments.REST, metavar="-- CMD …", help="the program and its arguments")


def run(args: Arguments) -> int:
    """Load, then become the program."""
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        message = "no program was named"
        raise CallerError(message, hint="sealproof run --tenant T -- CMD")
    loaded = load_environment_secrets(
        args.tenant or os.environ.get("SEALPROOF_TENANT") or _only_tenant(args.root),
        environment=args.environment or None,
        root=args.root,
        override=args.override,
        allow=args.allow,
        expand=args.expand,
    )
    if loaded.skipped:
        console.say(f"sealproof: set already, left as they are: {', '.join(loaded.skipped)}")
    try:
        os.execvp(command[0], command)  # noqa: S606 - starting the named program without a shell is the point
    except (FileNotFoundError, NotADirectoryError) as exc:
        message = f"there is no program {command[0]!r:.200}"
        raise CallerError(message, hint=f"command -v {command[0]:.200}") from exc
    except OSError as exc:
        raise unavailable(command[0], exc) from exc


def _only_tenant(root: str) -> str:
    from sealproof.vault.store.local import LocalStore  # noqa: PLC0415 - a host's start-up names its tenant

    tenants = LocalStore(root).tenants()
    if len(tenants) != 1:
        message = f"no tenant was named, and {root} has {len(tenants)}"
        raise CallerError(message, hint="sealproof run --tenant T -- CMD; sealproof list names them")
    return tenants[0]
