"""Children see nothing of the caller, and are gone on every path."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from sealproof.checks.load._children import Child
from sealproof.errors import ToolFailed

if TYPE_CHECKING:
    from pathlib import Path

PRINT_ENVIRONMENT = "import json, os; print(json.dumps([dict(os.environ), os.getcwd()]), flush=True)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def program(text: str, directory: Path, **options: object) -> Child:
    return Child("program", ("-c", text), os.fspath(directory), **options)  # type: ignore[arg-type]


def test_a_child_gets_no_variable_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "SEALPROOF_KEY", "MASTER_SECRET_KEY", "LOCUST_USERS", "HTTP_PROXY"):
        monkeypatch.setenv(name, "the caller's")
    with program(PRINT_ENVIRONMENT, tmp_path, environ={"SEALPROOF_KEY_FILE": "here"}) as child:
        environment, directory = json.loads(child.first_line(20))
    assert "the caller's" not in environment.values()
    assert directory == os.path.realpath(tmp_path)
    assert environment.pop("SEALPROOF_KEY_FILE") == "here"
    expected = {"PATH", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "PYTHONUSERBASE", "LC_CTYPE"}
    assert environment.keys() <= expected
    assert environment["HOME"] == os.fspath(tmp_path)


def test_a_relative_search_path_still_leads_to_the_same_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "lib")
    monkeypatch.chdir(tmp_path)
    with program(PRINT_ENVIRONMENT, tmp_path) as child:
        environment, _ = json.loads(child.first_line(20))
    assert os.path.join(os.getcwd(), "lib") in environment["PYTHONPATH"].split(os.pathsep)


def test_a_child_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    begun = time.monotonic()
    with program(STUBBORN, tmp_path) as child:
        assert child.first_line(20) == b"up"
    assert child._process.returncode == -9
    assert time.monotonic() - begun < 30


def test_a_child_is_gone_after_an_interrupt(tmp_path: Path) -> None:
    def interrupted() -> None:
        with child:
            child.first_line(20)
            raise KeyboardInterrupt

    child = program("import time; print('up', flush=True); time.sleep(60)", tmp_path)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert child._process.returncode == -15


def test_a_child_that_overruns_is_refused_and_gone(tmp_path: Path) -> None:
    child = program("import time; time.sleep(60)", tmp_path)
    with pytest.raises(ToolFailed, match=r"program did not end within 0\.2 s: its log is empty"), child:
        child.wait(0.2)
    assert child._process.returncode is not None


def test_a_child_that_fails_is_refused_with_its_last_lines(tmp_path: Path) -> None:
    text = "import sys; sys.stderr.write('one\\ntwo\\n\\ncanary-1234\\nfour\\n'); sys.exit(3)"
    with (
        pytest.raises(ToolFailed, match=r"exit code 3: two \| \(line withheld\) \| four$"),
        program(text, tmp_path, hidden=("canary-1234",)) as child,
    ):
        child.wait(20)


@pytest.mark.parametrize("text", ["pass", "print('half a line', end='', flush=True)", "import time; time.sleep(60)"])
def test_a_child_that_does_not_answer_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ToolFailed, match="program was not ready in 1 s"), program(text, tmp_path) as child:
        child.first_line(1)


def test_a_child_that_has_ended_is_noticed(tmp_path: Path) -> None:
    with program("print('up')", tmp_path) as child:
        child.first_line(20)
        child._process.wait(20)
        with pytest.raises(ToolFailed, match="program ended by itself with exit code 0"):
            child.check_running()
