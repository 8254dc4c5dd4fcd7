"""ROT-007: old values do not come back.

Holds the present value's keyed digest against those that the log keeps of the values before it. A secret that was never
rotated has no earlier values that anybody knows of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.rotation._evidence import digests_of, has_flipped, rotations_of
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import EvidenceRejected
from sealproof.findings import Finding, failed, not_applicable, passed
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealproof.checks.context import Context
    from sealproof.vault.journal import Operation


@check("ROT-007")
def no_old_values(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each secret that was ever rotated."""
    view, kept = ctx.tenant, ctx.limit("value_history")
    ctx.saw(view.path, view.sealed)
    try:
        rotations = rotations_of(ctx)
    except EvidenceRejected as exc:  # ROT-006 says so
        raise NoEvidence(f"the log is not to be believed: {exc.message}", hint=exc.hint) from exc
    names = [name for name in sorted(rotations) if name in view.values and any(map(has_flipped, rotations[name]))]
    if not names:
        yield not_applicable(view.path, "no value of this file was rotated yet, so no earlier one is known")
        return
    digests = digests_of(ctx)
    for name in names:
        present = digests.of(name, view.values[name])
        earlier = _earlier(rotations[name], present)[-kept:]
        if present in earlier:
            back = len(earlier) - earlier.index(present)
            observed = f"the present value was in use {back} values ago"
            scope = ("--tenant", view.scope.tenant, "--environment", view.scope.environment)
            fix = command(ctx, "rotate", name, *scope, "--force")
            yield failed(view.resource(name), observed, expected=f"none of the last {kept} values", fix=fix)
        else:
            yield passed(view.resource(name), f"none of the {counted(len(earlier), 'value')} before it")


def _earlier(rotations: Sequence[Operation], present: str) -> list[str]:
    """Return the digests of the values before the present one, oldest first.

    A rotation that was rolled back put the value before it back in its place: that one never left.
    """
    values: list[str] = []
    for one in rotations:
        if not values or values[-1] != one.text("before"):
            values.append(one.text("before"))
        if one.last == "done":
            values.append(one.text("digest"))
    return values[:-1] if values and values[-1] == present else values
