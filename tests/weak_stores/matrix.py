"""Write `docs/attack-matrix.md`: every attack on every store. `python tests/weak_stores/matrix.py` takes some minutes.

The tests run a part of it anew each time and compare it with what is written there.
"""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from flaws import FLAWS, SWITCHES

from sealproof.checks.attacks.adapters import dotenv_files
from sealproof.checks.attacks.adapters.dotenv_files import DotenvStore
from sealproof.checks.attacks.adapters.sealed import SealedStore
from sealproof.checks.attacks.adapters.sops import SopsStore
from sealproof.checks.attacks.harness import OWN, Result, Verdict, run_rows
from sealproof.checks.attacks.registry import tried
from sealproof.checks.attacks.table import BY_ID, ROWS

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs" / "attack-matrix.md"
GUIDE = PAGE.with_name("attack-your-own-store.md")
EXAMPLE = Path(dotenv_files.__file__)
WEAK = f"{HERE / 'store.py'}:WeakStore"
DOTENV = "sealproof.checks.attacks.adapters.dotenv_files:DotenvStore"
SOPS = "sealproof.checks.attacks.adapters.sops:SopsStore"
SLOW = ("A1", "A2", "C6", "D1", "D3", "E4", "E7", "F2", "F4", "F5")
"""Rows that take over a second on a store: the ordinary tests draw some of them."""
QUICK = tuple(row.id for row in ROWS if row.id not in SLOW)
SIGNS = {Verdict.HELD: "held", Verdict.BROKEN: "**broken**", Verdict.NOT_APPLICABLE: "n/a", Verdict.ERROR: "ERROR"}
COLUMNS = ("sealproof", "plain", "sops", "sound", "flaw")
HEAD = """\
# The kill matrix: every attack on every store

Written by `make attacks`; do not edit. The ordinary tests run a part of it anew and compare.

An attack counts only if it can fail. For each row there is a switch that makes an otherwise sound small store weak in
that one way ([`tests/weak_stores`](../tests/weak_stores)): the attack has to find it, and has to find nothing while the
switch is off. What the rows do is said in [attack-your-own-store.md](attack-your-own-store.md#the-rows).
"""


def run(adapter: str, rows: tuple[str, ...], *, flaw: str | None = None, diagonal: bool = False) -> dict[str, object]:
    """Run rows on a store and return each row's result."""
    options = {row: FLAWS[row][0] if diagonal else flaw for row in rows} if diagonal or flaw is not None else {}
    with tempfile.TemporaryDirectory(prefix="sealproof-matrix-") as directory:
        results = run_rows(adapter, directory, [BY_ID[row] for row in rows], options=options, brisk=True)
    return {result.row: result for result in results}


def columns(rows: tuple[str, ...], executor: ThreadPoolExecutor) -> dict[str, dict[str, object]]:
    """Run every column of the first table."""
    jobs = {
        "sealproof": executor.submit(run, OWN, rows),
        "sops": executor.submit(run, SOPS, rows),
        "sound": executor.submit(run, WEAK, rows),
        "plain": executor.submit(run, DOTENV, rows),
        "flaw": executor.submit(run, WEAK, rows, diagonal=True),
    }
    return {name: job.result() for name, job in jobs.items()}


def page(found: dict[str, dict[str, object]], others: dict[str, list[str]]) -> str:
    """Return the whole page."""
    names = [SealedStore.name, DotenvStore.name, SopsStore(str(HERE)).name, "sound", "switched weak", "switch"]
    lines = [HEAD, "## Attack by store", "", f"| row | attack | gates | {' | '.join(names)} |", "|---" * 9 + "|"]
    for row in ROWS:
        verdicts = " | ".join(SIGNS[found[column][row.id].verdict] for column in COLUMNS)
        gates = "yes" if row.gating else "next release"
        lines.append(f"| {row.id} | {row.title} | {gates} | {verdicts} | `{FLAWS[row.id][0]}` |")
    lines += ["", *_told(found, "plain", names[1]), *_told(found, "sops", names[2]), *_not_applicable(found)]
    lines += [
        "## Switch by attack",
        "",
        f"Every switch under the {len(QUICK)} rows that take under a second, besides its own.",
        "",
    ]
    lines += ["| switch | what it does | broken by |", "|---|---|---|"]
    texts = dict(FLAWS.values())
    for switch in SWITCHES:
        own = [row for row, (name, _) in FLAWS.items() if name == switch]
        broken = [row.id for row in ROWS if row.id in own or row.id in others.get(switch, ())]
        lines.append(f"| `{switch}` | {texts[switch]} | {', '.join(broken)} |")
    return "\n".join(lines) + "\n"


