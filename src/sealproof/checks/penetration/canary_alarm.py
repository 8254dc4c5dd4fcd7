"""PEN-013: a touched canary raises an alarm.

First what is installed, on a scratch store (`_canary_probe`). Then this store: whether it has canaries, whether anybody
would be told, and whether the touches that its logs hold were told. No canary is named: a report is read by many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.holdings import keyring_of
from sealproof.checks.isolation import run_apart
from sealproof.checks.penetration._canary_probe import touch
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.checks.trials import findings_of
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.monitoring.sinks import sinks_of
from sealproof.monitoring.touches import touches
from sealproof.vault import canaries
from sealproof.vault.settings_file import settings_of
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.canaries import Canary

_EXPECTED = "an alarm of each touch in time, with who, where and which, without the value; none of anything else"
_MARGIN_S = 60  # what the child may take besides waiting
_NAMED = 8  # records that a finding lists


@check("PEN-013")
def touched_canary_raises_an_alarm(ctx: Context) -> Iterator[Finding]:
    """Yield the findings of the scratch store, and of this one."""
    limit = ctx.limit("canary_alert_seconds")
    directory = ctx.scratch()
    answer = run_apart(touch, directory, {"directory": directory, "limit": limit}, seconds=limit + _MARGIN_S)
    yield from findings_of(answer.returned(), expected=_EXPECTED)
    try:
        with keyring_of(ctx.target.root):
            listed = {tenant: canaries.listed(ctx.target.root, tenant) for tenant in ctx.target.tenants}
    except SealproofError as exc:
        yield not_evaluated("canaries", f"which secrets are canaries cannot be told: {exc.message}", fix=exc.hint)
        return
    planted = {tenant: some for tenant, some in listed.items() if some}
    if not planted:
        fix = command(ctx, "canary", "add", "TENANT", "NAME")
        yield not_evaluated("canaries", "no secret of this store is a canary", fix=fix)
        return
    yield _in_place(ctx, planted)
    yield _sinks(ctx)
    for tenant, some in planted.items():
        yield _told(ctx, tenant, some, limit)


def _in_place(ctx: Context, planted: dict[str, tuple[Canary, ...]]) -> Finding:
    count = sum(map(len, planted.values()))
    missing = sum(not _is_sealed(ctx, tenant, one) for tenant, some in planted.items() for one in some)
    if missing:
        expected, fix = "every canary is a secret of its file", command(ctx, "canary", "list")
        return failed("canaries", f"{missing} of {count} are in no sealed file", expected=expected, fix=fix)
    return passed("canaries", f"{count} of {len(planted)} of the tenants, each in its sealed file")


def _is_sealed(ctx: Context, tenant: str, canary: Canary) -> bool:
    try:
        entries = ctx.target.custodian.envelope(tenant, canary.environment).entries
    except SealproofError as exc:
        raise NoEvidence(f"a sealed file of {tenant} cannot be read: {exc.message}", hint=exc.hint) from exc
    return any(entry.name == canary.name for entry in entries)


def _sinks(ctx: Context) -> Finding:
    expected = "alerts are on, and go to somebody outside the process that reads"
    fix = f"set ALERT_WEBHOOK_URL or ALERT_LOG_PATH, then {command(ctx, 'canary', 'test')}"
    settings = settings_of(ctx.target.root)
    try:
        count = len(sinks_of(settings, ctx.target.root))
    except SealproofError as exc:
        return failed("alert sinks", exc.message, expected=expected, fix=fix)
    if not count:
        observed = "no sink is set" if settings.security_alerts_enabled else "SECURITY_ALERTS_ENABLED is off"
        return failed("alert sinks", observed, expected=expected, fix=fix)
    return passed("alert sinks", f"{count} set; whether a person hears them, a drill shows")


def _told(ctx: Context, tenant: str, some: tuple[Canary, ...], limit: int) -> Finding:
    where = f"audit/{tenant}"
    try:
        found = touches(ctx.target.root, tenant, some, within_s=limit)
    except SealproofError as exc:
        return not_evaluated(where, f"the log cannot be read: {exc.message}", fix=exc.hint)
    due = [one for one in found if one.at // 1000 + limit <= ctx.now]
    untold = [str(one.sequence) for one in due if not one.is_told]
    if not untold:
        return passed(
            where, f"{counted(len(due), 'touch', 'touches')} of canaries, all told" if due else "no canary was touched"
        )
    named = ", ".join(untold[:_NAMED]) + (", …" if len(untold) > _NAMED else "")
    observed = f"{len(untold)} of {len(due)} touches told nobody: records {named}"
    fix = f"{command(ctx, 'canary', 'list', tenant)}; treat it as an incident"
    return failed(where, observed, expected=f"each touch is told to every sink within {limit} s", fix=fix)
