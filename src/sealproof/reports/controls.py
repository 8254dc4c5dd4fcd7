"""`controls.csv`: what the evidence says, control by control, for a spreadsheet.

One row for each framework's control, check and state; the scopes in that state stand in one cell, in
further rows where there are many (a cell holds 32,767 characters in the usual programs). A control
whose checks did not run has its rows too, with the state `not_run`.

RFC 4180: commas, CRLF, every cell quoted. A cell that a spreadsheet would read as a formula starts
with an apostrophe, which shows it as text (OWASP, CSV injection).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealproof.reports._states import WORST_FIRST
from sealproof.reports._visible import visible
from sealproof.reports.coverage import coverage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sealproof.compliance.catalogue import Catalogue, Check
    from sealproof.findings import CheckResult, RunResult, Scope, Status
    from sealproof.reports.coverage import Control

NAME: Final = "controls.csv"
HEAD: Final = (
    *("framework", "edition", "control", "title", "evidence", "check", "check_title", "relation"),
    *("severity", "evidence_class", "state", "scopes", "scope_list", "reason"),
)
SCOPES_A_ROW: Final = 200
STORE: Final = "(store)"
"""How a cell names the store as a whole: no tenant can be called that."""

_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and their full-width forms
_NOT_RUN: Final = "not_run"


def render(run: RunResult, catalogue: Catalogue, *, signer: str) -> bytes:  # noqa: ARG001 - the shape of a Renderer
    """Return the run as rows by control."""
    rows = [HEAD, *_rows(run, catalogue)]
    return "".join(",".join(cell(text) for text in row) + "\r\n" for row in rows).encode()


def cell(text: str) -> str:
    """Return one quoted cell that no spreadsheet takes for a formula."""
    shown = visible(text)
    guarded = f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
    return '"' + guarded.replace('"', '""') + '"'


def scope_name(scope: Scope) -> str:
    """Return a scope as the cells name it: `tenant/environment`, or `STORE`."""
    return f"{scope.tenant}/{scope.environment}" if scope.tenant else STORE


def _rows(run: RunResult, catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    states = _by_check(run.results)
    reasons = {entry.check: entry.reason for entry in run.not_run}
    for item in coverage(run, catalogue):
        framework = item.framework
        for control in item.controls:
            head = (framework.id, framework.edition, control.id, control.title, _says(control))
            for check in (catalogue.checks[name] for name in control.checks):
                for tail in _states(check, states.get(check.id, {}), reasons.get(check.id, "")):
                    yield (*head, check.id, check.title, "supports", *tail)


def _says(control: Control) -> str:
    return f"{control.claim.value} (waived)" if control.waived else control.claim.value


def _by_check(results: Iterable[CheckResult]) -> dict[str, dict[Status, list[str]]]:
    grouped: dict[str, dict[Status, list[str]]] = {}
    for result in results:
        grouped.setdefault(result.check, {}).setdefault(result.status, []).append(scope_name(result.scope))
    return grouped


def _states(check: Check, states: Mapping[Status, list[str]], reason: str) -> Iterator[tuple[str, ...]]:
    kind = (check.severity.value, check.evidence.value)
    for status in WORST_FIRST:
        scopes = states.get(status, [])
        for start in range(0, len(scopes), SCOPES_A_ROW):
            part = scopes[start : start + SCOPES_A_ROW]
            yield (*kind, status.value, str(len(part)), " ".join(part), "")
    if not states:
        yield (*kind, _NOT_RUN, "0", "", reason)
