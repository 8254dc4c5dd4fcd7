"""The gate as a call, and at every write: `ContinuousValidation`.

The engine is the command line's and pytest's. A whole scan looks at everything; the watch looks, at each write, at the
rules that a write can break, in a thread of its own, so that nobody waits for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Condition, Thread
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.gate import Gate, run_gate
from sealproof.checks.personal import found_in
from sealproof.checks.runner import SURVEYED, Item, Selection, examine
from sealproof.checks.survey import Survey, survey
from sealproof.checks.target import Target
from sealproof.compliance import catalogue
from sealproof.errors import SealproofError
from sealproof.findings import Finding, Scope, Severity, Status
from sealproof.loader.tenant import DEFAULT_ROOT
from sealproof.reports import results

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Self

    from sealproof.checks.target import TargetSpec
    from sealproof.vault.observer import Decided, Finished, RotationStep, Written

AT_A_WRITE = ("SEC-018", "CMP-006", "CMP-009", "CMP-017", "ROT-001")
"""The checks whose rules a write can break, and that look at nothing but the tenant."""
SETTLE_SECONDS = 0.2
"""How long after a write the tenant is looked at: its manifest entry is added behind it."""
_LOG = logging.getLogger("sealproof.compliance")


class Violation(NamedTuple):
    """A rule that a write broke. Never holds a value."""

    check: str
    scope: Scope
    finding: Finding
    request: str
    """The write's, as it stands in the audit log."""

    def __str__(self) -> str:
        return f"{self.check}[{self.scope}] {self.finding.resource}: {self.finding.observed}"


class ContinuousValidation:
    """Scans a store on demand, and watches its writes.

    The store is `root`, `SEALPROOF_ROOT` or `secrets/`. Everything else is as `sealproof check` has it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        tenants: Sequence[str] = (),
        suites: Sequence[str] = (),
        frameworks: Sequence[str] = (),
        level: Severity = Severity.HIGH,
        profile: str = "",
        source: str = "",
        waivers: str = "",
    ) -> None:
        self._gate = Gate(
            root=os.fspath(root) if root is not None else os.environ.get("SEALPROOF_ROOT") or DEFAULT_ROOT,
            source=source,
            profile=profile,
            tenants=tuple(tenants),
            selection=Selection(suites=tuple(suites), frameworks=tuple(frameworks)),
            level=level,
            waivers=waivers,
        )

    def __repr__(self) -> str:
        return f"ContinuousValidation({self._gate.root!r})"

    async def run_security_scan(self) -> dict[str, Any]:
        """Run the checks and return what `results.json` would say (`docs/compliance.md`).

        Raises StoreNotFound, UnknownTenant, CallerError, ConfigurationError.
        """
        run = await asyncio.to_thread(run_gate, self._gate)
        document: dict[str, Any] = json.loads(results.encode(run, catalogue.load()))
        return document

    def watch(self, report: Callable[[Violation], None] | None = None, *, settle: float = SETTLE_SECONDS) -> Watch:
        """Return an observer for a manager: `AdvancedSecretManager(…, observers=(validation.watch(),))`.

        `report` is called for each rule that a write broke, in the watch's own thread; without it, a warning is
        logged. `settle` is in seconds.
        """
        return Watch(self._gate.target().spec, report or _warn, settle)


class Watch:
    """An `Observer`: looks at a tenant after each of its writes. Close it, or use it as a context manager."""

    def __init__(self, spec: TargetSpec, report: Callable[[Violation], None], settle: float) -> None:
        self.violations: list[Violation] = []
        """Every rule that was broken since the watch began."""
        self._spec = spec
        self._report = report
        self._settle = settle
        self._queue: SimpleQueue[tuple[Scope, str, str] | None] = SimpleQueue()
        self._open = 0
        self._idle = Condition()
        self._seen: dict[Scope, frozenset[tuple[str, str]]] = {}
        self._thread = Thread(target=self._work, name="sealproof-watch", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Look at what was written so far, then stop."""
        self._queue.put(None)
        self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Wait until every write so far was looked at; tell whether that was so within `seconds`."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._open, seconds)

    def decided(self, event: Decided) -> None:
        """Take note of nothing: access is the audit log's."""

    def finished(self, event: Finished) -> None:
        """Take note of nothing."""

    def written(self, event: Written) -> None:
        """Have the tenant looked at."""
        self._ask(Scope(event.tenant, event.environment), event.name, event.request)

    def rotated(self, event: RotationStep) -> None:
        """Have the tenant looked at, once the new value is the current one."""
        if event.step == "current":
            self._ask(Scope(event.tenant, event.environment), event.name, event.rotation)

    def _ask(self, scope: Scope, name: str, request: str) -> None:
        with self._idle:
            self._open += 1
        self._queue.put((scope, name, request))

    def _work(self) -> None:
        while (asked := self._queue.get()) is not None:
            time.sleep(self._settle)
            try:
                for violation in self._look(*asked):
                    self.violations.append(violation)
                    self._report(violation)
            except SealproofError as exc:
                _LOG.warning("%s could not be looked at: %s", asked[0], exc.message)
            finally:
                with self._idle:
                    self._open -= 1
                    self._idle.notify_all()

    def _look(self, scope: Scope, name: str, request: str) -> list[Violation]:
        """Return what is wrong with the secret that was written, and whatever else is newly wrong in its file."""
        target = Target(self._spec)  # a new one: tenants come, and environments
        found = [(check, finding) for check in AT_A_WRITE for finding in _failing(check, scope, target)]
        before = self._seen.get(scope)
        self._seen[scope] = frozenset((check, finding.resource) for check, finding in found)
        return [
            Violation(check, scope, finding, request)
            for check, finding in found
            if _is_about(check, finding, scope, name)
            or (before is not None and (check, finding.resource) not in before)
        ]


def _failing(check: str, scope: Scope, target: Target) -> list[Finding]:
    learnt = Survey()
    if check in SURVEYED:  # over the tenant's own environments: other tenants are a whole scan's
        scopes = [other for other in target.scopes if other.tenant == scope.tenant]
        with ThreadPoolExecutor(1) as executor:
            learnt = survey(target.spec, scopes, executor)
    return [finding for finding in examine(Item(check, scope), target, learnt) if finding.status is Status.FAIL]


def _is_about(check: str, finding: Finding, scope: Scope, name: str) -> bool:
    if check == "CMP-009":  # whose findings do not repeat the name
        return bool(found_in(name))
    return finding.resource.partition(" ")[0] == f"{scope.tenant}/{scope.environment}/{name}"


def _warn(violation: Violation) -> None:
    _LOG.warning("a write broke a rule: %s", violation)
