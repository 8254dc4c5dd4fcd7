"""Count attempts on scratch copies: each must be refused in its documented way, and those that were not are named."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.errors import DataError, SealproofError, ToolFailed
from sealproof.findings import Finding, failed, passed
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

REINSTALL = "pip install --upgrade --force-reinstall sealproof"
"""What helps where the installed library does not do what its release did."""

_NAMED = 6  # kinds of attempts that a finding names before it only counts


class Trials:
    """Attempts, how many there were, and which got through."""

    def __init__(self) -> None:
        self.count = 0
        self.broken: list[str] = []

    def refuses(self, what: str, *kinds: type[SealproofError]) -> Attempt:
        """Return a block that has to end in one of `kinds` (default: any DataError).

        Nothing else counts as refused: neither an exception of another kind, typed or not, nor a normal end.
        """
        return Attempt(self, what, kinds or (DataError,))

    def holds(self, what: str, condition: object) -> None:
        """Record an attempt by what has to be true after it, or by a call that has to give something true."""
        self.count += 1
        if not (_worked(condition) if callable(condition) else condition):
            self.broken.append(what)

    @contextmanager
    def keep_environment(self, what: str) -> Iterator[None]:
        """Give a block that has to leave the process environment alone, and mend what it did to it.

        Only for child processes: the environment belongs to all threads.
        """
        before = dict(os.environ)
        yield
        self.holds(f"{what}: the environment was changed", dict(os.environ) == before)
        os.environ.clear()
        os.environ.update(before)

    def control(self, what: str, works: Callable[[], object]) -> None:
        """Insist that the untouched copy works after the attempts.

        Raises ToolFailed, unless an attempt got through: then that is the news, and may be the cause.
        """
        worked = _worked(works)
        if not self.broken:
            control(f"{what}, afterwards", worked)

    def add(self, answer: object) -> None:
        """Take in what `to_plain` gave in a child. Raises ToolFailed if it is anything else."""
        if not isinstance(answer, dict) or not isinstance(answer.get("count"), int):
            message = "a child process gave no count of its attempts"
            raise ToolFailed(message, hint="sealproof doctor")
        self.count += answer["count"]
        self.broken += [str(what) for what in answer["broken"]]

    def to_plain(self) -> dict[str, object]:
        """Return the count and what got through, as plain data."""
        return {"count": self.count, "broken": self.broken}

    def finding(self, resource: str, *, expected: str, fix: str = REINSTALL, note: str = "") -> Finding:
        """Return one finding over all attempts. Raises ToolFailed if there was none."""
        if not self.count:
            message = f"{resource}: nothing was attempted"
            raise ToolFailed(message, hint="sealproof doctor")
        if not self.broken:
            return passed(resource, f"{counted(self.count, 'attempt')}, all held{note}")
        kinds = list(dict.fromkeys(self.broken))
        more = f"; and {len(kinds) - _NAMED} kinds more" if len(kinds) > _NAMED else ""
        named = "; ".join(kinds[:_NAMED])
        observed = f"{len(self.broken)} of {counted(self.count, 'attempt')} got through: {named}{more}{note}"
        return failed(resource, observed, expected=expected, fix=fix)


class Attempt:
    """One attempt, as a block. Whatever comes out of it is recorded by its class, and goes no further."""

    def __init__(self, trials: Trials, what: str, kinds: tuple[type[SealproofError], ...]) -> None:
        self._trials = trials
        self._what = what
        self._kinds = kinds

    def __enter__(self) -> None:
        self._trials.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if kind is None:
            self._trials.broken.append(f"{self._what}: accepted")
        elif not issubclass(kind, self._kinds):
            if not issubclass(kind, Exception):
                return False  # an interrupt is nobody's attempt
            self._trials.broken.append(f"{self._what}: {kind.__name__}")
        return True


def findings_of(answer: object, *, expected: str) -> Iterator[Finding]:
    """Yield the finding of each resource that a child tried: its answer is `to_plain` by resource.

    Raises ToolFailed if it is anything else.
    """
    if not isinstance(answer, dict):
        message = "a child process did not say what it tried"
        raise ToolFailed(message, hint="sealproof doctor")
    for resource, tried in answer.items():
        trials = Trials()
        trials.add(tried)
        yield trials.finding(str(resource), expected=expected)


def control(what: str, condition: object) -> None:
    """Insist that the untouched copy works. Raises ToolFailed: an attack on what never worked proves nothing."""
    if not condition:
        message = f"positive control failed: {what}"
        raise ToolFailed(message, hint="sealproof doctor")


def _worked(call: Callable[[], object]) -> bool:
    try:
        return bool(call())
    except SealproofError:
        return False
