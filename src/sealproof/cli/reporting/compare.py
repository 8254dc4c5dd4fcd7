"""Say what changed between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.cli import console
from sealproof.cli.reporting.sources import read_run
from sealproof.reports.difference import difference

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sealproof.reports.difference import Change, Difference

_SECTIONS = (
    ("new", "fails newly"),
    ("still", "still fails"),
    ("waived", "waived now, and still fails"),
    ("unseen", "failed before, and was not looked at again"),
    ("fixed", "fixed"),
)


def compare(before: Path, after: Path, *, as_json: bool) -> int:
    """Print the difference; 1 if anything fails that did not, else 0."""
    found = difference(read_run(before), read_run(after))
    if as_json:
        console.answer_json({name: _plain(getattr(found, name)) for name, _ in _SECTIONS})
    else:
        _print(found)
    return 1 if found.new else 0


def _print(found: Difference) -> None:
    for name, title in _SECTIONS:
        changes: tuple[Change, ...] = getattr(found, name)
        if changes:
            console.answer(f"{title}: {len(changes)}")
        for change in changes:
            where = change.finding.resource if change.finding else str(change.result.scope)
            seen = f": {change.finding.observed}" if change.finding and change.finding.observed else ""
            label = f"{change.result.check}[{change.result.scope}]"
            console.answer(f"  {console.visible(f'{label} {where}{seen}')}")
    if not any(getattr(found, name) for name, _ in _SECTIONS):
        console.answer("nothing fails in either run")


def _plain(changes: Iterable[Change]) -> list[dict[str, str]]:
    return [
        {
            "check": change.result.check,
            "tenant": change.result.scope.tenant,
            "environment": change.result.scope.environment,
            "resource": change.finding.resource if change.finding else "",
            "observed": change.finding.observed if change.finding else "",
            "severity": change.result.severity.value,
        }
        for change in changes
    ]
