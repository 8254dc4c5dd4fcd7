"""Set one secret: its value from standard input, a prompt, or a generator. Never from an argument.

One line end at the end of standard input is not part of the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.cli import arguments
from sealproof.cli.changes import check_description, describe, report
from sealproof.cli.value_input import read_value
from sealproof.vault.custodian import Custodian
from sealproof.vault.generate import generate_secure_key
from sealproof.vault.handed import plain_name
from sealproof.vault.patience import seal_beside_others
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser

_HINT = 'printf %s "$VALUE" | sealproof set TENANT NAME, or --generate, or --empty'


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("tenant", metavar="TENANT")
    parser.add_argument("name", metavar="NAME")
    arguments.add_environment(parser)
    arguments.add_allow(parser)
    arguments.add_description(parser)
    made = parser.add_mutually_exclusive_group()
    made.add_argument("--generate", action="store_true", help="draw 256 bits from the system's random source")
    made.add_argument("--empty", action="store_true", help="seal an empty value, which is refused otherwise")


def run(args: Arguments) -> int:
    """Take the value in, seal it, describe it."""
    plain_name(args.name)
    environment = arguments.environment_of(args)
    custodian = Custodian(args.root, iterations=settings_of(args.root).key_derivation_iterations)
    check_description(custodian, args.tenant, args)
    values = {args.name: _value(args)}
    change = seal_beside_others(custodian, args.tenant, environment, values, allow=args.allow)
    report(f"{args.tenant}/{environment}", change)
    describe(custodian, args.tenant, args)
    return 0


def _value(args: Arguments) -> bytes:
    if args.empty:
        return b""
    return generate_secure_key().encode() if args.generate else read_value(args.name, hint=_HINT)
