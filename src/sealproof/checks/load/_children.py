"""A child process of the load run: a short environment, a log of its own, and an end on every path.

Neither the service nor locust sees the caller's environment, so no credential of it, no proxy and no
`LOCUST_*` setting reaches them; their home and working directory are the scratch directory, so that
no configuration file of the caller or of the tested project is read either.
"""

from __future__ import annotations

import os
import select
import site
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING, Self

import sealproof
from sealproof.checks.scratch import leaks
from sealproof.errors import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PACKAGE = os.path.dirname(os.path.abspath(sealproof.__file__))
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH")  # where programs and the interpreter's own libraries are; nothing secret
_STOP_SECONDS = 3  # for a child that was asked to end
_ANSWER_MAX = 4096  # bytes of a first line
_LOG_TAIL = 4096  # bytes looked at for the last lines
_LOG_LINES = 3
_LINE_SHOWN = 160  # characters


class Child:
    """One Python program in `directory`. A context manager: on leaving, the process is gone.

    `hidden` are values that its log may not show to anybody.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        directory: str,
        *,
        hidden: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._argv = (sys.executable, "-P", *argv)  # -P: the working directory is no place to import from
        self._directory = directory
        self._environ = _minimal(directory) | dict(environ or {})
        self._hidden = hidden
        self._log = os.path.join(directory, f"{name}.log")
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
                self._argv,
                cwd=self._directory,
                env=self._environ,
                stdin=subprocess.PIPE,  # held open as a lifeline: it closes with this process, whatever ends it
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def first_line(self, seconds: float) -> bytes:
        """Return the first line it prints. Raises ToolFailed if there is none in time."""
        return _line(self._process.stdout, time.monotonic() + seconds) or self._refuse(f"was not ready in {seconds} s")

    def wait(self, seconds: float) -> None:
        """Wait until it has ended well. Raises ToolFailed if it fails or takes longer."""
        try:
            self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._refuse(f"did not end within {seconds} s")
        if self._process.returncode:
            self._refuse(f"ended with exit code {self._process.returncode}")

    def check_running(self) -> None:
        """Raise ToolFailed if it has ended already."""
        code = self._process.poll()
        if code is not None:
            self._refuse(f"ended by itself with exit code {code}")

    def _refuse(self, what: str) -> bytes:
        message = f"{self.name} {what}: {self._last_words()}"
        raise ToolFailed(message, hint="sealproof doctor")

    def _last_words(self) -> str:
        with open(self._log, "rb") as log:
            log.seek(max(0, os.path.getsize(self._log) - _LOG_TAIL))
            text = log.read().decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()][-_LOG_LINES:]
        shown = ["(line withheld)" if leaks(line, self._hidden) else line[:_LINE_SHOWN] for line in lines]
        return " | ".join(shown) or "its log is empty"


def _line(pipe: IO[bytes] | None, end: float) -> bytes:
    data = b""
    while pipe is not None and (left := end - time.monotonic()) > 0 and len(data) < _ANSWER_MAX:
        if select.select([pipe], [], [], left)[0]:
            chunk = os.read(pipe.fileno(), _ANSWER_MAX)
            data += chunk
            if not chunk:
                return b""
            if b"\n" in chunk:
                return data.partition(b"\n")[0]
    return b""


def _minimal(directory: str) -> dict[str, str]:
    """Return the environment of a child: what it takes to find the same packages as this process, and no more."""
    named = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
        "HOME": directory,
        "TMPDIR": directory,
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join((os.path.dirname(PACKAGE), *named)),
        "PYTHONUSERBASE": site.getuserbase(),
    }
