"""One process' engine: the plan, and one tenant held open at a time."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.checks import gate as gates
from sealproof.checks import runner
from sealproof.checks.runner import Plan
from sealproof.checks.survey import Survey, survey
from sealproof.checks.tenant import TenantView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.gate import Gate
    from sealproof.checks.runner import Item
    from sealproof.findings import CheckResult, Scope

FRONT = "secrets-compliance"
"""What every node id starts with."""


def node_id(item: Item) -> str:
    """Return an item's address in pytest."""
    return f"{FRONT}::{item.suite}::{item}"


class Examiner:
    """Runs single items of one plan. Consecutive items of a scope share what was read and opened for them."""

    def __init__(self, gate: Gate, *, shared: str = "") -> None:
        self.gate = gate
        self.shared = shared
        """A directory that all processes of this session share; empty where there is one process."""
        self.target = gate.target()
        self.part = gates.planned(gate, self.target)
        self.items = {node_id(item): item for item in self.part.plan.items}
        """In the plan's order: tenant by tenant, the store as a whole last."""
        self._home = os.getcwd()
        self._view: TenantView | None = None
        self._learnt: Survey | None = None

    def examine(self, item: Item) -> CheckResult:
        """Run one check over one scope. Never raises for what a check does."""
        with _working_in(self._home):
            return runner.run_item(item, self.target, self._view_of(item.scope), self._survey_for(item))

    def forget(self) -> None:
        """Drop the tenant that is held open, and its values with it."""
        self._view = None

    def _view_of(self, scope: Scope) -> TenantView | None:
        if not scope.tenant:
            self.forget()
        elif self._view is None or self._view.scope != scope:
            self._view = TenantView(self.target, scope)
        return self._view

    def _survey_for(self, item: Item) -> Survey:
        if not runner.needs_survey(Plan((item,), ())):
            return Survey()
        if self._learnt is None:
            scopes = dict.fromkeys(planned.scope for planned in self.part.whole.items if planned.scope.tenant)
            with self.gate.executor() as executor:
                self._learnt = survey(self.target.spec, scopes, executor)
        return self._learnt


@contextmanager
def _working_in(directory: str) -> Iterator[None]:
    # The project's own tests may have left this process in another directory, even in one that is gone.
    before = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.chdir(directory)
        yield
    finally:
        os.fchdir(before)
        os.close(before)
