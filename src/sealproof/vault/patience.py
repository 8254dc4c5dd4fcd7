"""Save again from the newest file while others are faster, for a while."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from sealproof.errors import Changed, UnknownTenant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from sealproof.vault.custodian import Change, Custodian

WRITE_TRIES = 100
"""Times that a write starts from the newest file before it gives up; with the waits between, about ten seconds."""
_FIRST_WAIT = 0.002  # seconds
_LONGEST_WAIT = 0.2  # seconds


def waits() -> Iterator[float]:
    """Yield how many seconds to wait before each further try. Drawn at random, so that writers drift apart."""
    longest = _FIRST_WAIT
    for _ in range(WRITE_TRIES - 1):
        yield random.uniform(_FIRST_WAIT, longest)  # noqa: S311 - spreads load, keeps no secret
        longest = min(longest * 2, _LONGEST_WAIT)


def seal_beside_others(
    custodian: Custodian,
    tenant: str,
    environment: str,
    values: Mapping[str, bytes],
    *,
    allow: Collection[str] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> Change:
    """Seal `values`, again for as long as others change other names of the file meanwhile.

    Raises Changed where one of these names was changed by somebody else, or others were faster too often, and what
    `Custodian.seal` raises.
    """
    before = _versions(custodian, tenant, environment, values)
    tries = waits()
    while True:
        try:
            return custodian.seal(tenant, environment, values, allow=allow)
        except Changed:
            wait = next(tries, 0)
            if not wait or _versions(custodian, tenant, environment, values) != before:
                raise
            sleep(wait)


def _versions(custodian: Custodian, tenant: str, environment: str, names: Collection[str]) -> dict[str, int]:
    try:
        entries = custodian.envelope(tenant, environment).entries
    except UnknownTenant:
        return {}
    return {entry.name: int(entry.version) for entry in entries if entry.name in names}
