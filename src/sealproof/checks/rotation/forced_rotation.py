"""ROT-011: exposure and departure force a rotation.

Events are signed records: something got out (`record exposure`), somebody left (`record leaver`). An exposure concerns
the secrets that it names; a departure those that the manifest says the person owned and those that the audit log saw
them read. Each must have another value since; the sealed file's own signed times say whether it has. That it came late
is no longer to be mended, so only what is overdue fails.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.days import day_of
from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.shelves import believed
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_applicable, passed
from sealproof.vault.custodian import DAY
from sealproof.vault.incident import scope_of
from sealproof.vault.manifest import SecretClass
from sealproof.vault.records.interface import EXPOSURE, LEAVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.envelope.parse import Entry

_HOUR = 3600  # seconds
_READS = ("read", "break-glass")


class _Event(NamedTuple):
    """Something after which values have to change."""

    at: int
    what: str
    names: frozenset[str]


@check("ROT-011")
def forced_rotation(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each affected secret of each event."""
    view, hours = ctx.tenant, ctx.limit("forced_rotation_hours")
    exposures, leavers = believed(ctx, EXPOSURE), believed(ctx, LEAVER)
    yield from exposures.doubts
    ctx.saw(view.path, view.sealed)
    secrets = {entry.name: entry for entry in view.envelope.entries if _is_secret(ctx, entry.name)}
    events = [
        _Event(one.at, f"exposed: {one.text('note')}", _named(ctx, one.text("resource"), secrets))
        for one in exposures.records
    ]
    for person in sorted({one.text("name") for one in leavers.records}):
        left = leavers.people.left(person, ctx.now)
        if left is not None:
            events.append(_Event(_end_of(left), f"{person} left on {left}", _known_to(ctx, person, secrets)))
    concerned = [(event, name) for event in events for name in sorted(event.names)]
    for event, name in concerned:
        yield _judge(ctx, secrets[name], event, hours)
    if not concerned and not exposures.doubts:
        yield not_applicable(view.path, "no exposure and no departure on record concerns it")


def _judge(ctx: Context, secret: Entry, event: _Event, hours: int) -> Finding:
    view, updated = ctx.tenant, int(secret.updated)
    where = view.resource(secret.name)
    expected = f"another value within {hours} hours of {day_of(event.at)}"
    words = (secret.name, "--tenant", view.scope.tenant, "--environment", view.scope.environment)
    fix = command(ctx, "rotate", *words, "--force")
    if updated > event.at:
        return passed(where, f"{event.what}; another value since {day_of(updated)}")
    if ctx.now - event.at > hours * _HOUR:
        return failed(where, f"{event.what}; the value is still the same", expected=expected, fix=fix)
    return passed(where, f"{event.what}; another value is due by {day_of(event.at + hours * _HOUR)}")


def _is_secret(ctx: Context, name: str) -> bool:
    return "." not in name and ctx.tenant.kind(name) is not SecretClass.CONFIG


def _named(ctx: Context, resource: str, secrets: dict[str, Entry]) -> frozenset[str]:
    """Return the secrets that an exposure names: one, an environment's, or a tenant's."""
    scope = ctx.tenant.scope
    tenant, _, rest = resource.partition("/")
    environment, _, name = rest.partition("/")
    if tenant != scope.tenant or environment not in ("", scope.environment):
        return frozenset()
    return frozenset(one for one in secrets if name in ("", one))


def _known_to(ctx: Context, person: str, secrets: dict[str, Entry]) -> frozenset[str]:
    """Return the secrets that a person owned, or read as far as the audit log can tell."""
    view = ctx.tenant
    owned = {name for name, entry in view.manifest.items() if entry.owner == person}
    store = ctx.target.custodian.store
    try:
        seen = scope_of(store, [view.scope.tenant], environment=view.scope.environment).accesses
    except SealproofError as exc:
        raise NoEvidence(f"who read what is unknown: {exc.message}", hint=exc.hint) from exc
    read = {one.name for one in seen if one.actor == person and one.operation in _READS}
    return frozenset(secrets) & (owned | read)


def _end_of(day: date) -> int:
    return int(datetime.combine(day, time.min, UTC).timestamp()) + DAY
