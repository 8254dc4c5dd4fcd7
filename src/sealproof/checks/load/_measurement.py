"""The one bounded load run of a process, which all load checks share.

Locust's users read canaries from the local service over loopback; both are children of this process,
because importing locust patches the interpreter. A measurement serves each check once, and for ten
minutes: so LOD-001 and LOD-002 of one run share it, in whichever order or threads they come, while
the next validation of a long-lived process measures anew. Separate processes (workers of a pool or
of pytest-xdist) share nothing and each measure for themselves.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING

from sealproof.checks.load import _stage
from sealproof.checks.load._children import PACKAGE, Child
from sealproof.checks.tenant import NoEvidence
from sealproof.checks.trials import REINSTALL
from sealproof.errors import SealproofError, ToolFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.checks.context import Context

SERVICE: tuple[str, ...] = ("-m", "sealproof.loadtests.service")
"""The Python program that is put under load. Tests put a broken one here, to prove that the checks can fail."""

LOCUSTFILE = os.path.join(PACKAGE, "loadtests", "locustfile.py")
_FORMAT = "sealproof-load/1"
_READY_SECONDS = 20  # for the service to name its port
_SPARE_SECONDS = 60  # for locust to import, to stop its users and to write, on a busy machine
_STOP_SECONDS = 2  # for users to finish the request they are in
_SHARED_SECONDS = 600  # how long a measurement speaks for this machine
_STEADY_PERCENT = 80  # of the run that must have been steady; the rest went into a slow start

_lock = Lock()
_shared: dict[tuple[int, int], _Shared] = {}


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run counted. Times in microseconds; all but the mismatches are of the steady phase."""

    format: str
    users: int
    steady_us: int
    requests: int
    """All that were made, ramp-up included."""
    samples: int
    """Requests of the steady phase, errors included."""
    errors: int
    foreign: int
    """Answers of the whole run that held another tenant's canary."""
    missing: int
    """Answers of the whole run that were not exactly their own canary."""
    p50_us: int
    p95_us: int
    max_us: int
    tenants: Mapping[str, int]
    """Answered samples by tenant."""

    @property
    def silent(self) -> list[str]:
        """Return the tenants that not one sample was answered for."""
        return [tenant for tenant in _stage.TENANTS if not self.tenants.get(tenant)]


@dataclass(slots=True)
class _Shared:
    outcome: Measurement | SealproofError
    taken: float = field(default_factory=time.monotonic)
    served: set[str] = field(default_factory=set)


def measurement(ctx: Context) -> Measurement:
    """Return the run's counts, measured now unless another check of this process has just done so.

    Raises NoEvidence without locust, ToolFailed if a child died, overran its time, or the run was cut short.
    """
    if find_spec("locust") is None:
        message = "locust is not installed, so no load could be put on"
        raise NoEvidence(message, hint="pip install 'sealproof[ci]'")
    key = users, seconds = ctx.limit("load_users"), ctx.limit("load_seconds")
    with open(LOCUSTFILE, "rb") as file:
        ctx.saw("sealproof/loadtests/locustfile.py", file.read())
    with _lock:
        shared = _shared.get(key)
        if shared is None or ctx.check.id in shared.served or time.monotonic() - shared.taken > _SHARED_SECONDS:
            shared = _shared[key] = _Shared(_outcome(ctx.scratch(), users, seconds))
        shared.served.add(ctx.check.id)
    if isinstance(shared.outcome, SealproofError):
        raise type(shared.outcome)(shared.outcome.message, hint=shared.outcome.hint)
    return shared.outcome


def _outcome(directory: str, users: int, seconds: int) -> Measurement | SealproofError:
    try:
        return _judge_run(_parse(_run(_stage.lay(directory), users, seconds)), users, seconds)
    except SealproofError as exc:
        # Without its traceback: the frames hold canaries, and the next check raises it again.
        return type(exc)(exc.message, hint=exc.hint)


def _run(stage: _stage.Stage, users: int, seconds: int) -> bytes:
    life = seconds + _SPARE_SECONDS + _READY_SECONDS
    served = (*SERVICE, "--root", stage.root, "--port", "0", "--seconds", str(life))
    keys = {"SEALPROOF_KEY_FILE": stage.key_file}
    with Child("service", served, stage.directory, hidden=stage.canaries, environ=keys) as service:
        address = f"http://127.0.0.1:{_port(service.first_line(_READY_SECONDS))}"
        argv = _locust(stage, address, users, seconds)
        with Child("locust", argv, stage.directory, hidden=stage.canaries) as locust:
            locust.wait(seconds + _SPARE_SECONDS)
        service.check_running()
    try:
        with open(stage.tally, "rb") as file:
            return file.read()
    except FileNotFoundError:
        message = "locust ended without its counts"
        raise ToolFailed(message, hint="sealproof doctor") from None


def _locust(stage: _stage.Stage, host: str, users: int, seconds: int) -> tuple[str, ...]:
    words = f"-m locust --headless --only-summary --exit-code-on-error 0 --stop-timeout {_STOP_SECONDS} -t {seconds}s"
    files = ("-f", LOCUSTFILE, "--expected", stage.expected, "--tally", stage.tally)
    return (*words.split(), "-H", host, "-u", str(users), "-r", str(users), *files)


def _port(line: bytes) -> int:
    try:
        return int(json.loads(line)["port"])
    except (ValueError, TypeError, KeyError):
        message = "the service did not name its port"
        raise ToolFailed(message, hint=REINSTALL) from None


def _parse(text: bytes) -> Measurement:
    try:
        run = Measurement(**json.loads(text))
    except (ValueError, TypeError):
        message = "locust's counts cannot be read"
        raise ToolFailed(message, hint=REINSTALL) from None
    if run.format != _FORMAT:
        message = f"locust's counts are of format {run.format!r:.40}, not {_FORMAT}"
        raise ToolFailed(message, hint=REINSTALL)
    return run


def _judge_run(run: Measurement, users: int, seconds: int) -> Measurement:
    """Return the run if it was the one that was asked for. Raises ToolFailed."""
    if run.users != users:
        message = f"{run.users} of {users} users were started"
        raise ToolFailed(message, hint="sealproof doctor")
    if run.steady_us * 100 < seconds * 1_000_000 * _STEADY_PERCENT:
        message = f"the steady phase lasted {run.steady_us / 1e6:.1f} s of {seconds} s: locust was too slow to start"
        raise ToolFailed(message, hint="repeat it while the machine is less busy")
    return run
