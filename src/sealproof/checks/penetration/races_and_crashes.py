"""PEN-012: races and crashes cannot leak or tear.

Rows of the attack table: writers are killed before and after each file operation, and failed by the disk at
each; modes, links, odd files and other writers stand in the way; what is left behind is searched for values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import Finding


@check("PEN-012")
def races_and_crashes_are_harmless(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each row."""
    yield from row_findings(ctx)
