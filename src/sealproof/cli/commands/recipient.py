"""Let others open a tenant's file with a key of their own, or no longer.

  sealproof recipient add TENANT PUBLIC_KEY       one line more in the file
  sealproof recipient remove TENANT PUBLIC_KEY    a new data key, every value sealed again
  sealproof recipient list TENANT

Who was removed has read what was there: set new values for what they must not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.key_input import public_key
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.recipients import shortcoming

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", metavar="ACTION", choices=("add", "remove", "list"), help="add | remove | list")
    parser.add_argument("tenant", metavar="TENANT")
    parser.add_argument(
        "public", metavar="PUBLIC_KEY", nargs="?", default="", help="as `key init --recipient` printed it"
    )
    arguments.add_environment(parser)
    parser.add_argument("--anyway", action="store_true", help="remove: although a credential in the file is rotated")


def run(args: Arguments) -> int:
    """Change or list the readers."""
    environment = arguments.environment_of(args)
    custodian = Custodian(args.root)
    if args.action == "list":
        for reader in custodian.envelope(args.tenant, environment).readers:
            console.answer(reader.text)
        return 0
    public = public_key(args.public)
    if args.action == "add":
        done = custodian.add_reader(args.tenant, environment, public)
    else:
        done = custodian.remove_reader(args.tenant, environment, public, anyway=args.anyway)
    count = console.counted(len(custodian.envelope(args.tenant, environment).readers), "recipient")
    console.answer(f"{args.tenant}/{environment} has {count} at generation {done.generation}")
    lacks = shortcoming(custodian.keyring, public) if args.action == "add" else ""
    if lacks:
        console.say(f"{lacks}: sealproof key init --recipient FILE, here, and add the key that it prints")
    if args.action == "remove":
        console.say(f"they may keep what they have read: sealproof set {args.tenant} NAME --generate")
    return 0
