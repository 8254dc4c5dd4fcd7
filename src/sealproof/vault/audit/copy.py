"""The readable copy of a log (`AUDIT_LOG_PATH`): one plain line a record, for `tail -f`.

It proves nothing and is not synced; the signed log is the evidence. That it could not be written
does not stop anybody, and is recorded in the log itself.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sealproof.vault.audit.lines import read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealproof.vault.audit.lines import Entry

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_NOBODY: Mapping[str, str] = {}


def readable(entry: Entry, known: Mapping[str, str] = _NOBODY) -> str:
    """Return a record as a line for people; `known` gives names and subjects by what stands for them."""
    at = datetime.fromtimestamp(entry.at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    words = [
        f"{at}.{entry.at % 1000:03}Z",
        str(entry.sequence),
        entry.outcome,
        entry.operation,
        entry.scope,
        f"actor={known.get(entry.actor, entry.actor)}",
        f"by={entry.established}",
    ]
    if entry.secret:
        words.append(f"secret={known.get(entry.secret, entry.secret)}")
    if entry.version:
        words.append(f"version={entry.version}")
    if entry.request:
        words.append(f"request={entry.request}")
    words += [f"{name}={value}" for name, value in (entry.numbers | entry.digests).items()]
    return " ".join(words)


class Copy:
    """Appends readable lines to one file, which several processes may share and a rotator may move away."""

    def __init__(self, path: str) -> None:
        self._path = path

    def append(self, lines: Iterable[bytes]) -> None:
        """Add the records among `lines`. Raises OSError."""
        text = "".join(f"{readable(read_record(line))}\n" for line in lines).encode()
        fd = os.open(self._path, _FLAGS, 0o600)
        try:
            while text:
                text = text[os.write(fd, text) :]
        finally:
            os.close(fd)
