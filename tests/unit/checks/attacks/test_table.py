"""The table: what the plan asks for, and only what exists elsewhere is pointed at."""

from __future__ import annotations

import re
from pathlib import Path

from sealproof.checks.attacks.registry import attacks
from sealproof.checks.attacks.table import BY_ID, ROWS
from sealproof.checks.registry import registered
from sealproof.compliance import catalogue

DOCS = Path(__file__).parents[4] / "docs"
SECTIONS = {"A": 11, "B": 9, "C": 6, "D": 10, "E": 9, "F": 5, "G": 6}
LATER = {"B9", "C3", "C4", "D2", "D3", "D7", "D9", "D10", "E4", "E5", "E6", "E7", "E8", "F3", "F5", "G6"}


def test_every_row_of_the_seven_sections_is_there_once():
    expected = [f"{section}{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]
    assert [row.id for row in ROWS] == expected
    assert len(ROWS) == len(BY_ID) == 56


def test_forty_rows_gate_the_first_release():
    assert {row.id for row in ROWS if not row.gating} == LATER
    assert sum(row.gating for row in ROWS) == 40


def test_every_row_says_what_is_tried():
    assert all((attacks()[row.id].__doc__ or "").endswith(".") for row in ROWS)


def test_every_row_gives_evidence_for_a_check_that_runs():
    checks = {row.check for row in ROWS}
    assert checks <= catalogue.load().checks.keys()
    assert checks <= registered().keys()


def test_every_row_points_at_a_line_of_the_threat_model():
    lines = {
        int(number) for number in re.findall(r"^\| (\d+) \|", (DOCS / "threat-model.md").read_text(), re.MULTILINE)
    }
    assert {row.threat for row in ROWS} <= lines
