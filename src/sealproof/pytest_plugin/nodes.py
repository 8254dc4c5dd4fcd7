"""Items beside the project's own tests, and the collectors that they hang from. No file stands behind them."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Self

import pytest

from sealproof.findings import ExitCode, Status, gates
from sealproof.pytest_plugin import SUITES, SecretsComplianceWarning
from sealproof.pytest_plugin.examiner import FRONT, node_id
from sealproof.pytest_plugin.explanation import below_the_gate, explain, why_skipped
from sealproof.pytest_plugin.sharing import SHARED_SUITE, examine_shared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from sealproof.checks.runner import Item
    from sealproof.findings import CheckResult
    from sealproof.pytest_plugin.examiner import Examiner

_NO_ESCALATION = "-W 'default::sealproof.pytest_plugin.SecretsComplianceWarning'"


class GateNotMet(Exception):
    """A result that fails its item; its text is what the user reads."""


class SecretsCompliance(pytest.Collector):
    """The root of all items that this plugin adds."""

    examiner: Examiner

    @classmethod
    def under(cls, session: pytest.Session, examiner: Examiner) -> Self:
        """Return the root collector of a session."""
        root: Self = cls.from_parent(session, name=FRONT, nodeid=FRONT)
        root.examiner = examiner
        return root

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield the suites that have an item."""
        present = {item.suite for item in self.examiner.items.values()}
        for suite in SUITES:
            if suite in present:
                yield SecretsSuite.from_parent(self, name=suite, nodeid=f"{FRONT}::{suite}")


class SecretsSuite(pytest.Collector):
    """The items of one suite."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item a check and scope."""
        assert isinstance(self.parent, SecretsCompliance)  # noqa: S101 - narrows for the type checker
        examiner = self.parent.examiner
        for item in examiner.items.values():
            if item.suite == self.name:
                yield SecretsCheck.planned(self, item, examiner)


class SecretsCheck(pytest.Item):
    """One check over one scope."""

    planned_item: Item
    examiner: Examiner
    result: CheckResult | None = None
    """What the check found, once it has run."""

    @classmethod
    def planned(cls, parent: SecretsSuite, item: Item, examiner: Examiner) -> Self:
        """Return the node of a planned item, marked with its suite."""
        # The id is given as text: pytest 9 takes bracketed names for parameters only when it parses them itself.
        node: Self = cls.from_parent(parent, name=str(item), nodeid=node_id(item))
        node.planned_item = item
        node.examiner = examiner
        node.add_marker("secrets_compliance")
        node.add_marker(item.suite)
        return node

    def runtest(self) -> None:
        """Run the check. Raises GateNotMet, or skips, by the state of its result."""
        self.result = result = self._examined()
        gate = self.examiner.gate
        if gates(result, gate.level) is not ExitCode.OK:
            raise GateNotMet(explain(result, self.examiner.target.catalogue, gate.selection.frameworks))
        if result.status is Status.FAIL:
            if result.severity.at_least(gate.report_level):
                self._warn(below_the_gate(result))
        elif result.status is not Status.PASS:
            pytest.skip(why_skipped(result))

    def _examined(self) -> CheckResult:
        item, directory = self.planned_item, self.examiner.shared
        if item.suite != SHARED_SUITE or not os.path.isdir(directory):
            return self.examiner.examine(item)
        nodes = [node for node in self.session.items if isinstance(node, SecretsCheck)]
        peers = [node.planned_item for node in nodes if node.planned_item.suite == SHARED_SUITE]
        return examine_shared(self.examiner, item, peers, directory)

    def _warn(self, text: str) -> None:
        try:
            warnings.warn_explicit(SecretsComplianceWarning(text), category=None, filename=FRONT, lineno=1)
        except SecretsComplianceWarning:
            message = f"a finding below the gate, and this run makes warnings errors\n{text}\nfix: {_NO_ESCALATION}"
            raise GateNotMet(message) from None

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override] # text is allowed, and travels between processes
        """Return the explanation. No traceback: its frames could show values."""
        if isinstance(excinfo.value, GateNotMet):
            return str(excinfo.value)
        entry = excinfo.traceback[-1]
        return f"the check broke: {excinfo.typename} at {entry.name}, line {entry.lineno + 1} (report this)"

    def reportinfo(self) -> tuple[PathLike[str], int | None, str]:
        """Return a place that is no file, a line (pytest insists on one where a mark skips), and the name."""
        return self.config.rootpath / FRONT, 0, self.name
