"""What a run's evidence says about each framework's controls.

A control is supported only if at least one of its checks passed, none failed, and of none that ran the
evidence is missing: whoever removes what speaks against a control wins no support for it. A waived failure
still contradicts: a waiver moves the gate, not the evidence. A declared record is no evidence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sealproof.findings import Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.compliance.frameworks import Framework, Reach
    from sealproof.findings import RunResult

EVALUATED = frozenset({Status.PASS, Status.FAIL, Status.WAIVED})
"""The states in which a result holds evidence."""

_AGAINST = frozenset({Status.FAIL, Status.WAIVED})
_MISSING = frozenset({Status.NOT_EVALUATED, Status.ERROR})


class Claim(Enum):
    """What evidence says about one control: never more than this."""

    SUPPORTS = "evidence supports"
    CONTRADICTS = "evidence contradicts"
    INCOMPLETE = "evidence incomplete"
    NONE = "no evidence"


@dataclass(frozen=True, slots=True)
class Control:
    """One control and what this run has about it."""

    id: str
    title: str
    claim: Claim
    waived: bool
    """The evidence contradicts, and a waiver covers all that does."""
    declared: bool
    """A signed record was found; its truth was not tested."""
    checks: tuple[str, ...]
    """All checks that are mapped to it, whether they ran or not."""
    ran: int
    """How many of them gave evidence over at least one scope."""
    items: int
    """Results of these checks that could hold evidence."""
    evaluated: int
    """Results of these checks that do."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """One framework and its mapped controls, in the framework's order."""

    framework: Framework
    reach: Reach
    controls: tuple[Control, ...]

    def count(self, claim: Claim) -> int:
        """Return how many controls the evidence says `claim` about."""
        return sum(control.claim is claim for control in self.controls)


def coverage(run: RunResult, catalogue: Catalogue) -> tuple[Coverage, ...]:
    """Return what the run says about each framework it was made for (all, unless it was narrowed); its lead first."""
    counts: dict[str, Counter[Status]] = {}
    for result in run.results:
        counts.setdefault(result.check, Counter())[result.status] += 1
    return tuple(
        _framework(framework, catalogue, counts)
        for framework in sorted(catalogue.frameworks.values(), key=lambda one: one.id != run.lead)
        if not run.frameworks or framework.id in run.frameworks
    )


def claim(present: AbstractSet[Status]) -> Claim:
    """Return what results in the states `present` say together."""
    if present & _AGAINST:
        return Claim.CONTRADICTS
    if Status.PASS not in present:
        return Claim.NONE
    return Claim.INCOMPLETE if present & _MISSING else Claim.SUPPORTS


def _framework(framework: Framework, catalogue: Catalogue, counts: Mapping[str, Counter[Status]]) -> Coverage:
    mapped = catalogue.mapped(framework.id)
    controls = tuple(_control(control, framework.titles[control], checks, counts) for control, checks in mapped.items())
    return Coverage(framework, catalogue.reach(framework.id), controls)


def _control(control: str, title: str, checks: tuple[str, ...], counts: Mapping[str, Counter[Status]]) -> Control:
    # Counted by check once: a fleet has a thousand results of each, and some controls forty checks.
    own = [counts[check] for check in checks if check in counts]
    present = {status for states in own for status in states}
    said = claim(present)
    return Control(
        id=control,
        title=title,
        claim=said,
        waived=said is Claim.CONTRADICTS and Status.FAIL not in present,
        declared=Status.DECLARED in present,
        checks=checks,
        ran=sum(bool(states.keys() & EVALUATED) for states in own),
        items=sum(states.total() - states[Status.NOT_APPLICABLE] for states in own),
        evaluated=sum(states[status] for states in own for status in EVALUATED),
    )
