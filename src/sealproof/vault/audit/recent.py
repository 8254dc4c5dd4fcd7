"""A log's records as they stand: all of them, the newest, and those that come. Nothing is verified here."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import check_tenant
from sealproof.vault.audit.extent import closed_lines
from sealproof.vault.audit.home import descended, reading
from sealproof.vault.audit.lines import RECORD, read_record
from sealproof.vault.audit.names import read_name_key
from sealproof.vault.audit.subjects import resolve
from sealproof.vault.audit.verify import present_extent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealproof.loader.files import Directory
    from sealproof.vault.audit.lines import Entry


class Reader:
    """Reads a log's records from its end on.

    Raises UnknownTenant, StoreNotFound, AuditLogBroken, UnsafeFile, FileUnavailable.
    """

    def __init__(self, root: str, tenant: str) -> None:
        self._root = root
        self._tenant = tenant
        self._name = ""
        self._position = 0
        """Where the next batch begins, in the segment `_name`."""

    def newest(self, count: int) -> list[Entry]:
        """Return the last `count` records, oldest first. `more` goes on behind them."""
        found: list[bytes] = []
        with reading(self._root, self._tenant) as directory:
            extent = present_extent(directory)
            for name, size in reversed(extent.segments):
                records, end = _records(directory, name, size, 0, count - len(found))
                found = [*records, *found]
                if name == extent.segments[-1][0]:
                    self._name, self._position = name, end
                if len(found) == count:
                    break
        return [read_record(line) for line in found]

    def more(self) -> list[Entry]:
        """Return the records that were written since the last call."""
        found: list[bytes] = []
        with reading(self._root, self._tenant) as directory:
            for name, size in present_extent(directory).segments:
                if name >= self._name:
                    start = self._position if name == self._name else 0
                    records, end = _records(directory, name, size, start, None)
                    found += records
                    self._name, self._position = name, end
        return [read_record(line) for line in found]


def every(root: str, tenant: str) -> Iterator[Entry]:
    """Yield every record, oldest first, never all of them in memory. Raises what `Reader` raises."""
    with reading(root, tenant) as directory:
        for name, size in present_extent(directory).segments:
            for portion in closed_lines(directory, name, size):
                yield from (read_record(line) for line in portion.lines if line.startswith(RECORD))


def who_is_who(root: str, tenant: str, names: Iterable[str]) -> dict[str, str]:
    """Return subjects by their pseudonyms, and those of `names` by their digests, for who may read the log's keys.

    Empty where those keys are not. Raises StoreNotFound, UnsafeFile, MalformedFile, FileUnavailable.
    """
    known: dict[str, str] = {}
    with descended(root, "keys", "audit", check_tenant(tenant)) as keys:
        digests = None if keys is None else read_name_key(keys)
        if digests is not None:
            known |= digests.names(names)
    with descended(root, "keys", "audit", tenant, "subjects") as subjects:
        return known if subjects is None else known | resolve(subjects)


def _records(directory: Directory, name: str, size: int, start: int, keep: int | None) -> tuple[deque[bytes], int]:
    records: deque[bytes] = deque(maxlen=keep)
    end = size
    for lines, behind, _ in closed_lines(directory, name, size, start=start):
        records.extend(line for line in lines if line.startswith(RECORD))
        end = size - behind
    return records, end
