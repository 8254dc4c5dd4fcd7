"""ROT-008: a rotation leaves nothing behind.

After a new epoch key was made, the tenant's file has to be under it within the profile's window; and no rotation, of a
key or of a credential, may stand half done for longer than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.days import day_of
from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.rotation._evidence import ledger_of, rotations_of
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import EvidenceRejected
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.vault.keys.epochs import ROTATE
from sealproof.vault.keys.ledger import Purpose, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_HOUR = 3600  # seconds


@check("ROT-008")
def nothing_left_behind(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the file, and one for each rotation that stands half done."""
    view, hours = ctx.tenant, ctx.limit("reseal_hours")
    scope = (view.scope.tenant, "--environment", view.scope.environment)
    ctx.saw(view.path, view.sealed)
    ledger = ledger_of(ctx)
    living = [
        key
        for key in ledger.of(Purpose.EPOCH, view.scope.tenant, view.scope.environment)
        if key.state is State.ACTIVE and key.created is not None
    ]
    newest = max(living, key=lambda key: key.epoch, default=None)
    if newest is None or newest.created is None:
        yield not_evaluated(view.path, "the ledger has no key of this environment", fix="restore keys/ from its backup")
    elif view.envelope.epoch < newest.epoch and ctx.now - newest.created > hours * _HOUR:
        observed = f"under epoch {view.envelope.epoch}, though epoch {newest.epoch} was made {day_of(newest.created)}"
        expected = f"under the newest key within {hours} hours"
        yield failed(view.path, observed, expected=expected, fix=command(ctx, "key", "rotate", *scope))
    else:
        yield passed(view.path, f"under epoch {view.envelope.epoch}, the newest is {newest.epoch}")
    for one in ledger.unfinished:
        old = ctx.now - one.at > hours * _HOUR
        if one.kind == ROTATE and one.scope == f"{view.scope.tenant}/{view.scope.environment}" and old:
            observed = f"the rotation of its key stands at `{one.last}` since {day_of(one.at)}"
            yield failed(view.path, observed, expected=f"finished within {hours} hours", fix="sealproof key resume")
    yield from _credentials(ctx, hours)


def _credentials(ctx: Context, hours: int) -> Iterator[Finding]:
    view = ctx.tenant
    try:
        rotations = rotations_of(ctx)
    except EvidenceRejected as exc:  # ROT-006 says so
        raise NoEvidence(f"the log is not to be believed: {exc.message}", hint=exc.hint) from exc
    for name, known in sorted(rotations.items()):
        last = known[-1]
        if not last.is_over and ctx.now - last.at > hours * _HOUR:
            words = (name, "--tenant", view.scope.tenant, "--environment", view.scope.environment)
            observed = f"its rotation stands at `{last.last}` since {day_of(last.at)}"
            fix = f"{command(ctx, 'rotate', *words)}, or --abandon"
            yield failed(view.resource(name), observed, expected=f"finished within {hours} hours", fix=fix)
