"""Lay out a store: keys, settings, ignore rules, git merge driver.

Safe to repeat: on a store that is there, only what is missing around it is added. With
MASTER_SECRET_KEY set, the master is stretched from it; otherwise it is drawn at random.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sealproof.cli import console
from sealproof.loader.keys import passphrase
from sealproof.settings import load
from sealproof.vault.foundation import lay_foundation

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("--demo", action="store_true", help="fill the store with three sample tenants")


def run(args: Arguments) -> int:
    """Make or complete the store."""
    settings = load("", os.environ)
    done = lay_foundation(
        args.root, passphrase=passphrase(), iterations=settings.key_derivation_iterations, clock=time.time
    )
    for line in done:
        console.say(line)
    if args.demo:
        from sealproof.cli.demo_tenants import fill  # noqa: PLC0415 - only for the demo

        for line in fill(args.root):
            console.say(line)
    console.answer(f"store ready at {args.root}")
    return 0
