"""The harness: limits, controls, canaries in every output, and what becomes of an adapter that breaks."""

from __future__ import annotations

import tempfile
import textwrap
from pathlib import Path

import pytest

from sealproof.checks.attacks.harness import Verdict, run_rows
from sealproof.checks.attacks.table import BY_ID, Row
from sealproof.errors import CallerError

BASE = """
import base64, logging, os, sys, warnings
from sealproof.checks.attacks.adapters.dotenv_files import DotenvStore

class Store(DotenvStore):
    @property
    def planted(self):
        with open(os.path.join(self.envs, "alpha.env")) as file:
            return file.readline().partition("=")[2].strip().strip("'")
"""


@pytest.fixture
def attacked(tmp_path):
    """Run one row on a store that is the plain one but for some text."""

    def run(body, row="B5"):
        (tmp_path / "store.py").write_text(BASE + textwrap.indent(textwrap.dedent(body), "    "))
        place = Path(tempfile.mkdtemp(dir=tmp_path))
        (result,) = run_rows(f"{tmp_path / 'store.py'}:Store", str(place), [BY_ID[row]])
        assert list(place.iterdir()) == []
        return result

    return run


def _on_load(statement):
    return f"def load(self, tenant):\n    value = self.planted\n    {statement}\n    return super().load(tenant)\n"


LEAKS = {
    "prints": "print(value)",
    "prints_base64": "print(base64.b64encode(b'xy' + value.encode()).decode())",
    "prints_hex": "print(value.encode().hex())",
    "prints_it_reversed": "print(value[::-1], file=sys.stderr)",
    "logs": "logging.getLogger('store').debug('loaded %s', value)",
    "warns": "warnings.warn(value)",
    "leaves_a_file": "open(os.path.join(self.envs, 'copy'), 'w').write(value)",
}


@pytest.mark.parametrize("how", LEAKS)
def test_a_canary_in_any_output_is_broken(attacked, how):
    result = attacked(_on_load(LEAKS[how]), row="B5")
    assert result.verdict is Verdict.BROKEN
    assert "a canary shows in" in result.said
    assert "canary-" not in result.said


def test_an_exception_that_holds_a_canary_in_a_frame_is_broken(attacked):
    body = "def load(self, tenant):\n    value = self.planted\n    return super().load(tenant)[value.upper()]\n"
    assert attacked(body, row="G3").verdict is Verdict.ERROR  # the untouched store does not load
    body = """
    def get(self, tenant, name):
        value = self.planted
        raise KeyError(name)
    """
    result = attacked(body, row="G3")
    assert (result.verdict, "a canary shows in KeyError" in result.said) == (Verdict.BROKEN, True)


def test_a_store_that_never_worked_is_an_error_and_not_held(attacked):
    result = attacked("def load(self, tenant):\n    return {}\n")
    assert result.verdict is Verdict.ERROR
    assert "positive control failed" in result.said


def test_a_store_that_does_not_come_back_is_an_error(attacked):
    body = """
    reopened = False
    def reopen(self):
        self.reopened = True
    def load(self, tenant):
        return {} if self.reopened else super().load(tenant)
    """
    result = attacked(body, row="E9")
    assert result.verdict is Verdict.ERROR
    assert "after the attack" in result.said
    assert attacked(body, row="B1").verdict is Verdict.BROKEN  # it was broken before, and that is the news


def test_a_store_that_dies_or_hangs_has_not_held(tmp_path, monkeypatch):
    for number, statement in enumerate(("os._exit(3)", "import time; time.sleep(600)")):
        (tmp_path / "store.py").write_text(BASE + textwrap.indent(f"def reopen(self):\n    {statement}\n", "    "))
        place = tmp_path / str(number)
        place.mkdir()
        monkeypatch.setitem(BY_ID, "E9", Row("E9", "children", "SEC-019", 13, seconds=1))
        (result,) = run_rows(f"{tmp_path / 'store.py'}:Store", str(place), [BY_ID["E9"]])
        assert result.verdict is Verdict.BROKEN
        assert ("over its limit" if number else "ended with 3") in result.said


def test_nothing_that_a_store_started_outlives_its_row(tmp_path, monkeypatch):
    body = """
    def reopen(self):
        import subprocess, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with open(NOTED, "w") as file:
            file.write(str(child.pid))
        time.sleep(600)
    """
    noted = tmp_path / "noted"
    text = BASE + textwrap.indent(textwrap.dedent(body), "    ").replace("NOTED", repr(str(noted)))
    (tmp_path / "store.py").write_text(text)
    (tmp_path / "place").mkdir()
    monkeypatch.setitem(BY_ID, "E9", Row("E9", "children", "SEC-019", 13, seconds=1))
    (result,) = run_rows(f"{tmp_path / 'store.py'}:Store", str(tmp_path / "place"), [BY_ID["E9"]])
    assert result.verdict is Verdict.BROKEN
    assert _is_over(int(noted.read_text()))


def _is_over(process):
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_memory_is_limited(attacked):
    body = """
    def load(self, tenant):
        found = super().load(tenant)
        if "ADDED" in found:
            bytes(1 << 30)
        return found
    def put(self, tenant, name, value):
        super().put(tenant, "ADDED" if value == "of the first" else name, value)
    """
    result = attacked(body, row="B5")
    assert (result.verdict, "MemoryError" in result.said) == (Verdict.ERROR, True)


def test_a_reason_is_carried_along(attacked):
    result = attacked("", row="C5")
    assert (result.verdict, result.said) == (Verdict.NOT_APPLICABLE, "plain files have no keys that could be rotated")


def test_an_adapter_is_named_from_where_the_caller_stands(tmp_path, monkeypatch):
    (tmp_path / "store.py").write_text(BASE)
    (tmp_path / "place").mkdir()
    monkeypatch.chdir(tmp_path)
    (result,) = run_rows("store.py:Store", str(tmp_path / "place"), [BY_ID["C5"]])
    assert result.verdict is Verdict.NOT_APPLICABLE


def test_a_word_that_names_no_adapter_is_told_without_python(tmp_path):
    with pytest.raises(CallerError) as refused:
        run_rows("nosuch", str(tmp_path), [BY_ID["A1"]])
    assert str(refused.value).splitlines()[0] == "there is no adapter nosuch"


@pytest.mark.parametrize("name", ["no.such.module:Store", "sealproof.checks:Missing", "/no/such/file.py:Store"])
def test_an_adapter_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(CallerError, match="there is no adapter"):
        run_rows(name, str(tmp_path), [BY_ID["A1"]])
