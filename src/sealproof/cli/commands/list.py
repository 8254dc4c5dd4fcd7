"""List the store's tenants, or one tenant's secrets with versions and ages. Needs no key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
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
    store = Custodian(args.root).store
    found = {tenant: store.environments(tenant) for tenant in store.tenants()}
    if args.json:
        console.answer_json({"tenants": [{"tenant": name, "environments": places} for name, places in found.items()]})
    else:
        console.table(("TENANT", "ENVIRONMENTS"), [(name, ", ".join(places)) for name, places in found.items()])
        if not found:
            console.say("no tenant yet: sealproof seal TENANT FILE")
    return 0


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
