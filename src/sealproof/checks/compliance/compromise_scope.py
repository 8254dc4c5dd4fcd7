"""CMP-015: the compromise scope can be produced in time.

The drill declares the worst case: the keys of every tenant that is looked at got out. It gathers what is affected and
writes the pack for the notice to a scratch directory, against the clock; it reads, and changes nothing.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed
from sealproof.reports.notice import affected, pack
from sealproof.vault.incident import scope_of
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.incident import Scope

_SECONDS = 60
_FILES = {"notice.md", "scope.json", "secrets.csv", "accesses.csv"}


@check("CMP-015")
def compromise_scope(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for the time that it took, one for the pack, one for each thing that nobody could tell."""
    limit = ctx.limit("compromise_scope_minutes")
    ctx.limit("breach_notice_hours")
    tenants = ctx.target.tenants
    if not tenants:
        yield not_applicable("drill", "the store has no tenant")
        return
    started = time.monotonic()
    try:
        scope = scope_of(ctx.target.custodian.store, tenants)
    except SealproofError as exc:
        raise NoEvidence(f"the scope cannot be gathered: {exc.message}", hint=exc.hint) from exc
    written = _write(ctx, scope)
    seconds = time.monotonic() - started
    yield _judge_time(scope, seconds, limit)
    yield _judge_pack(scope, written)
    for unknown in scope.unknown:
        yield not_evaluated("drill", f"unknown: {unknown.what}", fix=unknown.fix)


def _write(ctx: Context, scope: Scope) -> set[str]:
    directory = ctx.scratch()
    for name, data in pack(scope, known_at=ctx.now).items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)
    return {name for name in os.listdir(directory) if os.path.getsize(os.path.join(directory, name))}


def _judge_time(scope: Scope, seconds: float, limit: int) -> Finding:
    what = f"{affected(scope)} and {counted(len(scope.accesses), 'access', 'accesses')}"
    if seconds > limit * _SECONDS:
        observed = f"listing {what} took {seconds:.0f} s"
        fix = "prune or export what the log no longer needs to hold"
        return failed("drill", observed, expected=f"at most {counted(limit, 'minute')}", fix=fix)
    return passed("drill", f"listed {what} within {max(1, round(seconds))} s")


def _judge_pack(scope: Scope, written: set[str]) -> Finding:
    if written != _FILES or not scope.affected:
        missing = ", ".join(sorted(_FILES - written)) or "any affected secret"
        return failed("notice", f"the pack lacks {missing}", expected="a pack ready for the notice", fix="report this")
    return passed("notice", f"the pack is whole: {', '.join(sorted(written))}")
