"""One load run for all of xdist's workers.

The load checks of one process share one measurement. Two workers that measured side by side would
disturb each other, so whoever comes first runs all load items, and the others wait and take theirs.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from typing import TYPE_CHECKING

from sealproof.pytest_plugin.examiner import node_id
from sealproof.reports.results import result_from_dict, result_to_dict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealproof.checks.runner import Item
    from sealproof.findings import CheckResult
    from sealproof.pytest_plugin.examiner import Examiner

SHARED_SUITE = "load"
_RESULTS = "load-results.json"


def examine_shared(examiner: Examiner, item: Item, peers: Iterable[Item], directory: str) -> CheckResult:
    """Return the item's result; the first worker in `directory` examines all `peers`, this item among them."""
    with _locked(directory):
        results = _read(directory)
        if node_id(item) not in results:
            results |= {node_id(peer): result_to_dict(examiner.examine(peer)) for peer in peers}
            _write(directory, results)
    return result_from_dict(results[node_id(item)])


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flock(lock, LOCK_EX)
        yield
    finally:
        os.close(lock)


def _read(directory: str) -> dict[str, dict[str, object]]:
    path = os.path.join(directory, _RESULTS)
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        results: dict[str, dict[str, object]] = json.load(file)
    return results


def _write(directory: str, results: dict[str, dict[str, object]]) -> None:
    with open(os.path.join(directory, _RESULTS), "w", encoding="utf-8") as file:
        json.dump(results, file)
