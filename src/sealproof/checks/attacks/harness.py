"""Run rows of the attack table on a store: a fresh interpreter for the store, a fork of it for every row.

The interpreter has a minimal environment and a private directory. Each fork has its own store, both
outputs in files, logging and warnings fully on, a limit on time and on address space. What a fork
printed, logged or left behind is searched for its canaries when it is gone.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import select
import shutil
import signal
import sys
import time
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import Enum
from functools import partial
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from types import MappingProxyType
from typing import TYPE_CHECKING

from sealproof.checks.attacks.bench import Bench, Decided
from sealproof.checks.attacks.interface import NotApplicable
from sealproof.checks.attacks.registry import attacks
from sealproof.checks.attacks.table import BY_ID, ROWS, SECONDS
from sealproof.checks.isolation import run_apart
from sealproof.checks.scratch import leaks
from sealproof.errors import CallerError, ToolFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sealproof.checks.attacks.interface import AttackAdapter
    from sealproof.checks.attacks.table import Row

OWN = "sealproof.checks.attacks.adapters.sealed:SealedStore"
"""The adapter of this package's own store."""
_MIB = 1 << 20
_NAMED = 4  # kinds of attempts that a result names
_BRISK = 6
_STRETCH = 6  # times its own time that a fork may take by the clock: other programs use the machine, too
_PATIENCE_MAX = 16  # times the time limits, for an adapter whose operations are slow by nature
_SLACK = 20  # seconds, to start the interpreter and to make stores
_PRINTED_MAX = 16 * _MIB  # bytes of output that are searched


class Verdict(Enum):
    """What became of one row on one store."""

    HELD = "held"
    BROKEN = "broken"
    NOT_APPLICABLE = "not applicable"  # with a written reason
    ERROR = "error"  # the harness, or the adapter, did not do its part: nothing is known


@dataclass(frozen=True, slots=True)
class Result:
    """One row on one store."""

    row: str
    verdict: Verdict
    count: int
    """Attempts."""
    said: str
    """What got through, why it does not apply, or what broke."""
    milliseconds: int


def run_rows(
    adapter: str,
    directory: str,
    rows: Iterable[Row] = ROWS,
    *,
    path: Sequence[str] = (),
    options: Mapping[str, str] = MappingProxyType({}),
    brisk: bool = False,
) -> list[Result]:
    """Run `rows` on the adapter named `module:Class` or `file.py:Class`, and return a result for each.

    A relative `file.py` counts from the working directory. `path` is put before the module search path. `options` has a
    text for each row that an adapter class takes as its second argument; rows without one are run on the class with its
    directory alone. `brisk` gives rows that do not gate, and take as long as they may, a sixth of their time.

    Raises CallerError where there is no such adapter, ToolFailed if the interpreter breaks.
    """
    chosen = list(rows)
    if ".py:" in adapter:
        adapter = os.path.abspath(adapter)  # the interpreter works elsewhere
    arguments = {"adapter": adapter, "directory": directory, "rows": [row.id for row in chosen], "path": list(path)}
    limit = _SLACK + _STRETCH * _PATIENCE_MAX * sum(row.seconds for row in chosen)
    answer = run_apart(
        run_here, directory, arguments | {"options": dict(options), "brisk": brisk}, seconds=limit
    ).returned()
    if isinstance(answer, dict) and "missing" in answer:
        raise CallerError(str(answer["missing"]), hint="name it as module:Class or file.py:Class")
    if not isinstance(answer, list):
        message = "the attacks gave no results"
        raise ToolFailed(message, hint="sealproof doctor")
    return [Result(**{**each, "verdict": Verdict(each["verdict"])}) for each in answer]


def run_here(
    adapter: str, directory: str, rows: list[str], path: list[str], options: dict[str, str], *, brisk: bool
) -> object:
    """Run rows one after the other, each in a fork. Runs in a child process."""
    sys.path[:0] = path
    try:
        kind = find_adapter(adapter)
    except (ImportError, AttributeError, OSError, ValueError) as exc:
        why = "" if not adapter.rpartition(":")[0] else f": {exc}"
        return {"missing": f"there is no adapter {adapter}{why}"}
    results = []
    for row in rows:
        place = os.path.join(directory, f"row-{row}")
        os.mkdir(place, 0o700)
        timed = replace(BY_ID[row], seconds=_seconds(BY_ID[row], kind, brisk=brisk))
        result = _in_fork(partial(_made, kind, options.get(row)), timed, place)
        results.append({**asdict(result), "verdict": result.verdict.value})
        _remove(place)
    return results


