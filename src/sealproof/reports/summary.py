"""`summary.md`: the run in one comment of a pull request.

The verdict, what fails with its fix, and, folded, every result. Text of a run always stands in a code
span: it is no markup, no link and no mention of a person, whatever it says. A comment holds 65,536
characters on the usual servers; what would pass that is cut at a whole line, and the cut says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sealproof.findings import Status, gates, verdict
from sealproof.reports._checks import problems
from sealproof.reports._page import headline
from sealproof.reports._states import STATE_WORDS, WORST_FIRST, tallies
from sealproof.reports._times import readable
from sealproof.reports._visible import visible
from sealproof.reports.controls import scope_name
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.reports._checks import Problem

NAME: Final = "summary.md"
LIMIT: Final = 60_000
"""Characters; the server's own limit leaves room for what a bot adds around it."""

_MARKS: Final = {"pass": "✅", "fail": "❌", "not_evaluated": "❓", "error": "⚠️", "waived": "🕓"}
_PROBLEMS: Final = 50
_ROOM: Final = 400  # characters for the line that says what was cut


def render(run: RunResult, catalogue: Catalogue, *, signer: str) -> bytes:
    """Return the comment."""
    lines = [*_head(run, signer), *_acts(run, catalogue)]
    lines += ["<details><summary>Every result</summary>", "", "| state | check | where |", "|---|---|---|"]
    lines += [*_all(run), "", "</details>", "", *_foot(run, catalogue)]
    return _cut(lines).encode()


def code(text: str) -> str:
    """Return `text` as a code span: no markup, no link, no mention, and no second cell of a table."""
    shown = visible(text).replace("|", "[U+007C]")  # a table is split at its bars before anything else is read
    if not shown.strip():
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if "`" in (shown[0], shown[-1]) else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _head(run: RunResult, signer: str) -> Iterator[str]:
    outcome = verdict(run.results, run.gate)
    said = headline(run, outcome)
    yield f"### {_MARKS.get(said.tone, '')} {said.title}".replace("  ", " ")
    yield ""
    yield said.lede
    yield ""
    states = ", ".join(f"{tally.count} {STATE_WORDS[tally.status]}" for tally in tallies(run.results)) or "nothing ran"
    yield f"**{outcome.evaluated} of {outcome.total} items evaluated**: {states}."
    yield ""
    part = f", part {run.shard} of its plan: it says nothing about the rest" if run.shard else ""
    signed = f"signed by key {code(signer)}, proved only by verifying" if signer else "**UNSIGNED**"
    yield f"Gate {run.gate.value}, run {run.number}{part}, {readable(run.ended)}, {signed}."
    yield "Evidence, not certification."
    yield ""


def _acts(run: RunResult, catalogue: Catalogue) -> Iterator[str]:
    found = problems(run.results, catalogue, gate=run.gate)
    if not found:
        return
    yield "| to act on | what was seen | fix |"
    yield "|---|---|---|"
    for problem in found[:_PROBLEMS]:
        yield _problem(problem)
    if len(found) > _PROBLEMS:
        yield f"| {len(found) - _PROBLEMS} more | see the report | |"
    yield ""


def _problem(problem: Problem) -> str:
    where = ", ".join(code(scope) for scope in problem.scopes[:3])
    more = f" and {len(problem.scopes) - 3} more" if len(problem.scopes) > 3 else ""  # noqa: PLR2004 - as shown
    below = "" if problem.gating else ", below the gate"
    about = f"{STATE_WORDS[problem.status]}, {problem.severity.value}{below}"
    seen = f"{code(problem.finding.resource)} {code(problem.seen)}" if problem.finding and problem.seen else ""
    fixes = "<br>".join(code(fix) for fix in problem.fixes[:2])
    return f"| **{problem.check.id}** {problem.check.title}<br>{about}<br>{where}{more} | {seen} | {fixes} |"


def _all(run: RunResult) -> Iterator[str]:
    grouped: dict[tuple[Status, str], list[str]] = {}
    for result in run.results:
        grouped.setdefault((result.status, result.check), []).append(scope_name(result.scope))
    for status in WORST_FIRST:
        for (state, check), scopes in grouped.items():
            if state is status:
                yield f"| {status.value} | {check} | {' '.join(code(scope) for scope in scopes)} |"


def _foot(run: RunResult, catalogue: Catalogue) -> Iterator[str]:
    gating = sum(bool(gates(result, run.gate)) for result in run.results)
    failing = counted(gating, "item fails", "items fail")
    yield f"{failing} the gate. {len(run.not_run)} of {len(catalogue.checks)} checks did not run."


def _cut(lines: Sequence[str]) -> str:
    text = "\n".join(lines) + "\n"
    if len(text) <= LIMIT:
        return text
    kept: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if length > LIMIT - _ROOM:
            break
        kept.append(line)
    folded = any(line.startswith("<details>") for line in kept)
    return "\n".join(
        [
            *kept,
            "",
            *(["</details>", ""] if folded else []),
            f"Cut here: {counted(len(lines) - len(kept), 'line')} more. {lines[-1]}",
            "",
        ]
    )
