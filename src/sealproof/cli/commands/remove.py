"""Drop one secret from a tenant's file. Its manifest entry goes with `sealproof manifest TENANT --prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.cli import arguments
from sealproof.cli.changes import report
from sealproof.vault.custodian import Custodian

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("tenant", metavar="TENANT")
    parser.add_argument("name", metavar="NAME")
    arguments.add_environment(parser)


def run(args: Arguments) -> int:
    """Drop it."""
    environment = arguments.environment_of(args)
    report(f"{args.tenant}/{environment}", Custodian(args.root).remove(args.tenant, environment, args.name))
    return 0
