"""Every attack finds the flaw made for it, and nothing on a store that is in order; the page says what was found."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sealproof.checks.attacks.evidence import finding_of
from sealproof.checks.attacks.harness import OWN, Verdict
from sealproof.checks.attacks.registry import attacks, tried
from sealproof.checks.attacks.table import ROWS
from sealproof.checks.specimen import canaries


def _module(name):
    spec = importlib.util.spec_from_file_location(f"weak_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


matrix = _module("matrix")
FLAWS = matrix.FLAWS
SEED = int(os.environ.get("SEALPROOF_TEST_SEED", time.time_ns() // 1_000_000_000))
DRAWN = 2  # of the slow rows; all of them run in `make attacks`


@pytest.fixture(scope="module")
def drawn():
    """Some of the slow rows, others in every run."""
    sys.stdout.write(f"SEALPROOF_TEST_SEED={SEED}\n")
    return tuple(random.Random(SEED).sample(matrix.SLOW, DRAWN))


def _verdicts(results):
    return {row: matrix.SIGNS[result.verdict] for row, result in results.items()}


def _on_the_page(column, rows):
    written = matrix.written()
    return {row: written[row][column] for row in rows}


def test_every_row_has_an_attack_and_a_switch():
    assert FLAWS.keys() == attacks().keys() == {row.id for row in ROWS}
    assert matrix.written().keys() == FLAWS.keys()


def test_every_attack_is_broken_by_the_switch_made_for_it(drawn):
    rows = (*matrix.QUICK, *drawn)
    results = matrix.run(matrix.WEAK, rows, diagonal=True)
    assert {row: result.said for row, result in results.items() if result.verdict is not Verdict.BROKEN} == {}
    assert set(_on_the_page("flaw", rows).values()) == {matrix.SIGNS[Verdict.BROKEN]}
    assert [row for row, result in results.items() if _quotes(result)] == []


def test_every_attack_is_held_while_no_switch_is_on(drawn):
    rows = (*matrix.QUICK, *drawn)
    results = matrix.run(matrix.WEAK, rows)
    assert {row: result.said for row, result in results.items() if result.verdict is not Verdict.HELD} == {}
    assert set(_on_the_page("sound", rows).values()) == {matrix.SIGNS[Verdict.HELD]}


def test_our_own_store_is_broken_by_nothing(drawn):
    rows = (*matrix.QUICK, *drawn)
    results = matrix.run(OWN, rows)
    allowed = (Verdict.HELD, Verdict.NOT_APPLICABLE)
    assert {row: result.said for row, result in results.items() if result.verdict not in allowed} == {}
    assert all(result.said for result in results.values() if result.verdict is Verdict.NOT_APPLICABLE)
    assert _verdicts(results) == _on_the_page("sealproof", rows)


def test_plain_files_fare_as_the_page_says():
    results = matrix.run(matrix.DOTENV, matrix.QUICK)
    assert _verdicts(results) == _on_the_page("plain", matrix.QUICK)


def test_sops_fares_as_the_page_says():
    rows = ("A3", "A4", "A5", "B1", "B3", "C1", "C5", "E3")
    results = matrix.run(matrix.SOPS, rows)
    assert _verdicts(results) == _on_the_page("sops", rows)


def test_a_machine_that_holds_the_keys_is_broken_by_nothing():
    # Not A1, A2: `created` in master.key and the last line feed of a public key say nothing about a key, and the
    # format leaves them out (docs/format.md, Keys). Not B3, G5: whoever swaps files of keys/ can read whose they are.
    rows = ("A10", "B1", "B6", "C1", "C5", "E1", "E2", "E3", "E5", "E6", "F1")
    results = matrix.run("sealproof.checks.attacks.adapters.sealed:CustodianStore", rows)
    assert {row: result.said for row, result in results.items() if result.verdict is not Verdict.HELD} == {}


def _quotes(result):
    """Tell whether a result holds a canary, which all begin alike, in any spelling that a report could have."""
    said = finding_of(result).observed + finding_of(result).reason
    sign = canaries(("X",))["X"][:7]
    spelled = (sign, sign[::-1], sign.encode().hex(), *_in_base64(sign))
    return any(each in said for each in spelled)


def _in_base64(sign):
    """Every alignment, without the letters at the ends that hold something else, too."""
    return [base64.b64encode(b"x" * shift + sign.encode()).decode()[4 if shift else 0 : 8] for shift in range(3)]


def _typed(directory, *words):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def test_the_guide_s_code_runs_as_it_is_typed(tmp_path):
    snippet, adapter = re.findall(r"```python\n(.*?)```", matrix.GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mystore.py").write_text(adapter)
    (tmp_path / "test_mystore.py").write_text(snippet)
    rows = {"B5": Verdict.HELD, "A9": Verdict.BROKEN, "C5": Verdict.NOT_APPLICABLE}
    chosen = [word for row in rows for word in ("--row", row)]
    done = _typed(tmp_path, "sealproof", "attack", "mystore.py:DotenvStore", "--json", *chosen)
    assert done.returncode == 1
    found = {row["row"]: row["verdict"] for row in json.loads(done.stdout)["rows"]}
    assert found == {row: verdict.value for row, verdict in rows.items()}
    broken = _typed(tmp_path, "sealproof", "attack", "mystore.py:DotenvStore", "--row", "A9").stdout.splitlines()
    assert broken[0].startswith("A9   broken         plain text spliced in")
    assert broken[1].strip() == f"tried: {tried('A9')} Threat model, line 2"
    done = _typed(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "test_mystore.py", "-k", "[B5] or [A9] or [C5]")
    assert "2 passed" in done.stdout
    assert "a plain dotenv file in its place: accepted" in done.stdout
    assert re.search(r"FAILED .*\[A9\]", done.stdout)


def test_the_guide_holds_the_adapter_and_the_rows_as_they_are():
    assert matrix.GUIDE.read_text(encoding="utf-8") == matrix.guide()
    assert len(matrix.EXAMPLE.read_text(encoding="utf-8").splitlines()) < 80
