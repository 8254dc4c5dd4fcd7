"""CMP-016: waivers are governed.

Looks at every waiver as the run applies it: its words, dates and signature. That it is used is found out by running
the waived check once more, with no waiver applied, over the waiver's own scope: so it holds for a narrowed run, for a
part of a sharded one, and under any front end.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.registry import check, registered
from sealproof.checks.runner import SURVEYED, Item, examine
from sealproof.checks.survey import survey
from sealproof.checks.waiving import people_of
from sealproof.findings import Finding, Status, failed, not_applicable, not_evaluated, passed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import Waiver

_EXPECTED = "a waiver in force, signed by an approver, for a finding that is there"


@check("CMP-016")
def waivers_governed(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each waiver."""
    file = ctx.target.waivers
    shown = os.path.basename(file.path)
    if not file.digest:
        yield not_applicable(shown, "there is no waiver file: no finding is waived")
        return
    ctx.saw(shown, file.text)
    for parameter in ("waiver_days", "waiver_critical_days"):
        ctx.limit(parameter)
    if not file.all:
        yield not_applicable(shown, "it holds no waiver of what is looked at")
    unknown = bool(file.all) and people_of(ctx.target.root) is None
    for waiver in file.all:
        yield _judge(ctx, waiver, f"{shown} [{waiver.id}]", unknown=unknown)


def _judge(ctx: Context, waiver: Waiver, resource: str, *, unknown: bool) -> Finding:
    if waiver.refused and unknown and "policy key" in waiver.refused:
        return not_evaluated(resource, waiver.refused, fix="SEALPROOF_POLICY_KEY_FILE=FILE")
    if waiver.refused:
        return failed(resource, waiver.refused, expected=_EXPECTED, fix=_fix(ctx, waiver))
    if waiver.check not in registered():
        reason = f"whether it is used is unknown: this release does not look at {waiver.check} yet"
        return not_evaluated(resource, reason)
    if not _is_used(ctx, waiver):
        observed = f"unused: {waiver.check}[{waiver.scope}] does not fail for {waiver.resource}"
        return failed(
            resource, observed, expected=_EXPECTED, fix=f"remove [{waiver.id}] from {ctx.target.waivers.path}"
        )
    return passed(resource, f"approved by {waiver.approver}, to {waiver.expires}, and used")


def _is_used(ctx: Context, waiver: Waiver) -> bool:
    learnt = ctx.survey
    if waiver.check in SURVEYED and not learnt.shared:
        with ThreadPoolExecutor(1) as executor:
            learnt = survey(ctx.target.spec, ctx.target.scopes, executor)
    findings = examine(Item(waiver.check, waiver.scope), ctx.target, learnt)
    return any(finding.status is Status.FAIL and finding.resource == waiver.resource for finding in findings)


def _fix(ctx: Context, waiver: Waiver) -> str:
    if "signed" in waiver.refused or "signature" in waiver.refused:
        return command(ctx, "waiver", "sign", waiver.id, "--key", "FILE")
    return f"mend the finding, or renew [{waiver.id}] in {ctx.target.waivers.path} with a new reason"
