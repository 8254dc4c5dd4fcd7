"""Make, export and renew keys.

sealproof key init --writer                     one more key that may write this store's files
sealproof key init --recipient FILE             an X25519 identity of your own; prints its public key
sealproof key export TENANT --output FILE       what a host needs to open one environment
sealproof key rotate TENANT                     seal under a new epoch key; the old one still opens old copies
sealproof key destroy TENANT                    destroy every epoch key but the newest
sealproof key rewrap TENANT                     wrap a tenant's keys anew at the present cost
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.changes import report
from sealproof.cli.private_file import write_private
from sealproof.envelope import cipher
from sealproof.envelope.grammar import KEY_BYTES, encode
from sealproof.envelope.keyfile import KeyLine
from sealproof.errors import CallerError
from sealproof.signing import fingerprint
from sealproof.vault.custodian import Custodian
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser

ACTIONS = ("init", "export", "rotate", "destroy", "rewrap")


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=" | ".join(ACTIONS))
    parser.add_argument("tenant", metavar="TENANT", nargs="?", default="")
    arguments.add_environment(parser)
    parser.add_argument("--output", metavar="FILE", default="", help="export: a new file, readable by you alone")
    parser.add_argument("--writer", action="store_true", help="init: make a writer key")
    parser.add_argument("--recipient", metavar="FILE", default="", help="init: write a new X25519 identity to FILE")


def run(args: Arguments) -> int:
    """Do one of the actions."""
    if args.action == "init":
        return _init(args)
    if not args.tenant:
        message = f"key {args.action} needs a tenant"
        raise CallerError(message, hint=f"sealproof key {args.action} TENANT")
    actions = {"export": _export, "rotate": _rotate, "destroy": _destroy, "rewrap": _rewrap}
    return actions[args.action](args)


def _init(args: Arguments) -> int:
    keyring = _custodian(args).keyring
    if args.recipient:
        private = _identity()
        publics = keyring.signing_publics()
        writers = tuple(public for name, public in publics.items() if name.startswith("writer"))
        write_private(args.recipient, KeyLine("x25519", private, writers).to_line() + "\n")
        console.say(f"wrote {args.recipient}; hand out only the public key below: sealproof recipient add TENANT KEY")
        console.answer(encode(cipher.reader_public(private)))
    elif args.writer:
        key = keyring.new_signing_key("writer")
        console.answer(f"writer {fingerprint(key.public)}")
        console.say("hosts that shall trust it need their key files again: sealproof key export TENANT --output FILE")
    else:
        message = "key init makes a writer or a recipient key; a store's first keys come with `sealproof init`"
        raise CallerError(message, hint="sealproof key init --writer, or --recipient FILE")
    return 0


def _identity() -> bytes:
    """Return a new X25519 private key whose public half does not begin like an option: it is typed as an argument."""
    while True:
        private = os.urandom(KEY_BYTES)
        if not encode(cipher.reader_public(private)).startswith("-"):
            return private


def _export(args: Arguments) -> int:
    if not args.output:
        message = "key export needs a file to write to"
        raise CallerError(message, hint="sealproof key export TENANT --environment E --output FILE")
    environment = arguments.environment_of(args)
    lines = _custodian(args).keyring.key_lines(args.tenant, environment)
    write_private(args.output, "".join(line.to_line() + "\n" for line in lines))
    console.answer(f"wrote {args.output}: opens {args.tenant}/{environment}, and nothing else")
    console.say(f"on the host: SEALPROOF_KEY_FILE={args.output}, mode 0600, outside the project")
    return 0


def _rotate(args: Arguments) -> int:
    environment = arguments.environment_of(args)
    change = _custodian(args).rotate_epoch(args.tenant, environment)
    report(f"{args.tenant}/{environment}", change)
    console.say("hosts need their key files again before this file reaches them: sealproof key export")
    console.say(f"once they have: sealproof key destroy {args.tenant} --environment {environment}")
    return 0


def _destroy(args: Arguments) -> int:
    environment = arguments.environment_of(args)
    custodian = _custodian(args)
    epoch = custodian.open(args.tenant, environment).envelope.epoch
    gone = custodian.keyring.drop_epochs(args.tenant, environment, before=epoch)
    if gone:
        console.answer(f"destroyed the keys of epoch {', '.join(map(str, gone))}; epoch {epoch} stays")
    else:
        console.answer(f"nothing to destroy: epoch {epoch} is the only one")
    return 0


def _rewrap(args: Arguments) -> int:
    iterations = _custodian(args).keyring.rewrap(args.tenant)
    console.answer(f"wrapped the keys of {args.tenant} anew at {iterations} iterations")
    return 0


def _custodian(args: Arguments) -> Custodian:
    return Custodian(args.root, iterations=settings_of(args.root).key_derivation_iterations)
