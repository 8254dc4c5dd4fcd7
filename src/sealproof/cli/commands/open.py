"""Print a tenant's secrets as dotenv text or JSON, to standard output or a private file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.private_file import write_private
from sealproof.loader.environment import plain_names
from sealproof.vault.custodian import Custodian
from sealproof.vault.dotenv_text import write_dotenv

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("tenant", metavar="TENANT")
    arguments.add_environment(parser)
    parser.add_argument("--output", metavar="FILE", default="-", help="a new file, readable by you alone")
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Open everything, then print everything."""
    values = plain_names(Custodian(args.root).open(args.tenant, arguments.environment_of(args)).values())
    text = console.as_json(values) if args.json else write_dotenv(values)
    if args.output == "-":
        console.answer_bytes(text.encode())
    else:
        write_private(args.output, text)
        console.say(f"wrote {args.output} in plain text: delete it when you are done")
    return 0
