"""PEN-003: malformed envelopes are harmless.

Opens generated malformed copies of a scratch file in a child process with a limit on memory and a
limit on the time of each: an insider's, authenticated anew, and random ones. A typed error is the only outcome that
holds: no crash, no other exception, no hang, no plain text. What an outsider makes of a file is what the rows try;
random copies and odd files are here as well until their rows (F5, E5) gate.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.isolation import run_apart
from sealproof.checks.penetration._mutations import drawn, named
from sealproof.checks.registry import check
from sealproof.checks.specimen import Specimen
from sealproof.checks.trials import REINSTALL, Trials, control
from sealproof.envelope.cipher import reader_public
from sealproof.envelope.grammar import FILE_MAX, KEY_BYTES
from sealproof.errors import DataError
from sealproof.findings import Finding, failed
from sealproof.loader.environment import load_environment_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from sealproof.checks.context import Context
    from sealproof.checks.isolation import Outcome

_SEED = 20_260_101
_COUNT = 8_000
_ALL = 12  # times the limit of one file, for all of them together, on a machine that is busy with something else
_EXPECTED = "a typed error for each, in bounded time and memory"


@check("PEN-003")
def malformed_envelopes_are_harmless(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for files in memory, and one for odd things in a file's place."""
    seconds, memory = ctx.limit("attack_seconds"), ctx.limit("attack_memory_mib")
    directory = ctx.scratch()
    for resource, function in (("malformed copies", open_mutants), ("odd files in a store", load_odd_files)):
        outcome = run_apart(function, directory, {"seconds": seconds}, seconds=seconds * _ALL, memory_mib=memory)
        yield _judged(resource, outcome)
    yield from row_findings(ctx)


def _judged(resource: str, outcome: Outcome) -> Finding:
    """Return the finding on a child that came to its end, or that hung or crashed at one of the files."""
    if outcome.expired or outcome.exit_code < 0:
        last = outcome.stdout.decode(errors="replace").strip().rpartition("\n")[2]
        ended = "the process hung" if outcome.expired else f"signal {-outcome.exit_code} ended the process"
        return failed(resource, f"{last}: {ended}", expected=_EXPECTED, fix=REINSTALL)
    answer = outcome.returned()
    trials = Trials()
    trials.add(answer)
    slowest = answer.get("slowest") if isinstance(answer, dict) else None
    return trials.finding(resource, expected=_EXPECTED, note=f"; slowest {slowest} ms, seed {_SEED}")


class _Clock:
    """Times each attempt, and interrupts one that takes longer than it may."""

    def __init__(self, seconds: int) -> None:
        self.slowest = 0.0
        self._seconds = seconds
        signal.signal(signal.SIGALRM, _too_slow)

    def attempt(self, trials: Trials, what: str, call: Callable[[], object]) -> None:
        sys.stdout.write(f"{what}\n")
        sys.stdout.flush()
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        started = time.perf_counter()
        with trials.refuses(what, DataError):
            call()
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.slowest = max(self.slowest, time.perf_counter() - started)

    def to_plain(self, trials: Trials) -> dict[str, object]:
        return {**trials.to_plain(), "slowest": round(1000 * self.slowest)}


def _too_slow(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TimeoutError


def open_mutants(seconds: int) -> dict[str, object]:
    """Open every malformed copy. Runs in a child process."""
    specimen = Specimen(readers=(reader_public(os.urandom(KEY_BYTES)),))
    control("the scratch file", specimen.works())
    trials, clock = Trials(), _Clock(seconds)
    for mutants in (named(specimen), drawn(specimen.data, _SEED, _COUNT)):
        for what, data in mutants:
            clock.attempt(trials, what, partial(specimen.open, data))
    trials.control("the scratch file", specimen.works)
    return clock.to_plain(trials)


def load_odd_files(seconds: int) -> dict[str, object]:
    """Load from a store with something else in the file's place. Runs in a child process."""
    specimen, directory = Specimen(), os.getcwd()
    root = os.path.join(directory, "secrets")
    path = specimen.install(root)
    os.environ["SEALPROOF_KEY_FILE"] = specimen.export(directory)
    trials, clock = Trials(), _Clock(seconds)
    odd: dict[str, Callable[[], None]] = {
        "a file one byte over the limit": lambda: _sparse(path, FILE_MAX + 1),
        "a pipe": lambda: os.mkfifo(path, 0o600),
        "a directory": lambda: os.mkdir(path),
        "a link to an endless device": lambda: os.symlink("/dev/zero", path),
    }
    for what, make in odd.items():
        os.unlink(path)
        make()
        clock.attempt(trials, what, partial(load_environment_secrets, specimen.tenant, root=root))
        if os.path.isdir(path):
            os.rmdir(path)
            _sparse(path, 0)
    os.unlink(path)
    specimen.install(root)
    trials.control("the file put back", lambda: load_environment_secrets(specimen.tenant, root=root).names)
    return clock.to_plain(trials)


def _sparse(path: str, size: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.truncate(size)
