"""`assert_no_secret_leak`: look for what a test was lent, everywhere that a test leaves something."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from sealproof.checks.scratch import leaks
from sealproof.pytest_plugin.watched import masked, watched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import TextIO, TypeAlias

    Text: TypeAlias = str | bytes
    Place: TypeAlias = tuple[str, Text]

_CAPTURES = ("capsys", "capfd", "capsysbinary", "capfdbinary", "capteesys")
_MOST_NAMED = 20


class LeakDetector:
    """Callable. Holds what was printed, logged and warned of since the fixture was set up."""

    def __init__(self, node: pytest.Item, tmp_path: Path) -> None:
        self.called = False
        self.printed: list[tuple[Text, Text]] = []
        self.log = LogLines()
        self.warned: list[str] = []
        self.capture: pytest.CaptureFixture[str] | pytest.CaptureFixture[bytes] | None = None
        self._node = node
        self._tmp_path = tmp_path

    def __repr__(self) -> str:
        return "LeakDetector()"

    def __call__(self, *extra: Text | os.PathLike[str], canaries: Iterable[str] = ()) -> None:
        """Fail if a secret of this test shows. `extra` are texts, bytes or paths to look in besides.

        `canaries` are values to look for besides those that this package's fixtures lent to the test.
        """
        __tracebackhide__ = True
        self.called = True
        secrets = {**watched(self._node), **{f"canary {n}": value for n, value in enumerate(canaries, 1)}}
        if not secrets:
            pytest.fail("nothing to look for: use sealed_store or tenant_environment, or pass canaries=", pytrace=False)
        found = [
            f"{masked(place, secrets.values())}: {label}, {hit.partition(' of ')[0]}"
            for place, text in self._places(extra)
            for label, value in secrets.items()
            for hit in leaks(text, [value])
        ]
        if found:
            more = [f"and {len(found) - _MOST_NAMED} more"] if len(found) > _MOST_NAMED else []
            pytest.fail("\n  ".join(["a secret leaked", *found[:_MOST_NAMED], *more]), pytrace=False)

    def _places(self, extra: Iterable[Text | os.PathLike[str]]) -> Iterator[Place]:
        if self.capture is not None:
            _put_back(self.capture.readouterr())
        for out, err in self.printed:
            yield "captured stdout", out
            yield "captured stderr", err
        yield "log records", "\n".join(self.log.lines)
        yield "warnings", "\n".join(self.warned)
        yield from _files(self._tmp_path)
        for number, item in enumerate(extra, 1):
            if isinstance(item, (str, bytes)):
                yield f"text {number}", item
            else:
                yield from _files(item)


class LogLines(logging.Handler):
    """Keeps every record of every level as text: message, arguments, extras and traceback."""

    def __init__(self) -> None:
        super().__init__(level=logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.lines += [self.format(record), *(f"{value} {value!r}" for value in vars(record).values())]


@contextmanager
def detecting(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LeakDetector]:
    """Listen to output, logs and warnings; look when the test ends, if it never did itself."""
    detector = LeakDetector(request.node, tmp_path)
    _listen_to_output(request, detector, monkeypatch)
    _listen_to_warnings(detector, monkeypatch)
    root = logging.getLogger()
    level = root.level
    root.addHandler(detector.log)
    root.setLevel(logging.NOTSET)
    try:
        yield detector
        if not detector.called:
            detector()
    finally:
        root.removeHandler(detector.log)
        root.setLevel(level)


def _listen_to_output(request: pytest.FixtureRequest, detector: LeakDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only one of these fixtures can be used at a time, so it is the test's own where it has one.
    name = next((name for name in _CAPTURES if name in request.fixturenames), "capfd")
    detector.capture = capture = request.getfixturevalue(name)
    original = capture.readouterr

    def reading() -> object:
        result = original()
        detector.printed.append((result.out, result.err))
        return result

    monkeypatch.setattr(capture, "readouterr", reading)


def _listen_to_warnings(detector: LeakDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    original = warnings.showwarning

    def showing(  # noqa: PLR0917 - the signature is the standard library's
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        detector.warned.append(str(message))
        original(message, category, filename, lineno, file, line)

    monkeypatch.setattr(warnings, "showwarning", showing)


def _put_back(result: tuple[Text, Text]) -> None:
    """Print again what was read, so that the test and its report still find it."""
    for stream, text in zip((sys.stdout, sys.stderr), result, strict=True):
        if isinstance(text, str):
            stream.write(text)
        else:
            stream.buffer.write(text)
        stream.flush()


def _files(place: str | os.PathLike[str]) -> Iterator[Place]:
    """Yield the names and contents of all files at or below a path; links are read as the text they are."""
    if os.path.isfile(place) and not os.path.islink(place):
        with open(place, "rb") as file:
            yield f"file {os.fspath(place)}", file.read()
        return
    for directory, _, names in os.walk(place):
        yield f"names in {directory}", "\n".join(os.listdir(directory))
        for name in names:
            path = os.path.join(directory, name)
            if os.path.islink(path):
                yield f"link {path}", os.fsencode(os.readlink(path))
            else:
                yield from _files(path)
