"""CMP-005: the audit review happened.

A reviewer's signed record names the range that was read and the root of the log at its end. That root must be one of
the log's own: a review of another log, or of an earlier state that was rewritten since, is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.beginnings import store_began, young
from sealproof.checks.days import day_of
from sealproof.checks.registry import check
from sealproof.checks.shelves import believed
from sealproof.checks.tenant import NoEvidence
from sealproof.checks.trails import checkpoints, logs
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed
from sealproof.vault.custodian import DAY
from sealproof.vault.records.interface import AUDIT_REVIEW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.vault.records.interface import Record


@check("CMP-005")
def audit_review(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each tenant's log."""
    limit = ctx.limit("audit_review_days")
    reviews = believed(ctx, AUDIT_REVIEW)
    if not reviews.records and young(ctx, began := store_began(ctx), limit):
        yield not_applicable("audit/", f"the store began on {day_of(began)}: the first review is due in {limit} days")
        return
    yield from reviews.doubts
    for tenant in logs(ctx):
        newest = [record for record in reviews.records if record.text("tenant") == tenant][-1:]
        try:
            yield _judge(ctx, tenant, newest[0] if newest else None, limit)
        except NoEvidence as exc:
            yield not_evaluated(f"audit/{tenant}", exc.message, fix=exc.hint)


def _judge(ctx: Context, tenant: str, review: Record | None, limit: int) -> Finding:
    where, expected = f"audit/{tenant}", f"a signed review within {limit} days"
    fix = f"sealproof record audit-review {tenant} --by NAME --key FILE --outcome TEXT"
    if review is None:
        return failed(where, "nobody has signed a review of it", expected=expected, fix=fix)
    age = (ctx.now - review.at) // DAY
    if age > limit or age < 0:
        return failed(where, f"last reviewed on {day_of(review.at)}", expected=expected, fix=fix)
    size, head = review.count("last") + 1, review.text("head")
    if (size, head) not in checkpoints(ctx.target.root, tenant):
        observed = f"the review of {day_of(review.at)} is of another log: its head is not in this one"
        return failed(where, observed, expected="a head of this log", fix=fix)
    return passed(where, f"reviewed by {review.by} on {day_of(review.at)}, up to record {size - 1}")
