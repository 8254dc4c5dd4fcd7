"""`python -m sealproof.compliance`: a door to the gate."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sealproof.compliance.__main__ import words

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--check --tenant-id acme", "check --suite compliance --tenant acme"),
        ("--tenant-id=acme --check --json", "check --suite compliance --tenant=acme --json"),
        ("--check --root x --framework gdpr", "check --suite compliance --root x --framework gdpr"),
        ("", "check --help"),
    ],
)
def test_its_words_are_the_commands(typed: str, meant: str) -> None:
    assert words(typed.split()) == meant.split()


def test_it_runs_and_exits_as_the_command_does(tmp_path: Path) -> None:
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "sealproof.compliance",
            "--check",
            "--tenant-id",
            "acme",
            "--root",
            str(tmp_path / "no"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 4
    assert "no store at" in answer.stderr
