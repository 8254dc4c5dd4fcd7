"""Keep reports readable: the first of many, and the number of the others."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from sealproof.findings import Finding, failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

NAMED_MAX = 10  # names in one sentence


def some(findings: Iterable[Finding], what: str, fix: str, *, limit: int) -> Iterator[Finding]:
    """Yield the first `limit` findings, and the number of the others as one more."""
    rest = iter(findings)
    yield from islice(rest, limit)
    count = sum(1 for _ in rest)
    if count:
        yield failed(what, f"{count} more finds, not listed one by one", expected="none", fix=fix)


def named(names: Sequence[str], count: int = 0) -> str:
    """Return the first names in a row, and how many there are besides; `count` where more exist than were kept."""
    more = max(count, len(names)) - len(names[:NAMED_MAX])
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more else "")
