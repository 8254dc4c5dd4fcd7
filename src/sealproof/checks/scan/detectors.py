"""The scanners' process, from the side that asks: one child for a whole tree, a time limit for each file.

Other people's scanners (detect-secrets, bandit) run over files that anybody may have written, some of
them made to be slow. So they run in a child that is given contents, never the store's values, and gets
no environment but what starts it. A file over its limit costs the child its life, and the next file a
new one; the file is reported as not finished.

    parent → child   one JSON line {"size", "python", "seconds"}, then that many bytes
    child → parent   one JSON line when it is ready, then one a file
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, Self

import sealproof

if TYPE_CHECKING:
    from types import TracebackType

COMMAND = (sys.executable, "-P", "-B", "-W", "ignore", "-m", "sealproof.checks.scan.worker")
START_SECONDS = 60
"""How long the child may take to import the scanners, on a machine that is busy."""
UNFINISHED_MAX = 20
"""After so many files that cost a child its life, something else is wrong: the rest of the tree is left."""
_CHUNK = 1 << 20
_FORWARDED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


class Found(NamedTuple):
    """A line and the detector that it made speak."""

    line: int
    detector: str


class Answer(NamedTuple):
    """What the scanners say of one file."""

    tokens: tuple[Found, ...]
    hints: tuple[Found, ...]
    lookalikes: tuple[Found, ...]
    """Matches that stand for a value to be filled in."""
    parsed: bool
    """False if the file is Python that does not parse, so that no hint could be had."""


class Detectors:
    """The scanners over one tree. A context manager: leaving it ends the child."""

    def __init__(self, *, seconds: float, command: tuple[str, ...] = COMMAND) -> None:
        self._seconds = seconds
        self._command = command
        self._child: _Child | None = None
        self._greeted = False
        self._deadline = 0.0
        self._unfinished = 0
        self.missing: tuple[str, ...] = ()
        """Scanners, or detectors of them, that are not installed here."""
        self.broken = ""
        """Why there are no scanners at all, or an empty string."""

    def __enter__(self) -> Self:
        self._child = _Child(self._command)  # its imports run while the caller opens the store
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def begin(self, text: bytes, *, python: bool) -> bool:
        """Hand a file over, for `finish` to bring the answer; False if there are no scanners to take it."""
        child = self.ready()
        if child is None:
            return False
        self._deadline = time.monotonic() + self._seconds
        head = {"size": len(text), "python": python, "seconds": int(self._seconds) + 1}
        child.send(json.dumps(head).encode() + b"\n" + text, self._deadline)
        return True

    def finish(self) -> Answer | None:
        """Return the answer for the file that was begun, or None if it did not come in time."""
        line = None if self._child is None else self._child.line(self._deadline)
        if line is None:
            self._stop()
            self._unfinished += 1
            if self._unfinished >= UNFINISHED_MAX:
                self.broken = f"{UNFINISHED_MAX} files were not finished, the files after them were not begun"
            return None
        said = json.loads(line)
        tokens, hints, alike = (
            tuple(Found(number, name) for number, name in said[what]) for what in ("tokens", "hints", "lookalikes")
        )
        return Answer(tokens, hints, alike, parsed=bool(said["parsed"]))

    def ready(self) -> _Child | None:
        """Return a child that answers, started anew where the last one was ended; None if none will."""
        if self.broken:
            return None
        if self._child is None:
            self._child, self._greeted = _Child(self._command), False
        if not self._greeted:
            line = self._child.line(time.monotonic() + START_SECONDS)
            if line is None:
                self.broken = "the scanners' process does not start"
                self._stop()
                return None
            self.missing = tuple(json.loads(line)["missing"])
            self._greeted = True
        return self._child

    def _stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


class _Child:
    """One process, written to and read from with a deadline."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the scanners' logs quote lines
            env=_environment(),
            bufsize=0,
        )
        pipes = self._process.stdin, self._process.stdout
        self._in, self._out = (pipe.fileno() for pipe in pipes if pipe is not None)
        os.set_blocking(self._in, False)
        self._rest = b""

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of `data`, or as much as the child takes before it ends or the deadline comes."""
        view = memoryview(data)
        while view and self._wait(self._in, select.POLLOUT, deadline):
            try:
                view = view[os.write(self._in, view[:_CHUNK]) :]
            except BlockingIOError:
                continue  # less room than was announced
            except BrokenPipeError:
                return  # it ended; the missing answer tells

    def line(self, deadline: float) -> bytes | None:
        """Return the next line, or None if the child ends or the deadline comes first."""
        while b"\n" not in self._rest:
            chunk = os.read(self._out, _CHUNK) if self._wait(self._out, select.POLLIN, deadline) else b""
            if not chunk:
                return None
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def stop(self) -> None:
        """End the child and wait for it."""
        self._process.kill()
        with self._process:
            pass  # closes the pipes and waits

    @staticmethod
    def _wait(fd: int, event: int, deadline: float) -> bool:
        poll = select.poll()
        poll.register(fd, event)
        return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _environment() -> dict[str, str]:
    """Return what starts Python and finds our package: no key, no setting, nothing of the caller's."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(sealproof.__file__)))
    paths = [package, *(path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(path))]
    kept = {name: os.environ[name] for name in _FORWARDED if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
