"""What changed between two runs: what fails newly, what was fixed, what still fails, and what nobody knows.

A finding is the same one if check, scope and resource are. It is fixed only if the same check ran over
the same scope again and holds evidence; if the check did not run, or had nothing to look at, the failure
is not gone but unseen, and is listed as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealproof.findings import Status
from sealproof.reports._identity import identity

if TYPE_CHECKING:
    from sealproof.findings import CheckResult, Finding, RunResult

Key = tuple[str, ...]

_BAD = frozenset({Status.FAIL, Status.ERROR})
_KNOWN = frozenset({Status.PASS, Status.FAIL, Status.WAIVED, Status.DECLARED, Status.NOT_APPLICABLE})


@dataclass(frozen=True, slots=True)
class Change:
    """One finding that fails in at least one of two runs."""

    result: CheckResult
    """Of the run that it is told from: the newer one where it stands there, else the older."""
    finding: Finding | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs, the older first."""

    new: tuple[Change, ...]
    fixed: tuple[Change, ...]
    still: tuple[Change, ...]
    waived: tuple[Change, ...]
    """Failed before, and a waiver covers it now: it still fails."""
    unseen: tuple[Change, ...]
    """Failed before, and the newer run has no evidence about it."""


def difference(before: RunResult, after: RunResult) -> Difference:
    """Return what changed from `before` to `after`."""
    old, new = _failing(before), _failing(after)
    waived = _waived(after)
    states = {(item.check, item.scope): item.status for item in after.results}
    gone = {key: change for key, change in old.items() if key not in new}
    seen = {key: states.get((gone[key].result.check, gone[key].result.scope)) in _KNOWN for key in gone}
    return Difference(
        new=tuple(change for key, change in new.items() if key not in old),
        fixed=tuple(change for key, change in gone.items() if seen[key] and key not in waived),
        still=tuple(change for key, change in new.items() if key in old),
        waived=tuple(waived[key] for key in gone if key in waived),
        unseen=tuple(change for key, change in gone.items() if not seen[key] and key not in waived),
    )


def _failing(run: RunResult) -> dict[Key, Change]:
    changes: dict[Key, Change] = {}
    for result in run.results:
        if result.status in _BAD:
            told: list[Finding | None] = [finding for finding in result.findings if finding.status in _BAD]
            for finding in told or [None]:
                changes[tuple(identity(result, finding))] = Change(result, finding)
    return changes


def _waived(run: RunResult) -> dict[Key, Change]:
    return {
        tuple(identity(result, finding)): Change(result, finding)
        for result in run.results
        for finding in result.findings
        if finding.status is Status.WAIVED
    }
