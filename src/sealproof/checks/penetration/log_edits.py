"""PEN-006: log edits are caught.

A scratch log is changed as an intruder would who holds the files and none of the keys: a record changed, removed,
inserted, reordered, the tail cut, the key swapped; also with the links between lines made anew, so that only a
signature can tell. Each has to end in AuditLogBroken; the cut tail by an anchor that was kept elsewhere. Then the
same without any edit, to show that the log verifies.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from sealproof.checks.attacks.evidence import row_findings
from sealproof.checks.isolation import run_apart
from sealproof.checks.registry import check
from sealproof.checks.scratch import ENVIRONMENT, NAMES, ScratchStore
from sealproof.checks.trials import Trials, control, findings_of
from sealproof.errors import AuditLogBroken
from sealproof.vault.audit.anchors import keep_anchor, read_anchor
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.audit.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealproof.checks.context import Context
    from sealproof.findings import Finding

_TENANT = "scratch-a"
_BATCHES, _RECORDS = 4, 3
_RECORD = '{"q":'
_LINK = re.compile(r'"p":"[0-9a-f]{64}"')
_EXPECTED = "every edit is told by verification, a cut tail by the anchor"


class _Log:
    """A log on disk as lines, away from the keys that wrote it."""

    def __init__(self, directory: str, name: str) -> None:
        place = os.path.join(directory, name)
        os.mkdir(place, 0o700)
        store = ScratchStore(place, (_TENANT,))
        self.root = store.root
        self.anchor = os.path.join(place, "anchor")
        with AuditLog(store.root, _TENANT) as log:
            for _ in range(_BATCHES):
                log.append([_record(secret) for secret in NAMES[:_RECORDS]])
            keep_anchor(log, self.anchor)
        self.pinned = pinned_key(store.root, _TENANT)
        # Whoever verifies elsewhere has the log and the public key, not what the writer's keys remember.
        os.rename(os.path.join(store.root, "keys"), os.path.join(place, "keys"))
        (self.path,) = [path for path in _files(os.path.join(store.root, "audit", _TENANT)) if path.endswith(".jsonl")]
        with open(self.path, encoding="utf-8", newline="") as file:
            self.lines = file.read().splitlines(keepends=True)

    def verifies(self, lines: list[str], *, anchored: bool = False, pinned: bytes = b"") -> int:
        """Verify the log with other lines in it, and return its size. Raises what verifying raises."""
        with open(self.path, "w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
        anchors = [read_anchor(self.anchor).checkpoint] if anchored else []
        return verify(self.root, _TENANT, pinned or self.pinned, anchors=anchors, every_signature=True).size


@check("PEN-006")
def log_edits_are_caught(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each of the six kinds of edit."""
    directory = ctx.scratch()
    yield from findings_of(run_apart(try_edits, directory, {"directory": directory}).returned(), expected=_EXPECTED)
    yield from row_findings(ctx)


def try_edits(directory: str) -> dict[str, object]:
    """Edit a log in every way, and return the trials of each kind. Runs in a child process."""
    log, other = _Log(directory, "log"), _Log(directory, "other")
    size = _BATCHES * _RECORDS
    control("the untouched log verifies up to its anchor", log.verifies(log.lines, anchored=True) >= size)
    found: dict[str, object] = {}
    for kind, edits in _KINDS.items():
        trials = Trials()
        for what, lines in edits(log):
            for how, edited in (("", lines), (", links made anew", _relinked(lines))):
                with trials.refuses(f"{what}{how}", AuditLogBroken):
                    log.verifies(edited, anchored=kind == "tail cut")
        if kind == "key swapped":
            _swapped(trials, log, other)
        trials.control("the untouched log", lambda: log.verifies(log.lines, anchored=True))
        found[kind] = trials.to_plain()
    return found


def _record(name: str) -> AuditRecord:
    return AuditRecord("somebody", Established.CLAIMED, "read", Outcome.ALLOW, ENVIRONMENT, name, 1, "request-1")


def _files(directory: str) -> Iterator[str]:
    for folder, _, names in os.walk(directory):
        yield from (os.path.join(folder, name) for name in names)


def _places(log: _Log) -> list[int]:
    return [number for number, line in enumerate(log.lines) if line.startswith(_RECORD)]


def _changed(log: _Log) -> Iterator[tuple[str, list[str]]]:
    for place in _places(log):
        record = json.loads(log.lines[place])
        for field, value in (("op", "list"), ("r", "deny"), ("at", record["at"] - 1), ("v", 2), ("a", "0" * 32)):
            changed = json.dumps({**record, field: value}, separators=(",", ":")) + "\n"
            yield f"record {record['q']}: {field} changed", [*log.lines[:place], changed, *log.lines[place + 1 :]]


def _removed(log: _Log) -> Iterator[tuple[str, list[str]]]:
    for place in _places(log):
        yield f"line {place} removed", log.lines[:place] + log.lines[place + 1 :]


def _inserted(log: _Log) -> Iterator[tuple[str, list[str]]]:
    for place in _places(log):
        yield f"line {place} doubled", [*log.lines[:place], log.lines[place], *log.lines[place:]]


def _reordered(log: _Log) -> Iterator[tuple[str, list[str]]]:
    places = _places(log)
    for one, other in pairwise(places):
        lines = list(log.lines)
        lines[one], lines[other] = lines[other], lines[one]
        yield f"lines {one} and {other} exchanged", lines


def _cut(log: _Log) -> Iterator[tuple[str, list[str]]]:
    for place in _places(log)[1:]:
        yield f"cut before line {place}", log.lines[:place]


def _rekeyed(log: _Log) -> Iterator[tuple[str, list[str]]]:
    for place, line in enumerate(log.lines):
        if '"key":"' in line:
            swapped = re.sub('"key":"[0-9a-f]{64}"', f'"key":"{"a1" * 32}"', line)
            yield f"another key in line {place}", [*log.lines[:place], swapped, *log.lines[place + 1 :]]


def _swapped(trials: Trials, log: _Log, other: _Log) -> None:
    with trials.refuses("another log in its place", AuditLogBroken):
        log.verifies(other.lines)
    with trials.refuses("another log's key for it", AuditLogBroken):
        log.verifies(log.lines, pinned=other.pinned)


_KINDS: dict[str, Callable[[_Log], Iterator[tuple[str, list[str]]]]] = {
    "record changed": _changed,
    "record removed": _removed,
    "record inserted": _inserted,
    "records reordered": _reordered,
    "tail cut": _cut,
    "key swapped": _rekeyed,
}


def _relinked(lines: list[str]) -> list[str]:
    """Return the lines with sequence numbers and links made anew, as whoever knows the format can."""
    linked: list[str] = []
    sequence, previous = 0, ""
    for line in lines:
        text = line
        if line.startswith(_RECORD):
            text = re.sub(r'^\{"q":[0-9]+', f'{{"q":{sequence}', line)
            sequence += 1
        if previous and _LINK.search(text):
            text = _LINK.sub(f'"p":"{previous}"', text, count=1)
        previous = hashlib.sha256(text.rstrip("\n").encode()).hexdigest()
        linked.append(text)
    return linked
