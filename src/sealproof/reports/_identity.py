"""What other formats carry of a result: the findings that make it, and names that stay from run to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from sealproof.findings import Status

if TYPE_CHECKING:
    from sealproof.findings import CheckResult, Finding, RunResult

_SPACE: Final = UUID("6f1c1f0e-6e0f-5b8e-9d0b-3a1a3f9a7c55")  # drawn once for sealproof


def identity(result: CheckResult, finding: Finding | None) -> list[str]:
    """Return what makes a finding the same one in two runs: check, scope and resource, never what was seen."""
    return [result.check, result.scope.tenant, result.scope.environment, finding.resource if finding else ""]


def telling(result: CheckResult) -> tuple[Finding, ...]:
    """Return the findings that make a result what it is, and those that a waiver covers: no format may drop one."""
    return tuple(item for item in result.findings if item.status in {result.status, Status.WAIVED})


def run_uuid(run: RunResult, *path: str) -> str:
    """Return a UUID for the run, or for the thing at `path` in it: the same each time (RFC 9562, version 5)."""
    return str(uuid5(_SPACE, "\0".join((run.run_id, run.edition, *path))))
