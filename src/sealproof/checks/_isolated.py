"""The child's side of `isolation`: do one job, and write down what came of it. Imports next to nothing."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_MIB = 1 << 20


class Job(TypedDict):
    """What a child is told on its standard input."""

    path: list[str]
    function: str
    """As `module:name`."""
    arguments: dict[str, object]
    answer: str
    """The file to write to."""
    memory_mib: int
    """Address space that the child may take; 0 for no limit."""


def serve(job: Job) -> None:
    """Limit memory, call the function, write down what it returned or the class of what ended it."""
    if job["memory_mib"]:
        import resource  # noqa: PLC0415 - only where a limit is asked for

        resource.setrlimit(resource.RLIMIT_AS, (job["memory_mib"] * _MIB, job["memory_mib"] * _MIB))

    def ended(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        _write(job["answer"], {"error": kind.__name__})
        sys.__excepthook__(kind, value, trace)

    sys.excepthook = ended
    module, _, name = job["function"].partition(":")
    _write(job["answer"], {"answer": getattr(import_module(module), name)(**job["arguments"])})


def _write(path: str, answer: Mapping[str, object]) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(answer, file)
