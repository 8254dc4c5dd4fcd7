"""The hooks of a run that looks at secrets; registered only in such a run."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Protocol

import pytest

from sealproof.errors import SealproofError
from sealproof.pytest_plugin import SecretsComplianceWarning
from sealproof.pytest_plugin.choices import gate_of
from sealproof.pytest_plugin.examiner import FRONT, Examiner
from sealproof.pytest_plugin.nodes import SecretsCheck, SecretsCompliance
from sealproof.pytest_plugin.outcome import Outcome
from sealproof.reports.results import result_to_dict
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    class WorkerController(Protocol):
        """xdist's handle of a worker, as far as it matters here."""

        workerinput: dict[str, object]


_LOOKING = ("collectonly", "setuponly", "setupplan")
_SHARED = "sealproof_shared"
_WARNING = f"{SecretsComplianceWarning.__module__}.{SecretsComplianceWarning.__name__}"


def register(config: pytest.Config) -> None:
    """Add the hooks to this run, and take the node ids that are ours out of what pytest looks for in files."""
    wanted = tuple(arg for arg in map(str, config.args) if _is_ours(arg))
    config.args[:] = [arg for arg in config.args if str(arg) not in wanted]
    if not any(_WARNING in line for line in config.getini("filterwarnings")):
        # A project that makes warnings errors means its code's. `-W error` still means these too.
        config.addinivalue_line("filterwarnings", f"default::{_WARNING}")
    config.pluginmanager.register(Gatekeeper(config, wanted), "sealproof-gatekeeper")


def _is_ours(argument: str) -> bool:
    first, separator, _ = argument.partition("::")
    return os.path.basename(first) == FRONT and (bool(separator) or not os.path.exists(first))


class Gatekeeper:
    """Adds the items, and settles how the session ends."""

    examiner: Examiner
    outcome: Outcome

    def __init__(self, config: pytest.Config, wanted: tuple[str, ...]) -> None:
        self._wanted = tuple(FRONT + argument.partition(FRONT)[2] for argument in wanted)
        self._is_worker = hasattr(config, "workerinput")
        self._shared = str(getattr(config, "workerinput", {}).get(_SHARED, ""))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Plan. A store or a choice that is wrong ends the session here, with exit code 4."""
        try:
            self.examiner = Examiner(gate_of(session.config), shared=self._shared)
        except SealproofError as exc:
            message = f"sealproof: {exc.message}\n  hint: {exc.hint}" if exc.hint else f"sealproof: {exc.message}"
            raise pytest.UsageError(message) from None
        self.outcome = Outcome(self.examiner)

    def pytest_report_header(self) -> str:
        """Say what is looked at."""
        examiner = self.examiner
        gate = examiner.gate
        what = f"{counted(len(examiner.items), 'item')} over {counted(len(examiner.target.tenants), 'tenant')}"
        part = f", part {examiner.part.shard}" if examiner.part.shard else ""
        return f"secrets compliance: {what} in {gate.root}, gate {gate.level.value}{part}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add the items, tenant by tenant, before -k, -m and --lf choose among all."""
        order = {address: number for number, address in enumerate(self.examiner.items)}
        added = list(session.genitems(SecretsCompliance.under(session, self.examiner)))
        chosen = [item for item in added if self._chosen(item.nodeid)]
        self._refuse_unknown(added)
        items += sorted(chosen, key=lambda item: order[item.nodeid])

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what was not deselected."""
        self.outcome.select(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Give xdist's workers a directory to share."""
        self._shared = self._shared or tempfile.mkdtemp(prefix="sealproof-session-")
        node.workerinput[_SHARED] = self._shared

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Iterable[str]) -> None:
        """Note what the workers have not deselected."""
        self.outcome.select(ids)

    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Drop a tenant's values when the next item is none of its."""
        if isinstance(item, SecretsCheck) and not _same_scope(item, nextitem):
            self.examiner.forget()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the result to its report: it travels from xdist's workers, and into no XML."""
        report = yield
        if isinstance(item, SecretsCheck) and call.when == "call" and item.result is not None:
            report.secrets_result = result_to_dict(item.result)  # type: ignore[attr-defined] # reports take extra fields
            if report.skipped and isinstance(report.longrepr, tuple):
                place = f"{FRONT}::{item.planned_item.suite}::{item.planned_item.check}"
                report.longrepr = (place, 1, report.longrepr[2])
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect results where the session is decided."""
        if not self._is_worker:
            self.outcome.record(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the report and set the exit status, once every result came in."""
        looks_only = any(session.config.getoption(name, default=False) for name in _LOOKING)
        if not self._is_worker and not looks_only:
            session.exitstatus = self.outcome.settle(int(exitstatus), failed=session.testsfailed)

    def pytest_unconfigure(self) -> None:
        """Remove what the workers shared."""
        if self._shared and not self._is_worker:
            shutil.rmtree(self._shared, ignore_errors=True)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what it adds up to, where the report lies and how to verify it."""
        if self.outcome.lines:
            terminalreporter.section("secrets compliance")
            for line in self.outcome.lines:
                terminalreporter.line(line)

    def _chosen(self, address: str) -> bool:
        return not self._wanted or any(_within(address, wanted) for wanted in self._wanted)

    def _refuse_unknown(self, added: list[pytest.Item]) -> None:
        for wanted in self._wanted:
            if not any(_within(item.nodeid, wanted) for item in added):
                message = f"not found: {wanted}\n  hint: pytest --secrets-compliance --collect-only -q"
                raise pytest.UsageError(message)


def _within(address: str, wanted: str) -> bool:
    """Tell whether an item is the one named, or below it: the whole, a suite, a check over all scopes."""
    return address == wanted or address.startswith((f"{wanted}::", f"{wanted}["))


def _same_scope(item: SecretsCheck, other: pytest.Item | None) -> bool:
    return isinstance(other, SecretsCheck) and other.planned_item.scope == item.planned_item.scope
