"""Drop one secret from a tenant's file, and its manifest entry if no other environment has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.cli import arguments
from sealproof.cli.changes import check_description, forget, report
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
    custodian = Custodian(args.root)
    check_description(custodian, args.tenant, args)
    change = custodian.remove(args.tenant, environment, args.name)
    report(f"{args.tenant}/{environment}", change)
    forget(custodian, args.tenant, change)
    return 0
