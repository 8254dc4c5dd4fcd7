"""CMP-014: backups are encrypted, fresh and restorable.

Takes the newest container that holds the tenant, restores it into a scratch directory with the escrowed key, opens the
tenant's file there and compares its values with those in place, by digests under a key of this process alone.

    backups     SEALPROOF_BACKUP_DIR, else <root>/backups and the tenant's own .env.bak
    identity    SEALPROOF_BACKUP_IDENTITY, else <root>/keys/escrow.key
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.beginnings import store_began
from sealproof.checks.compliance._restore_drill import Drill, digest_of, drill
from sealproof.checks.days import day_of
from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import DataError, SealproofError
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed
from sealproof.vault.backup.header import WHOLE_STORE
from sealproof.vault.backup.opening import container
from sealproof.vault.backup.shelf import IN_PLACE, SUFFIX
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_HOUR = 3600  # seconds
_MINUTE = 60  # seconds


class Kept(NamedTuple):
    """A container that holds the tenant."""

    path: str
    identifier: str
    scope: str
    created: int


@check("CMP-014")
def backup_restorable(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the age, one for what is no ciphertext, one for the drill, one for what came back."""
    hours, minutes = ctx.limit("backup_age_hours"), ctx.limit("restore_minutes")
    tenant = ctx.tenant.scope.tenant
    kept, strangers = _kept(ctx)
    for path in strangers:
        expected = "nothing but encrypted containers"
        yield failed(path, "no encrypted container", expected=expected, fix=f"shred -u {path}")
    if not kept:
        yield _none(ctx, hours)
        return
    newest = max(kept, key=lambda one: one.created)
    yield _age(ctx, newest, hours)
    identity = os.environ.get("SEALPROOF_BACKUP_IDENTITY") or os.path.join(ctx.target.root, "keys", "escrow.key")
    if not os.path.exists(identity):
        reason = "no escrowed key is here to try the restore with"
        yield not_evaluated("restore drill", reason, fix="SEALPROOF_BACKUP_IDENTITY=FILE")
        return
    tried = drill(newest.path, newest.identifier, tenant if newest.scope == tenant else WHOLE_STORE, identity)
    yield from _drilled(ctx, tried, minutes)


def _kept(ctx: Context) -> tuple[list[Kept], list[str]]:
    """Return the containers that hold the tenant, and files beside them that are none."""
    tenant, root = ctx.tenant.scope.tenant, ctx.target.root
    shelf = os.environ.get("SEALPROOF_BACKUP_DIR") or os.path.join(root, "backups")
    paths = [os.path.join(shelf, name) for name in sorted(os.listdir(shelf))] if os.path.isdir(shelf) else []
    own = os.path.join(root, "tenants", tenant, IN_PLACE)
    found: list[Kept] = []
    strangers: list[str] = []
    for path in [*paths, *([own] if os.path.lexists(own) else [])]:
        try:
            with container(path) as one:
                header = one.header
        except DataError:
            strangers.append(path)
        except SealproofError as exc:
            raise NoEvidence(f"{path} cannot be read: {exc.message}", hint=exc.hint) from exc
        else:
            if header.scope in (tenant, WHOLE_STORE):
                found.append(Kept(path, header.identifier, header.scope, header.created))
    return found, strangers


def _none(ctx: Context, hours: int) -> Finding:
    began = store_began(ctx)
    if ctx.now - began <= hours * _HOUR:
        return not_applicable(
            "backups", f"the store began on {day_of(began)}: its first backup is due in {counted(hours, 'hour')}"
        )
    fix = command(ctx, "backup", "create", "--recipient", "KEY")
    return not_evaluated(
        "backups", f"no container (*{SUFFIX}) is here: SEALPROOF_BACKUP_DIR says where they are", fix=fix
    )


def _age(ctx: Context, newest: Kept, hours: int) -> Finding:
    age = ctx.now - newest.created
    where = os.path.basename(newest.path)
    made = f"made {counted(max(age, 0) // _HOUR, 'hour')} ago"
    if age > hours * _HOUR:
        fix = command(ctx, "backup", "create", "--due", "--every", str(hours), "--recipient", "KEY")
        return failed(where, made, expected=f"at most {counted(hours, 'hour')}", fix=fix)
    return passed(where, f"{made}, and sealed")


def _drilled(ctx: Context, tried: Drill, minutes: int) -> Iterator[Finding]:
    scope = f"{ctx.tenant.scope.tenant}/{ctx.tenant.scope.environment}"
    again = command(ctx, "backup", "create", "--recipient", "KEY")
    expected = f"a restore within {counted(minutes, 'minute')} to the values that were backed up"
    if tried.problem:
        yield failed("restore drill", f"it failed: {tried.problem}", expected=expected, fix=again)
        return
    if tried.seconds > minutes * _MINUTE:
        yield failed("restore drill", f"it took {tried.seconds:.0f} s", expected=expected, fix="split the store")
    restored = tried.files.get(scope)
    if restored is None:
        yield failed("restore drill", f"{scope} did not come back", expected=expected, fix=again)
        return
    present = {entry.name: int(entry.version) for entry in ctx.tenant.envelope.entries}
    same = {name: version for name, version in present.items() if (name, version) in restored.digests}
    values = ctx.tenant.values
    other = [name for name, version in same.items() if restored.digests[name, version] != digest_of(values[name])]
    if other:
        observed = f"{', '.join(sorted(other)[:3])} came back with another value under the same version"
        yield failed("restore drill", observed, expected=expected, fix=again)
        return
    took = max(1, round(tried.seconds))
    opened = f"{counted(len(restored.digests), 'value')} of {scope} opened within {took} s"
    observed = f"{opened}; still current: {len(same)}"
    yield passed("restore drill", observed)
