"""A tenant's edition of a run: what concerns it, and no other tenant by name.

Its own results stay. Of the store-wide ones the state stays, and every text that names another tenant is
withheld: the tenant reads that something is wrong with another tenant, never with which. What is about
the fleet (its history, its parts, waivers of others) is left out.

A name counts wherever it stands in a text, in any case of letters, after the tenant's own name is taken
out of it; one of under four letters counts where no letter, digit, `_` or `-` adjoins it, or every text
would be withheld for a tenant called `a`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sealproof.errors import UnknownTenant
from sealproof.findings import NOTHING_ADDED, Additions, Finding, NotRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealproof.findings import CheckResult, RunResult

WITHHELD: Final = "withheld: it names another tenant"
ELSEWHERE: Final = "another tenant"

_SHORT: Final = 4


def edition(run: RunResult, tenant: str) -> RunResult:
    """Return `tenant`'s edition of an operator's run.

    Raises UnknownTenant if the run did not look at it.
    """
    named = {*run.tenants, *(result.scope.tenant for result in run.results)} - {""}
    if tenant not in named:
        message = f"run {run.number} did not look at tenant {tenant}"
        raise UnknownTenant(message, hint=f"known: {', '.join(sorted(named)[:10]) or 'none'}", names=(tenant,))
    others = _Others(tenant, named - {tenant})
    return replace(
        run,
        tenants=(tenant,),
        results=tuple(_result(result, others) for result in run.results if result.scope.tenant in {"", tenant}),
        not_run=tuple(NotRun(entry.check, others.told(entry.reason)) for entry in run.not_run),
        notes=tuple(note for note in run.notes if not others.in_text(note)),
        rollback=others.told(run.rollback),
        history=(),
        parts=(),
        waivers=tuple(
            waiver for waiver in run.waivers if waiver.scope.tenant == tenant and not others.in_any(_texts(waiver))
        ),
        edition=tenant,
        additions=NOTHING_ADDED if others.in_any(_added_texts(run.additions)) else run.additions,
    )


class _Others:
    """The names of the other tenants, and whether a text holds one."""

    def __init__(self, own: str, names: Iterable[str]) -> None:
        long = sorted((re.escape(name) for name in names if len(name) >= _SHORT), key=len, reverse=True)
        short = [rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names if len(name) < _SHORT]
        self._own = re.compile(rf"(?<![\w-]){re.escape(own)}(?![\w-])", re.IGNORECASE)
        self._pattern = re.compile("|".join([*long, *short]) or r"(?!)", re.IGNORECASE)

    def in_text(self, text: str) -> bool:
        return bool(self._pattern.search(self._own.sub("", text)))

    def in_any(self, texts: Iterable[str]) -> bool:
        return any(self.in_text(text) for text in texts)

    def told(self, text: str) -> str:
        return WITHHELD if self.in_text(text) else text


def _result(result: CheckResult, others: _Others) -> CheckResult:
    return replace(
        result,
        findings=tuple(_finding(finding, others) for finding in result.findings),
        inputs=tuple(item for item in result.inputs if not others.in_text(item.name)),
        parameters=tuple((name, others.told(value)) for name, value in result.parameters),
    )


def _finding(finding: Finding, others: _Others) -> Finding:
    texts = (finding.resource, finding.observed, finding.expected, finding.fix, finding.reason, finding.waived_by)
    if not others.in_any(texts):
        return finding
    resource = ELSEWHERE if others.in_text(finding.resource) else finding.resource
    return Finding(finding.status, resource, WITHHELD, severity=finding.severity)


def _added_texts(added: Additions) -> Iterator[str]:
    for framework in added.frameworks:
        yield from (framework.id, framework.title, framework.edition, framework.publisher, *framework.outside)
        for control in framework.controls:
            yield from control


def _texts(waiver: object) -> tuple[str, ...]:
    names = ("id", "resource", "reason", "owner", "approver", "reference", "refused")
    return tuple(str(getattr(waiver, name)) for name in names)
