"""What was proved of an audit log, and its records, in words and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sealproof.cli import console
from sealproof.vault.audit.notes import verifier_key
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.vault.audit.lines import Entry
    from sealproof.vault.audit.verifier import Verified


def verified_text(verified: Verified, *, now: float) -> list[str]:
    """Return the lines that say what was proved, and what was not."""
    checked = f"{counted(verified.size - verified.first, 'record')}, {counted(verified.checkpoints, 'checkpoint')}"
    lines = [
        f"{verified.tenant}: {verified.claim()}",
        f"{checked}, epoch {verified.epochs}, last record {_time(verified.at)}",
        f"{counted(verified.signatures, 'signature')} checked, every link of the chain, every leaf of the tree",
    ]
    if verified.first:
        lines.append(f"pruned: begins at record {verified.first}, by a signed record of it")
    if verified.anchored is not None:
        age = console.age(int(now - verified.anchored_at / 1000))
        lines.append(f"the anchor's last record is {age} old")
    if verified.held is not None:
        lines.append(f"on legal hold: {verified.held}")
    if verified.unfinished:
        lines.append(
            f"{verified.unfinished} bytes behind the last checkpoint were never acknowledged, and are no part of it"
        )
    lines += [f"{operation}: {count}" for operation, count in sorted(verified.happenings.items())]
    return lines


def verified_json(verified: Verified) -> dict[str, object]:
    """Return what was proved, for programs."""
    fields = verified._asdict()
    signed = fields.pop("signed")
    return {
        **fields,
        "complete": verified.complete,
        "claim": verified.claim(),
        "checkpoint": signed.note(),
        "verifier_key": verifier_key(verified.origin, signed.key),  # what a witness of this epoch is told
    }


def entry_json(entry: Entry, known: Mapping[str, str]) -> str:
    """Return a record as one line of JSON, with the names that are known."""
    fields: dict[str, object] = dict(entry._asdict())
    fields["actor"] = known.get(entry.actor, entry.actor)
    fields["secret"] = known.get(entry.secret, entry.secret)
    return json.dumps(fields)


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
