"""Merge two edits of one file line by line, or refuse by name (`docs/format.md`, Merging)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.envelope.freshness import Freshness
from sealproof.envelope.open import unlock
from sealproof.envelope.seal import finish
from sealproof.errors import MergeConflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealproof.envelope.keyfile import KeyLine
    from sealproof.envelope.parse import Envelope
    from sealproof.signing import SigningKey

_RESEAL = "keep one side, and set the other's values again with `sealproof set`"


def merge(
    base: bytes,
    ours: bytes,
    theirs: bytes,
    *,
    tenant: str,
    environment: str,
    keys: Iterable[KeyLine],
    freshness: Freshness,
    writer: SigningKey,
) -> bytes:
    """Return the next generation holding both sides' edits. `freshness.now` becomes `saved`.

    Raises MergeConflict naming each line that both sides changed, and whatever opening a side raises.
    """
    keys = tuple(keys)
    mine = unlock(ours, tenant=tenant, environment=environment, keys=keys, freshness=freshness)
    sides = [mine.envelope] + [
        # Steps 1 to 5 only: the other sides may well be old.
        unlock(
            side, tenant=tenant, environment=environment, keys=keys, freshness=_Unanchored(now=freshness.now)
        ).envelope
        for side in (theirs, base)
    ]
    ours_, theirs_, base_ = sides
    _same_key(ours_, theirs_, base_)
    readers = _merge_lines(*({reader.text: reader.line for reader in side.readers} for side in sides), what="reader")
    entries = _merge_lines(*({entry.name: entry.line for entry in side.entries} for side in sides), what="secret")
    return finish(
        [ours_.header_line, ours_.key_line]
        + [readers[text] for text in sorted(readers)]
        + [entries[name] for name in sorted(entries)],
        mine.dek,
        ours_.scope,
        writer,
        generation=max(ours_.generation, theirs_.generation) + 1,
        seals=ours_.seals + theirs_.seals - base_.seals,
        saved=freshness.now,
        expires=_merge_expiry(ours_, theirs_, base_),
    )


class _Unanchored(Freshness):
    """Leaves step 6 out, for a side that is not the one being served."""

    def check(self, envelope: Envelope) -> None:
        """Accept every generation and age."""


def _same_key(ours: Envelope, theirs: Envelope, base: Envelope) -> None:
    if len({(side.header_line, side.key_line) for side in (ours, theirs, base)}) != 1:
        message = f"{ours.tenant}/{ours.environment}: one side has a new epoch or data key"
        raise MergeConflict(message, hint=_RESEAL)
    for side in (ours, theirs):
        if side.generation < base.generation or side.seals < base.seals:
            message = f"{ours.tenant}/{ours.environment}: one side is older than the common ancestor"
            raise MergeConflict(message, hint=_RESEAL)


def _merge_lines(
    ours: Mapping[str, str], theirs: Mapping[str, str], base: Mapping[str, str], *, what: str
) -> dict[str, str]:
    merged: dict[str, str] = {}
    conflicts: list[str] = []
    for key in {**base, **ours, **theirs}:
        mine, other, old = ours.get(key), theirs.get(key), base.get(key)
        if old not in (mine, other) and mine != other:
            conflicts.append(key)
            continue
        line = mine if other == old else other
        if line is not None:
            merged[key] = line
    if conflicts:
        conflicts.sort()
        message = f"both sides changed the {what} {', '.join(conflicts)}"
        raise MergeConflict(message, hint=_RESEAL, names=tuple(conflicts))
    return merged


def _merge_expiry(ours: Envelope, theirs: Envelope, base: Envelope) -> int:
    if ours.expires != base.expires and theirs.expires not in (base.expires, ours.expires):
        message = "both sides changed the file's expiry"
        raise MergeConflict(message, hint=_RESEAL, names=("expires",))
    return ours.expires if theirs.expires == base.expires else theirs.expires
