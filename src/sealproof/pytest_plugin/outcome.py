"""What all results of a session add up to: the exit status, and the signed report."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from sealproof.checks import evidence
from sealproof.checks import gate as gates
from sealproof.errors import SealproofError
from sealproof.findings import ExitCode, NotRun, decide, verdict
from sealproof.findings import gates as code_of
from sealproof.pytest_plugin.examiner import FRONT
from sealproof.pytest_plugin.explanation import visible
from sealproof.reports import attestation
from sealproof.reports.results import result_from_dict
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pytest

    from sealproof.findings import CheckResult, RunResult
    from sealproof.pytest_plugin.examiner import Examiner

_DECIDED = (ExitCode.OK, ExitCode.FINDINGS, ExitCode.NOTHING_RAN)
"""pytest's own statuses of a session that came to its end."""
_NAMED = 5  # scopes that a reason names before it only counts


class Outcome:
    """Collects results as they come in, in the process that decides."""

    def __init__(self, examiner: Examiner) -> None:
        self.lines: list[str] = []
        """What the terminal's summary says."""
        self._examiner = examiner
        self._started = gates.milliseconds()
        self._selected: set[str] = set()
        self._results: dict[str, CheckResult] = {}
        self._skipped: set[str] = set()
        self._codes: set[ExitCode] = set()
        self._failures = 0

    def select(self, addresses: Iterable[str]) -> None:
        """Note which items were left after deselection."""
        self._selected.update(address for address in addresses if address in self._examiner.items)

    def record(self, report: pytest.TestReport) -> None:
        """Take in the report of one phase of one item; those of the project's own tests are left alone."""
        if not report.nodeid.startswith(f"{FRONT}::"):
            return
        carried = getattr(report, "secrets_result", None)
        if carried is not None:
            self._results[report.nodeid] = result_from_dict(carried)
        elif report.skipped:
            self._skipped.add(report.nodeid)
        if report.failed and not hasattr(report, "wasxfail"):
            self._failures += 1
            # A failure without a result: a hook, or the process around the check, broke.
            self._codes.add(ExitCode.INTERNAL if carried is None else self._code(report.nodeid) or ExitCode.FINDINGS)

    def settle(self, status: int, *, failed: int) -> int:
        """Return the session's exit status; write the report if one was asked for.

        `failed` counts all failures of the session, the project's own included.
        """
        gate = self._examiner.gate
        if status not in _DECIDED:
            self.lines.append("the session was broken off: no verdict" + (", no report" if gate.report_dir else ""))
            return status
        if not self._selected and not self._is_empty_part():
            if gate.report_dir:
                self.lines.append("no item was selected, so no report was written")
            return status
        # What a plugin or a conftest made of an item does not count: the results do.
        self._codes.update(self._code(address) for address in self._results)
        if failed > self._failures:
            self._codes.add(ExitCode.FINDINGS)
        if not self._results:
            self._codes.add(ExitCode.NOTHING_RAN)
        self._say_verdict()
        if gate.report_dir and not self._write():
            self._codes.add(ExitCode.EVIDENCE)
        return int(decide(self._codes)) or status

    def _is_empty_part(self) -> bool:
        # A plan with fewer units than parts: the part holds nothing, and the merge asks for it all the same.
        part = self._examiner.part
        return part.shard is not None and not part.plan.items

    def _code(self, address: str) -> ExitCode:
        return code_of(self._results[address], self._examiner.gate.level)

    def _say_verdict(self) -> None:
        gate = self._examiner.gate
        final = verdict(self._results.values(), gate.level)
        states = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in final.counts if count)
        others = {
            "not run": len(self._selected) - len(self._results),
            "deselected": len(self._examiner.items) - len(self._selected),
        }
        not_reached = "".join(f", {count} {name}" for name, count in others.items() if count)
        gating = counted(final.gating, "item")
        met = f"gate NOT met: {gating} at or above {gate.level.value}" if final.gating else "gate met"
        self.lines.append(f"{met if self._results else 'no check ran'}: {states or 'nothing'}{not_reached}")
        shard = self._examiner.part.shard
        if shard:
            plan = counted(shard.items, "item")
            self.lines.append(f"part {shard} of a plan of {plan}: it says nothing about the rest")

    def _write(self) -> bool:
        gate = self._examiner.gate
        try:
            names = evidence.write(gate, self._run())
        except SealproofError as exc:
            self.lines.append(f"error: no report was written: {visible(exc.message)}")
            if exc.hint:
                self.lines.append(f"hint: {visible(exc.hint)}")
            return False
        self.lines.append(f"report: {gate.report_dir} ({counted(len(names), 'file')})")
        if attestation.NAME in names:
            self.lines.append(f"verify: sealproof report verify {gate.report_dir} --key {_public_key(gate)}")
        else:
            self.lines.append("warning: no report key was found, so the report is UNSIGNED")
        return True

    def _run(self) -> RunResult:
        examiner = self._examiner
        plan, shard = examiner.part.plan, examiner.part.shard
        not_run = sorted((*plan.not_run, *self._not_reached()), key=lambda entry: entry.check)
        results = [self._results[address] for address in examiner.items if address in self._results]
        told = replace(plan, not_run=tuple(not_run))
        return gates.assemble(examiner.gate, examiner.target, told, results, started=self._started, shard=shard)

    def _not_reached(self) -> Iterator[NotRun]:
        """Yield what was planned and has no result, by check and reason."""
        scopes: dict[tuple[str, str], list[str]] = {}
        planned: dict[str, int] = {}
        for address, item in self._examiner.items.items():
            planned[item.check] = planned.get(item.check, 0) + 1
            if address not in self._results:
                scopes.setdefault((item.check, self._reason(address)), []).append(str(item.scope))
        for (check, reason), missed in scopes.items():
            yield NotRun(check, reason if len(missed) == planned[check] else f"{reason}: {_named(missed)}")

    def _reason(self, address: str) -> str:
        if address not in self._selected:
            return "deselected"
        return "skipped by the project" if address in self._skipped else "the session stopped first"


def _named(scopes: list[str]) -> str:
    more = f" and {len(scopes) - _NAMED} more" if len(scopes) > _NAMED else ""
    return ", ".join(scopes[:_NAMED]) + more


def _public_key(gate: gates.Gate) -> str:
    """Return the public half of the key that signed, where it lies beside the private one."""
    named = gate.report_key or f"{gate.root}/keys/signing/report.key"
    public = f"{os.path.splitext(named)[0]}.pub"
    return public if os.path.exists(public) else "PUBLIC_KEY_FILE"
