"""Say what a save changed, and keep the manifest in step with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.cli import console
from sealproof.vault import inventory
from sealproof.vault.inventory import describe_missing, secret_names, this_user
from sealproof.vault.settings_file import settings_of

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments
    from sealproof.vault.custodian import Change, Custodian
    from sealproof.vault.dotenv_text import DotenvText


def report(where: str, change: Change) -> None:
    """Answer in one line, and name what changed."""
    for verb, names in (("added", change.added), ("changed", change.changed), ("removed", change.removed)):
        if names:
            console.say(f"{verb}: {', '.join(names)}")
    state = "sealed," if change.is_saved else "unchanged at"
    console.answer(f"{where} {state} generation {change.generation}")


def check_description(custodian: Custodian, tenant: str, args: Arguments) -> None:
    """Read what `describe` will need, before anything is sealed. Raises ConfigurationError."""
    inventory.read(custodian.store, tenant)
    settings_of(args.root)


def note_dotenv(text: DotenvText) -> None:
    """Say what was done with what is ambiguous in a dotenv text."""
    if text.duplicates:
        console.say(f"given more than once, the last one counts: {', '.join(text.duplicates)}")
    if text.expansions:
        console.say(f"holds ${{…}}, sealed as it stands (expansion is opt-in): {', '.join(text.expansions)}")
    if text.bare:
        console.say(f"named without a value, so not sealed: {', '.join(text.bare)}")


def describe(custodian: Custodian, tenant: str, args: Arguments) -> None:
    """Add the manifest entries that are missing, and say which and with what class."""
    added = describe_missing(
        custodian.store,
        tenant,
        secret_names(custodian.store, tenant),
        owner=args.owner or this_user(),
        purpose=args.purpose or "not stated",
        rotation_days=settings_of(args.root).rotation_interval_days,
    )
    if added:
        listed = ", ".join(f"{name} ({kind.value})" for name, kind in added.items())
        console.say(f"described in tenants/{tenant}/manifest.toml: {listed}")


def forget(custodian: Custodian, tenant: str, change: Change) -> None:
    """Drop the manifest entries of what was removed, if no other environment has it, and say which.

    The file was saved before: whoever is killed in between has an entry too many, which `manifest --prune` drops.
    """
    dropped = inventory.prune_orphans(custodian.store, tenant, change.removed)
    if dropped:
        console.say(f"dropped from tenants/{tenant}/manifest.toml: {', '.join(dropped)}")


def note_orphans(custodian: Custodian, tenant: str, change: Change) -> None:
    """Name the manifest entries that a save left without a secret: they may be wanted again, so they stay."""
    described = inventory.read(custodian.store, tenant)[1]
    orphans = sorted(set(change.removed) & described.keys() - set(secret_names(custodian.store, tenant)))
    if orphans:
        listed = ", ".join(orphans)
        console.say(f"still described, though no environment has them: {listed} (sealproof manifest {tenant} --prune)")
