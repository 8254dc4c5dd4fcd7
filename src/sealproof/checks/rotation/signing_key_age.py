"""ROT-004: signing keys are within their cryptoperiod.

Dates come from the journal, which records each key when it is made and when it is rolled. A predecessor's public half
must still be there: what it signed is verified with it. The audit log's own keys evolve by the hour and are not these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.days import day_of
from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.rotation._evidence import ledger_of
from sealproof.envelope.freshness import CLOCK_SKEW
from sealproof.findings import Age, Finding, failed, not_applicable, not_evaluated, passed
from sealproof.vault.custodian import DAY
from sealproof.vault.keys.ledger import Purpose, State
from sealproof.vault.keys.signers import ROLL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.keys.ledger import KeyRecord

_SIGNERS = (Purpose.WRITER, Purpose.REPORT, Purpose.POLICY, Purpose.JOURNAL)


@check("ROT-004")
def signing_key_age(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each signing key in use, and one for each predecessor that is gone."""
    ledger, days = ledger_of(ctx), ctx.limit("signing_key_days")
    signers = [key for key in ledger.keys if key.purpose in _SIGNERS]
    for key in signers:
        if key.state is State.ACTIVE:
            yield _judge(ctx, key, days)
    for problem in ledger.problems:
        if problem.ref.startswith("signing/"):
            yield not_evaluated(f"keys/{problem.ref}", problem.reason, fix=problem.hint)
    yield from _predecessors(ctx, {key.public for key in signers})
    if not signers:
        yield not_applicable("keys/signing", "there is no signing key")


def _judge(ctx: Context, key: KeyRecord, days: int) -> Finding:
    where = f"keys/{key.ref}"
    fix = command(ctx, "key", "roll", key.purpose.value)
    if key.created is None:
        return not_evaluated(where, "the journal does not say when it was made", fix=fix)
    age = Age(max(0, ctx.now - key.created) // DAY, days)
    if ctx.now - key.created > days * DAY or key.created > ctx.now + CLOCK_SKEW:
        expected = f"at most {days} days old"
        return failed(where, f"made on {day_of(key.created)}", expected=expected, fix=fix, age=age)
    return passed(where, f"made on {day_of(key.created)}", age=age)


def _predecessors(ctx: Context, kept: set[str]) -> Iterator[Finding]:
    for roll in ctx.target.journal:
        old = roll.text("old")
        if roll.kind == ROLL and roll.has("swap") and old not in kept:
            observed = f"the public key {old}, replaced on {day_of(roll.at)}, is no longer kept"
            expected = "the predecessor's public key, to verify what it signed"
            yield failed(f"keys/{roll.scope}", observed, expected=expected, fix="restore keys/signing from its backup")
