"""List the store's tenants, or one tenant's secrets with versions and ages. Needs no key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.cli.everywhere import places
from sealproof.cli.exits import OK, exit_code_of
from sealproof.vault.custodian import Custodian

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("tenant", metavar="TENANT", nargs="?")
    arguments.add_environment(parser)
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Read public lines only."""
    return _secrets(args) if args.tenant else _tenants(args)


def _tenants(args: Arguments) -> int:
    found: dict[str, list[str]] = {tenant: [] for tenant in Custodian(args.root).store.tenants()}
    codes = [OK]
    for place in places(args.root):
        if place.error is not None:
            console.error(place.error)
            codes.append(exit_code_of(place.error))
        else:
            found[place.tenant].append(place.environment)
    if args.json:
        console.answer_json({"tenants": [{"tenant": name, "environments": known} for name, known in found.items()]})
    else:
        console.table(("TENANT", "ENVIRONMENTS"), [(name, ", ".join(known)) for name, known in found.items()])
        if not found:
            console.say("no tenant yet: sealproof seal TENANT FILE")
    return max(codes)


def _secrets(args: Arguments) -> int:
    environment = arguments.environment_of(args)
    envelope = Custodian(args.root).envelope(args.tenant, environment)
    now = int(time.time())
    rows = [(entry.name, int(entry.version), now - int(entry.updated)) for entry in envelope.entries]
    if args.json:
        secrets = [{"name": name, "version": version, "age_seconds": age} for name, version, age in rows]
        console.answer_json(
            {
                "tenant": envelope.tenant,
                "environment": environment,
                "generation": envelope.generation,
                "saved": envelope.saved,
                "expires": envelope.expires,
                "readers": len(envelope.readers),
                "secrets": secrets,
            }
        )
    else:
        console.table(
            ("NAME", "VERSION", "AGE"), [(name, str(version), console.age(age)) for name, version, age in rows]
        )
        console.say(f"{envelope.tenant}/{environment}: generation {envelope.generation}, names only, not authenticated")
    return 0
