"""SEC-016: duties are separated.

Reads the policy that is in force: nobody may both ask for a rotation and approve it, or both hold keys and tend
the audit log, on the same tenant and environment, through roles and rules for everybody (`vault.access.duties`). The
store's owners hold every duty until the policy names others for them: that is how a store begins, and a finding of
low severity says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.findings import Finding, Severity, failed, passed
from sealproof.vault.access.duties import APART, unions
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_POLICY = "policy.json"
_EXPECTED = "nobody asks for a rotation and approves it, nobody holds keys and tends the log"


@check("SEC-016")
def duties_are_apart(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each subject with two duties, and one for the store's owners."""
    try:
        policy = PolicyFile(ctx.target.root).load().policy
    except SealproofError as exc:
        raise NoEvidence(f"who may do what is unknown: {exc.message}", hint=exc.hint) from exc
    found = unions(policy)
    for union in found:
        both = f"{union.first} (rule {union.rules[0]}) and {union.second} (rule {union.rules[1]})"
        fix = f"sealproof access revoke {union.rules[1]}"
        yield failed(f"{_POLICY} {union.subject}", f"holds {both}", expected=_EXPECTED, fix=fix)
    if not found:
        rules = counted(len(policy.rules), "rule")
        yield passed(_POLICY, f"{rules}, and no two of {len(APART)} pairs of duties united")
    granted = {operation for rule in policy.rules if rule.allows for operation in rule.operations}
    lacking = sorted({str(duty) for pair in APART for duty in pair} - {str(operation) for operation in granted})
    if lacking:
        yield failed(
            f"{_POLICY} owners",
            f"{', '.join(policy.owners)} hold every duty, for nobody else is named for {', '.join(lacking)}",
            expected=_EXPECTED,
            fix="sealproof access grant --help",
            severity=Severity.LOW,
            reason="the owners of a store hold every duty until the policy names others",
        )
