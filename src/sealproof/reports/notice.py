"""The pack for a breach notice: what is known, in the order in which GDPR 33(3) asks, and what people must add.

scope.json      everything, for programs
secrets.csv     each secret that is affected, with version, owner and purpose
accesses.csv    each recorded call on them, with time and actor
notice.md       the notice's skeleton: facts filled in, judgements left to people and marked as such
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sealproof.signing import canonical
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealproof.vault.incident import Scope, Unknown

NOTICE_HOURS = 72
"""From knowing of a breach to its notice (GDPR 33(1))."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SHOWN = 20
_UNRECORDED = (
    "whoever held a key could read without a record: the loader, `open`, `get`, `edit` and `run` open the file itself, "
    "and only the manager writes down who read what"
)
_PEOPLE = "_to be filled in by people_"


def pack(scope: Scope, *, known_at: int) -> Mapping[str, bytes]:
    """Return the pack's files by name. `known_at` is when the breach became known, in unix seconds."""
    return {
        "notice.md": _notice(scope, known_at).encode(),
        "scope.json": canonical(_document(scope, known_at)) + b"\n",
        "secrets.csv": _csv(
            ("tenant", "environment", "secret", "version", "sealed", "owner", "purpose"), scope.affected
        ),
        "accesses.csv": _csv(
            ("time", "actor", "operation", "outcome", "tenant", "environment", "secret", "version", "request"),
            scope.accesses,
        ),
    }


def affected(scope: Scope) -> str:
    """Return how much is affected, in words."""
    return f"{counted(len(scope.affected), 'secret')} of {counted(len(scope.tenants), 'tenant')}"


def _document(scope: Scope, known_at: int) -> dict[str, object]:
    return {
        "declared": scope.declared,
        "known_at": _utc(known_at),
        "notice_by": _utc(known_at, hours=NOTICE_HOURS),
        "tenants": list(scope.tenants),
        "affected": [item._asdict() for item in scope.affected],
        "accesses": [item._asdict() for item in scope.accesses],
        "readers": list(scope.readers),
        "categories": list(scope.categories),
        "unknown": [item._asdict() for item in scope.unknown],
    }


def _notice(scope: Scope, known_at: int) -> str:
    actors = sorted({access.actor for access in scope.accesses})
    times = [access.at for access in scope.accesses]
    window = f"{times[0]} to {times[-1]}" if times else "no access is recorded"
    denied = sum(access.outcome == "deny" for access in scope.accesses)
    return f"""\
# Notice of a personal data breach: draft

Known since {_utc(known_at)}; to be with the authority by **{_utc(known_at, hours=NOTICE_HOURS)}**, within
{NOTICE_HOURS} hours.
This draft holds what the records show. Whether there was a breach, and what it means for people, people judge.

## Nature of the breach (33(3)(a))

- declared compromised: {_inert(scope.declared)}
- affected: {affected(scope)} ({_some(scope.tenants)}); see secrets.csv
- categories of data, by the records of processing: {_some(scope.categories)}
- approximate number of persons and records: {_PEOPLE}
- recorded accesses: {len(scope.accesses)}, {denied} of them refused, {window}; see accesses.csv
- actors: {_some(actors)}
- could be opened besides by: {_some(scope.readers)}

## Contact (33(3)(b))

{_PEOPLE}

## Likely consequences (33(3)(c))

{_PEOPLE}

## Measures taken or proposed (33(3)(d))

- rotate each secret of secrets.csv at the service that it belongs to
- seal under a new key, then destroy the old one: `sealproof key rotate TENANT`
- {_PEOPLE}

## What is not known

- {_UNRECORDED}
{_bullets(scope.unknown)}
"""


def _some(texts: Iterable[str]) -> str:
    every = [_inert(text) for text in texts]
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more if every else "none known"


def _bullets(unknown: Iterable[Unknown]) -> str:
    told = (f"- {_inert(item.what)}{f'; to do: {_inert(item.fix)}' if item.fix else ''}" for item in unknown)
    return "\n".join(told)


def _inert(text: str) -> str:
    """Return `text` on one line, with what Markdown would act upon spelled out."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return "".join(f"\\{char}" if char in "\\`*[]<>|#" else char for char in plain)


def _csv(head: tuple[str, ...], rows: Iterable[Iterable[object]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: object) -> str:
    """Return a cell that a spreadsheet takes as text, whatever it begins with."""
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return f"'{text}" if text.startswith(_FORMULA) else text


def _utc(seconds: int, *, hours: int = 0) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC) + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