def _seconds(row: Row, kind: type[AttackAdapter], *, brisk: bool) -> int:
    seconds = max(SECONDS, row.seconds // _BRISK) if brisk and not row.gating else row.seconds
    return seconds * min(getattr(kind, "patience", 1), _PATIENCE_MAX)


def _made(kind: type[AttackAdapter], option: str | None, place: str) -> AttackAdapter:
    return kind(place) if option is None else kind(place, option)  # type: ignore[call-arg]


def find_adapter(name: str) -> type[AttackAdapter]:
    """Return the class that `module:Class` or `file.py:Class` names. Raises what importing raises."""
    module, _, attribute = name.rpartition(":")
    if not module.endswith(".py"):
        return getattr(import_module(module), attribute)  # type: ignore[no-any-return]
    spec = spec_from_file_location("attacked_store", module)
    if spec is None or spec.loader is None:
        message = f"{module} is no Python file"
        raise ImportError(message)
    loaded = module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return getattr(loaded, attribute)  # type: ignore[no-any-return]


def _in_fork(make: Callable[[str], AttackAdapter], row: Row, directory: str) -> Result:
    started = time.monotonic()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.setpgid(0, 0)
        _serve(make, row, directory, writer)
    os.close(writer)
    said = _listen(reader, started + _STRETCH * row.seconds)
    expired = said is None
    if expired:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    _end_group(child)  # and with it whatever it started: nothing of a row outlives the row
    took = round(1000 * (time.monotonic() - started))
    if not said:
        code = os.waitstatus_to_exitcode(status)
        hung = expired or code in (-signal.SIGXCPU, -signal.SIGKILL)
        ended = f"over its limit of {row.seconds} s" if hung else f"ended with {code}"
        # An attack that is never answered is no harness trouble: a store that hangs or dies has not held.
        return Result(row.id, Verdict.BROKEN, 0, f"the process {'ran ' if hung else ''}{ended}", took)
    answer = json.loads(said)
    shown = answer["shown"] + _searched(directory, answer["hidden"], answer["owned"])
    return _judged(row, answer, shown, took)


def _end_group(leader: int) -> None:
    """End every process of a fork's group."""
    with suppress(ProcessLookupError, PermissionError):  # it has none any more, or has not made it yet
        os.killpg(leader, signal.SIGKILL)


def _judged(row: Row, answer: Mapping[str, object], shown: list[str], took: int) -> Result:
    broken = [str(what) for what in answer["broken"]]  # type: ignore[attr-defined]
    count, notes = int(str(answer["count"])), str(answer["notes"])
    if shown:
        places = [f"{where} x {number}" if number > 1 else where for where, number in Counter(shown).items()]
        broken.insert(0, f"a canary shows in {', '.join(sorted(places)[:_NAMED])}")
    if broken:
        kinds = list(dict.fromkeys(broken))
        more = f"; and {len(kinds) - _NAMED} more" if len(kinds) > _NAMED else ""
        return Result(row.id, Verdict.BROKEN, count, "; ".join(kinds[:_NAMED]) + more, took)
    if answer["error"]:
        return Result(row.id, Verdict.ERROR, count, str(answer["error"]), took)
    if answer["reason"]:
        return Result(row.id, Verdict.NOT_APPLICABLE, count, str(answer["reason"]), took)
    if not count:
        return Result(row.id, Verdict.ERROR, 0, "nothing was tried", took)
    return Result(row.id, Verdict.HELD, count, notes, took)


def _serve(make: Callable[[str], AttackAdapter], row: Row, directory: str, writer: int) -> None:
    """Be the fork: work, answer, and leave without running anything of the parent's."""
    try:
        _prepare(row, directory)
        answer = json.dumps(_attacked(make, row, directory)).encode()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)


def _prepare(row: Row, directory: str) -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.chdir(directory)
    os.environ |= {"HOME": directory, "TMPDIR": directory}
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (row.memory_mib * _MIB, most))
    resource.setrlimit(resource.RLIMIT_CPU, (row.seconds, row.seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
    warnings.resetwarnings()
    warnings.simplefilter("always")


def _attacked(make: Callable[[str], AttackAdapter], row: Row, directory: str) -> dict[str, object]:
    bench, error, reason = None, "", ""
    try:
        bench = Bench(make, directory, seconds=row.seconds)
        attacks()[row.id](bench)
    except Decided:
        error = ""
    except NotApplicable as exc:
        reason = str(exc)
    except Exception as exc:  # noqa: BLE001 - an attack or an adapter that breaks is a verdict of its own
        error = _where(exc)
    if bench is None:
        return {
            "broken": [],
            "count": 0,
            "shown": [],
            "hidden": [],
            "owned": [],
            "error": error,
            "reason": reason,
            "notes": "",
        }
    owned = bench.owned()
    if not error:
        try:
            bench.restore()
            bench.control("the original bytes load again")
        except Exception as exc:  # noqa: BLE001 - the control after the attack failed, in whatever way
            error = f"after the attack: {_where(exc)}"
    return {
        "broken": bench.trials.broken,
        "count": bench.trials.count,
        "shown": bench.shown,
        "hidden": bench.hidden,
        "owned": owned,
        "error": error,
        "reason": reason,
        "notes": "; ".join(dict.fromkeys(bench.notes)),
    }


def _where(exc: BaseException) -> str:
    """Say what broke and where, without quoting a value: only our own errors' words are known to hold none."""
    if isinstance(exc, ToolFailed):
        return exc.message
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(exc).__name__
    code = trace.tb_frame.f_code
    return f"{type(exc).__name__} in {os.path.basename(code.co_filename)}, {code.co_name}, line {trace.tb_lineno}"


def _listen(reader: int, until: float) -> bytes | None:
    """Return all that the fork answers; empty if it died, None if it did not come to its end in time."""
    parts: list[bytes] = []
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while True:
            ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return None
            part = pipe.read(_MIB)
            if not part:
                return b"".join(parts)
            parts.append(part)


def _searched(directory: str, hidden: list[str], owned: list[str]) -> list[str]:
    """Return where canaries show in what was printed and in files that are not the store's own data."""
    shown = []
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            if path in owned or not os.path.isfile(path) or os.path.islink(path):
                continue
            where = {"stdout": "standard output", "stderr": "standard error, log or warnings"}.get(name, "a file left")
            with open(path, "rb") as file:
                text = file.read(_PRINTED_MAX)
            shown += [f"{where} ({found.partition(' of ')[0]})" for found in leaks(text, hidden)]
    return shown


def _remove(directory: str) -> None:
    for folder, folders, _ in os.walk(directory):
        for name in folders:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(directory)
