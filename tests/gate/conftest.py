"""A small git project with the demo store in it, as a user has it, and the commands a user types."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


class Project:
    """A directory under version control, with `sealproof` on its path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        own = ("SEALPROOF_", "MASTER_SECRET_KEY", "GIT_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        author = {
            f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        bin_directory = str(Path(sys.executable).parent)
        self.environment = kept | author | {"PATH": f"{bin_directory}:{os.environ['PATH']}", "HOME": str(path.parent)}

    def type(self, command: str, *, expected: int | None = 0, stdin: str = "") -> str:
        """Type `command` in the project's directory and return what it answered."""
        answer = subprocess.run(
            command,
            shell=True,
            cwd=self.path,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if expected is not None:
            assert answer.returncode == expected, f"{command}: {answer.returncode}\n{answer.stdout}\n{answer.stderr}"
        return answer.stdout

    def check(self, *ids: str, expected: int) -> list[dict[str, object]]:
        """Run the gate over some checks and return the failing findings, each with its check's id."""
        chosen = " ".join(f"--check {name}" for name in ids)
        results = json.loads(self.type(f"sealproof check {chosen} --json", expected=expected))["results"]
        return [
            finding | {"check": result["check"]}
            for result in results
            for finding in result["findings"]
            if finding["status"] == "fail"
        ]

    def __truediv__(self, name: str) -> Path:
        return self.path / name


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a healthy project, made once: every test works on a copy."""
    project = Project(tmp_path_factory.mktemp("template") / "project")
    project.path.mkdir()
    project.type("git init --quiet .")
    (project / "app.py").write_text("print('hello')\n", encoding="utf-8")
    project.type("sealproof init --demo && git add --all && git commit --quiet --message start")
    return project.path


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Project:
    """Return a healthy project of this test's own."""
    copy = tmp_path / "project"
    shutil.copytree(template, copy, symlinks=True)
    return Project(copy)
