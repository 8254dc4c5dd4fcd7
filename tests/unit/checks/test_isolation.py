"""Children: what they are given, what they give back, and how they end."""

from __future__ import annotations

import os
import sys
import time

import pytest

from sealproof.checks import isolation
from sealproof.checks.isolation import run_apart, run_program
from sealproof.errors import ToolFailed

HERE = "import types\nmodule = types.ModuleType('probe')\nsys.modules['probe'] = module\n{body}\n"


def answer(**arguments: object) -> object:
    """Stand in for a function of the package: children import it by name."""
    return arguments


@pytest.fixture
def probe(monkeypatch):
    """Give the children a module `probe` with a function `answer` of this text."""
    monkeypatch.setattr(answer, "__module__", "probe")

    def define(text: str) -> None:
        body = "exec(compile('''" + text + "''', 'probe', 'exec'), module.__dict__)"
        monkeypatch.setattr(isolation, "PRELUDE", HERE.format(body=body))

    return define


def test_a_child_gets_arguments_and_gives_an_answer(tmp_path, probe):
    probe("def answer(**arguments): return {'sum': sum(arguments['numbers'])}")
    outcome = run_apart(answer, str(tmp_path), {"numbers": [1, 2, 3]})
    assert (outcome.returned(), outcome.exit_code, outcome.error) == ({"sum": 6}, 0, "")
    assert list(tmp_path.iterdir()) == []


def test_a_child_has_an_environment_and_a_directory_of_its_own(tmp_path, probe, monkeypatch):
    monkeypatch.setenv("MASTER_SECRET_KEY", "not for children")
    probe("import os\ndef answer(): return [sorted(os.environ), os.getcwd()]")
    names, directory = run_apart(answer, str(tmp_path), {}, environ={"GIVEN": "1"}).returned()
    assert {"GIVEN", "HOME", "PATH", "TMPDIR"} <= set(names)
    assert "MASTER_SECRET_KEY" not in names
    assert os.path.realpath(directory) == os.path.realpath(tmp_path)


def test_what_ends_a_child_is_known_by_its_class_alone(tmp_path, probe):
    probe("def answer(): raise LookupError('a value')")
    outcome = run_apart(answer, str(tmp_path), {})
    assert (outcome.exit_code, outcome.error) == (1, "LookupError")
    with pytest.raises(ToolFailed) as refused:
        outcome.returned()
    assert "LookupError" in refused.value.message
    assert "a value" not in refused.value.message


def test_memory_is_limited(tmp_path, probe):
    probe("def answer(): return len(bytes(1 << 30))")
    assert run_apart(answer, str(tmp_path), {}, memory_mib=512).error == "MemoryError"


def test_time_is_limited(tmp_path, probe):
    probe("import time\ndef answer(): time.sleep(60)")
    started = time.monotonic()
    outcome = run_apart(answer, str(tmp_path), {}, seconds=1)
    assert outcome.expired
    assert time.monotonic() - started < 30
    with pytest.raises(ToolFailed, match="time limit"):
        outcome.returned()


def test_a_signal_shows_in_the_exit_code(tmp_path, probe):
    probe("import os\ndef answer(): os.kill(os.getpid(), 9)")
    assert run_apart(answer, str(tmp_path), {}).exit_code == -9


def test_a_program_gets_its_input_and_both_outputs_come_back(tmp_path):
    code = "import sys; sys.stdout.write(sys.stdin.read()); sys.stderr.write('aside'); sys.exit(5)"
    answered = run_program([sys.executable, "-I", "-c", code], str(tmp_path), environ=None, stdin=b"said")
    assert answered == (5, b"said", b"aside", False)
