"""Apply waivers to what one check found over one scope. The finding stays as it was; only its state says `waived`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from sealproof.checks.holdings import may_name
from sealproof.compliance import waivers
from sealproof.errors import CallerError, KeyMissing
from sealproof.findings import Finding, Status
from sealproof.loader.files import read_public
from sealproof.signing import sha256
from sealproof.vault.records.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sealproof.checks.target import Target
    from sealproof.compliance.waivers import Acceptance
    from sealproof.findings import CheckResult, Scope, Waiver
    from sealproof.vault.records.people import People


class WaiverFile:
    """The waivers that a run applies: `--waivers FILE`, else `waivers.toml` in the store, else none.

    Raises ConfigurationError on a file that cannot be understood, CallerError if a named file is not there.
    """

    def __init__(self, target: Target) -> None:
        self.path = target.spec.waivers or os.path.join(target.root, waivers.FILE_NAME)
        text = read_public(self.path, limit=waivers.FILE_MAX)
        if text is None and target.spec.waivers:
            message = f"there is no waiver file {self.path}"
            raise CallerError(message, hint="--waivers FILE")
        self.text = text or b""
        self.digest = "" if text is None else sha256(text).hex()
        """SHA-256 of the file in hex; empty where there is none."""
        self.acceptances: Mapping[str, Acceptance] = waivers.parse(self.text, path=self.path)
        self.all = tuple(_judged(target, self.acceptances.values()))
        """Every waiver of the tenants looked at, each with why it does not apply, if it does not."""

    def of(self, check: str, scope: Scope) -> list[Waiver]:
        """Return the waivers of one check over one scope."""
        return [waiver for waiver in self.all if (waiver.check, waiver.scope) == (check, scope)]

    def notes(self) -> Iterator[str]:
        """Yield a line for each waiver that a run must speak of: soon to end, or not applied."""
        for waiver in self.all:
            if waiver.refused:
                yield f"waiver {waiver.id} of {waiver.check} was not applied: {waiver.refused}"
            elif waiver.days_left < waivers.WARNING_DAYS:
                yield f"waiver {waiver.id} of {waiver.check} ends on {waiver.expires} ({_left(waiver)})"


def apply(
    findings: Iterable[Finding], covering: Iterable[Waiver], passes: Callable[[str], bool]
) -> tuple[Finding, ...]:
    """Return the findings, those that failed and are covered exactly as waived ones.

    `passes` runs a compensating check over the same scope. Only a failure can be waived: a waiver for evidence that
    is missing would make it look as if there were some.
    """
    by_resource: dict[str, Waiver] = {}
    for waiver in covering:
        if not waiver.refused:
            by_resource.setdefault(waiver.resource, waiver)
    return tuple(_applied(finding, by_resource.get(finding.resource), passes) for finding in findings)


def counted(all_waivers: Iterable[Waiver], results: Iterable[CheckResult]) -> tuple[Waiver, ...]:
    """Return the waivers, each with the number of findings of the run that it covers."""
    used = [finding.waived_by for result in results for finding in result.findings if finding.waived_by]
    return tuple(replace(waiver, covers=used.count(waiver.id)) for waiver in all_waivers)


def people_of(root: str) -> People | None:
    """Return the people of a store; None where no policy key is here to verify them with."""
    try:
        return Shelf(root).people()
    except KeyMissing:
        return None


def _applied(finding: Finding, waiver: Waiver | None, passes: Callable[[str], bool]) -> Finding:
    if waiver is None or finding.status is not Status.FAIL:
        return finding
    if waiver.compensating and not passes(waiver.compensating):
        not_held = f"waiver {waiver.id} does not hold: its compensating check {waiver.compensating} does not pass"
        return replace(finding, reason=_joined(finding.reason, not_held))
    said = f"waiver {waiver.id} of {waiver.owner}, to {waiver.expires} ({_left(waiver)}): {waiver.reason}"
    return replace(finding, status=Status.WAIVED, waived_by=waiver.id, reason=_joined(finding.reason, said))


def _judged(target: Target, acceptances: Iterable[Acceptance]) -> Iterator[Waiver]:
    people: list[People | None] = []
    for acceptance in acceptances:
        tenant = acceptance.waiver.scope.tenant
        if tenant and not may_name(target, tenant):
            continue
        people = people or [people_of(target.root)]
        limits = target.profile(acceptance.waiver.scope).parameters
        yield waivers.judged(acceptance, people[0], target.now, limits)


def _left(waiver: Waiver) -> str:
    return {0: "its last day", 1: "1 day left"}.get(waiver.days_left, f"{waiver.days_left} days left")


def _joined(*reasons: str) -> str:
    return "; ".join(reason for reason in reasons if reason)
