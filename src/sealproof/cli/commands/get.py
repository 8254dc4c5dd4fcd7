"""Print one secret's value."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.errors import UnknownSecret
from sealproof.vault.custodian import Custodian

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("tenant", metavar="TENANT")
    parser.add_argument("name", metavar="NAME")
    arguments.add_environment(parser)


def run(args: Arguments) -> int:
    """Open everything, print one."""
    environment = arguments.environment_of(args)
    values = Custodian(args.root).open(args.tenant, environment).values()
    if args.name not in values:
        message = f"{args.tenant}/{environment} has no secret {args.name!r:.80}"
        raise UnknownSecret(message, hint=f"sealproof list {args.tenant} --environment {environment}")
    if os.path.lexists(f"{args.root}/keys/audit/{args.tenant}/canaries"):
        from sealproof.monitoring.reporting import read_by_hand  # noqa: PLC0415 - half of what the command takes to start

        read_by_hand(args.root, args.tenant, environment, args.name)
    console.answer_bytes(values[args.name] + b"\n")
    return 0
