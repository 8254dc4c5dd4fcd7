"""Run one function in a fresh interpreter: a minimal environment, limits on time and memory.

What is provoked there can neither disturb this process (its environment, its working directory, the
keys it has taken) nor be helped by it. Checks run in threads side by side, so whatever touches
those belongs in a child.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealproof.checks._isolated import Job
from sealproof.errors import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PRELUDE = ""
"""Python text that runs first in every child. Tests weaken the library here, to prove that a check can fail."""

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH")  # where programs and the interpreter's own libraries are; nothing secret
SECONDS = 60  # until a child that hangs is ended
_BOOT = "import json, sys\njob = json.load(sys.stdin)\nsys.path[:] = job['path']\n"
_SERVE = "\nfrom sealproof.checks._isolated import serve\nserve(job)\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a child left behind."""

    exit_code: int
    """Negative where a signal ended it."""
    answer: object
    """What its function returned; None where it did not return."""
    error: str
    """The class of the exception that ended it, or an empty string."""
    stdout: bytes
    stderr: bytes
    expired: bool
    """It was ended at the time limit."""

    def returned(self) -> object:
        """Return the function's answer. Raises ToolFailed if there is none: the harness broke, nothing was proved."""
        if self.answer is None:
            ended = "at its time limit" if self.expired else f"with exit code {self.exit_code} {self.error}".rstrip()
            message = f"a child process gave no answer and ended {ended}"
            raise ToolFailed(message, hint="sealproof doctor")
        return self.answer


def run_apart(
    function: Callable[..., object],
    directory: str,
    arguments: Mapping[str, object],
    *,
    environ: Mapping[str, str] | None = None,
    seconds: int = SECONDS,
    memory_mib: int = 0,
    options: Sequence[str] = ("-X", "utf8"),
) -> Outcome:
    """Call a module's `function` in a child with `directory` as its working directory and home.

    `arguments` and the answer are plain data. Nothing secret of this process' environment is passed on.
    """
    answer = os.path.join(directory, f".answer-{secrets.token_hex(8)}")
    job = Job(
        path=[os.path.abspath(entry) for entry in sys.path],
        function=f"{function.__module__}:{function.__qualname__}",
        arguments=dict(arguments),
        answer=answer,
        memory_mib=memory_mib,
    )
    argv = [sys.executable, "-I", *options, "-c", _BOOT + PRELUDE + _SERVE]
    code, stdout, stderr, expired = run_program(
        argv, directory, environ=environ, stdin=json.dumps(job).encode(), seconds=seconds
    )
    said = _take_answer(answer)
    return Outcome(code, said.get("answer"), str(said.get("error", "")), stdout, stderr, expired)


def run_program(
    argv: Sequence[str], directory: str, *, environ: Mapping[str, str] | None, stdin: bytes, seconds: int = SECONDS
) -> tuple[int, bytes, bytes, bool]:
    """Run a program in a minimal environment: exit code, both outputs, and whether it ran out of time."""
    minimal = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    minimal |= {"HOME": directory, "TMPDIR": directory}
    try:
        ended = subprocess.run(  # noqa: S603 - our own interpreter, no shell
            argv,
            input=stdin,
            capture_output=True,
            cwd=directory,
            env=minimal | dict(environ or {}),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        return -9, exc.stdout or b"", exc.stderr or b"", True
    return ended.returncode, ended.stdout, ended.stderr, False


def _take_answer(path: str) -> dict[str, object]:
    try:
        with open(path, encoding="utf-8") as file:
            said = json.load(file)
    except FileNotFoundError:
        return {}
    os.unlink(path)
    return said if isinstance(said, dict) else {}
