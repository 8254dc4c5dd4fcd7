"""CMP-002: audit records are complete and clean.

Reads every record of the tenant's log: its one spelling is the schema, and on top of it each says what its operation
asks for. Live values are looked for in the bytes of each line; only whoever can open the file can look for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealproof.checks.personal import found_in
from sealproof.checks.registry import check
from sealproof.checks.tenant import NoEvidence
from sealproof.checks.trails import records
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.vault.audit.lines import LOG
from sealproof.vault.manifest import SecretClass
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.audit.lines import Entry

NAMED = frozenset({"read", "write", "delete", "rotate"})
"""Operations on one secret: their records say which."""
_EXPECTED = "who, what, when, where, outcome, tenant, secret and correlation id; no value, no personal data"
_VALUE_MIN = 8  # characters; shorter values stand in any text by chance
_SHOWN = 5
_HEX = re.compile(r"[0-9a-f]*").fullmatch


@check("CMP-002")
def audit_records(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each way in which records fall short, and one for all that do not."""
    tenant = ctx.tenant.scope.tenant
    where = f"audit/{tenant}"
    values, blind = _values(ctx)
    flaws: dict[str, list[int]] = {}
    count = 0
    for entry, raw in records(ctx.target.root, tenant):
        count += 1
        for flaw in _flaws(entry, raw, values):
            flaws.setdefault(flaw, []).append(entry.sequence)
    for flaw, sequences in flaws.items():
        shown = ", ".join(map(str, sequences[:_SHOWN]))
        more = f" and {len(sequences) - _SHOWN} more" if len(sequences) > _SHOWN else ""
        fix = "mend the program that wrote it; the record itself stays, for the log is append-only"
        yield failed(where, f"{flaw}: record {shown}{more}", expected=_EXPECTED, fix=fix)
    if blind:
        yield not_evaluated(where, f"whether a value stands in it is unknown: {blind}")
    if not count:
        yield not_evaluated(where, "it holds no record yet")
    elif not flaws:
        yield passed(where, f"{counted(count, 'record')}, complete and clean")


def _values(ctx: Context) -> tuple[tuple[bytes, ...], str]:
    """Return the values to look for, and why they cannot be had, if they cannot."""
    try:
        values = ctx.tenant.values
    except NoEvidence as exc:
        return (), exc.message
    secret = (name for name in values if ctx.tenant.kind(name.partition(".")[0]) is not SecretClass.CONFIG)
    return tuple({values[name] for name in secret if len(values[name]) >= _VALUE_MIN}), ""


def _flaws(entry: Entry, raw: bytes, values: tuple[bytes, ...]) -> Iterator[str]:
    if entry.actor != LOG:
        if not entry.request:
            yield "no correlation id"
        if entry.operation in NAMED and not entry.secret:
            yield f"a {entry.operation} that does not say of which secret"
        if not _HEX(entry.request) and found_in(entry.request):
            yield "personal data in a correlation id"
    if any(value in raw for value in values):
        yield "a secret's value"
