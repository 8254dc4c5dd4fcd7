"""Describe the secrets that the tenant's manifest lacks, and with --prune drop entries without a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.changes import describe
from sealproof.errors import UnknownTenant
from sealproof.vault.custodian import Custodian
from sealproof.vault.inventory import prune_orphans, secret_names

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("tenant", metavar="TENANT")
    arguments.add_description(parser)
    parser.add_argument("--prune", action="store_true", help="drop the entries whose secret is in no environment")


def run(args: Arguments) -> int:
    """Add, then prune."""
    custodian = Custodian(args.root)
    if not custodian.store.environments(args.tenant):
        message = f"{args.root} has no tenant {args.tenant}"
        raise UnknownTenant(message, hint="sealproof list", names=(args.tenant,))
    describe(custodian, args.tenant, args)
    if args.prune:
        dropped = prune_orphans(custodian.store, args.tenant)
        if dropped:
            console.say(f"dropped, for no environment has them: {', '.join(dropped)}")
    count = console.counted(len(secret_names(custodian.store, args.tenant)), "secret")
    console.answer(f"{args.tenant} has {count}, all described")
    return 0
