"""PEN-011: errors are no oracle.

Rows of the attack table: what a load says about a wrong key, a spoilt value, another's file and a changed
header has to be one type and one text; equal values and lengths have to show in no ciphertext; and the
source is read for comparisons of tags and passwords that end at the first difference. How long refusals
take is measured by `benchmarks/timing.py`: it informs and decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import Finding


@check("PEN-011")
def errors_are_no_oracle(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each row."""
    yield from row_findings(ctx)
