"""A directory of one's own with `sealproof` on the path, and what typing commands in it answers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

OWN = ("SEALPROOF_", "MASTER_SECRET_KEY", "GIT_", "EDITOR", "VISUAL", "CREDENTIALS_DIRECTORY")
SECONDS = 60  # nothing that a test types takes a tenth of it


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


class Shell:
    """Types commands in one directory, with no key or setting of the caller's own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
        who = {f"GIT_{role}_{what}": "test@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        place = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(path), "LC_ALL": "C.UTF-8"}
        self.environment = kept | who | place | {"GIT_CONFIG_NOSYSTEM": "1", "COLUMNS": "100"}

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def run(self, command: str, *, stdin: str | bytes = b"", **variables: str) -> Answer:
        """Type `command` and return what it answered."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.path,
            env=self.environment | variables,
            input=stdin if isinstance(stdin, bytes) else stdin.encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def type(self, command: str, *, stdin: str | bytes = b"", **variables: str) -> str:
        """Type `command`, which must succeed, and return its answer."""
        answer = self.run(command, stdin=stdin, **variables)
        assert answer.code == 0, f"{command}\n{answer}"
        return answer.out

    def tree(self) -> dict[str, tuple[int, bytes]]:
        """Return everything below the directory but git's own files: path, mode and bytes."""
        found: dict[str, tuple[int, bytes]] = {}
        for folder, directories, files in os.walk(self.path):
            directories[:] = [name for name in directories if name != ".git"]
            for name in (*directories, *files):
                path = Path(folder) / name
                status = path.lstat()
                data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
                found[str(path.relative_to(self.path))] = (status.st_mode, data)
        return found


def refusal(answer: Answer) -> tuple[str, str]:
    """Return the error and the hint of a command that was refused: one line each, and nothing else was said."""
    lines = answer.err.splitlines()
    assert len(lines) == 2, answer
    error, hint = lines
    assert error.startswith("sealproof: error: "), answer
    assert hint.startswith("sealproof: hint: "), answer
    assert answer.out == "", answer
    return error.removeprefix("sealproof: error: "), hint.removeprefix("sealproof: hint: ")