def _told(found: dict[str, dict[str, object]], column: str, name: str) -> list[str]:
    lines = [f"## What broke {name}", "", "| row | attack | what got through |", "|---|---|---|"]
    for row in ROWS:
        result = found[column][row.id]
        if result.verdict is Verdict.BROKEN:
            lines.append(f"| {row.id} | {row.title} | {result.said.replace('|', '/')} |")
    return [*lines, ""]


def _not_applicable(found: dict[str, dict[str, object]]) -> list[str]:
    lines = ["## Why a row does not apply", "", "| row | store | reason |", "|---|---|---|"]
    for column, name in (("sealproof", "sealproof"), ("plain", "plain files"), ("sops", "SOPS")):
        for row in ROWS:
            result = found[column][row.id]
            if result.verdict is Verdict.NOT_APPLICABLE:
                lines.append(f"| {row.id} | {name} | {result.said} |")
    return [*lines, ""]


def written() -> dict[str, dict[str, str]]:
    """Return the verdicts that stand on the page: by row, then by column."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").partition("## What broke")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in BY_ID:
            found[cells[0]] = dict(zip(COLUMNS, cells[3:8], strict=True))
    return found


def rows_table() -> str:
    """Return the table of rows for the guide: what each tries, and what it gives evidence for."""
    lines = ["| row | attack | check | threat | gates | what is tried |", "|---|---|---|---|---|---|"]
    for row in ROWS:
        gates = "yes" if row.gating else "next release"
        what = tried(row.id).replace("|", "/")
        lines.append(f"| {row.id} | {row.title} | {row.check} | {row.threat} | {gates} | {what} |")
    return "\n".join(lines) + "\n"


def guide() -> str:
    """Return the guide with the adapter and the rows as they are now."""
    text = GUIDE.read_text(encoding="utf-8")
    for mark, content in (
        ("adapter", f"```python\n{EXAMPLE.read_text(encoding='utf-8')}```\n"),
        ("rows", rows_table()),
    ):
        before, _, rest = text.partition(f"<!-- {mark} -->\n")
        _, _, after = rest.partition(f"<!-- end of {mark} -->\n")
        text = f"{before}<!-- {mark} -->\n{content}<!-- end of {mark} -->\n{after}"
    return text


def on_the_page() -> tuple[dict[str, dict[str, object]], dict[str, list[str]]]:
    """Return all results that stand on the page, so that some can be replaced."""
    verdicts = {sign: verdict for verdict, sign in SIGNS.items()}
    found = {
        column: {row: Result(row, verdicts[cells[column]], 0, "", 0) for row, cells in written().items()}
        for column in COLUMNS
    }
    text = PAGE.read_text(encoding="utf-8")
    parts = text.split("## ")
    for part, column in ((parts[2], "plain"), (parts[3], "sops")):
        for row, _, said in _cells(part):
            found[column][row] = replace(found[column][row], said=said)
    names = {"sealproof": "sealproof", "plain files": "plain", "SOPS": "sops"}
    for row, store, said in _cells(parts[4]):
        found[names[store]][row] = replace(found[names[store]][row], said=said)
    others = {cells[0].strip("`"): cells[2].split(", ") for cells in _cells(parts[5], first="`")}
    return found, others


def _cells(part: str, first: str = "") -> list[list[str]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in part.splitlines() if line.startswith("|")
    ]
    return [cells for cells in rows if (cells[0].startswith(first) if first else cells[0] in BY_ID)]


def main() -> None:
    """Run everything, or the rows that are named, and write the page."""
    rows = tuple(sys.argv[1:])
    with ThreadPoolExecutor(2) as executor:
        found = columns(rows or tuple(BY_ID), executor)
        if rows:
            before, others = on_the_page()
            found = {column: before[column] | found[column] for column in COLUMNS}
        else:
            jobs = {switch: executor.submit(run, WEAK, QUICK, flaw=switch) for switch in SWITCHES}
            others = {
                switch: [row for row, result in job.result().items() if result.verdict is Verdict.BROKEN]
                for switch, job in jobs.items()
            }
    PAGE.write_text(page(found, others), encoding="utf-8")
    GUIDE.write_text(guide(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")


if __name__ == "__main__":
    main()
