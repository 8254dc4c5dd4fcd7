"""Read what stands behind the last state that is known, and say how far it can be trusted.

A batch is one write that ends in a checkpoint, and is acknowledged once it is durable. So whatever a
killed writer or a lost page leaves damaged is the last batch at most. More than that is no accident.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import AuditLogBroken
from sealproof.vault.audit.lines import CHECKPOINT, OPENING
from sealproof.vault.audit.trail import Signed, Trail

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.vault.audit.segments import Segment

_BLOCK = 1024 * 1024  # bytes; most epochs are shorter
_BEGIN = b"\n" + OPENING


class Tail(NamedTuple):
    """The state behind the last good checkpoint, and how many bytes of what was read lead up to it."""

    trail: Trail
    accepted: int


def follow(trail: Trail, data: bytes, authentic: Callable[[Signed], bool], *, known: bool = True) -> Tail | None:
    """Feed `data` to a copy of `trail`, as far as it is sound and signed.

    `known` says that `trail` is itself a state to fall back on; otherwise None is returned where
    no checkpoint holds. Raises AuditLogBroken if more than the last batch is damaged.
    """
    points = [Tail(trail, 0)] if known else []
    work, position = trail.copy(), 0
    while (end := data.find(b"\n", position)) >= 0:
        try:
            closed = work.feed(data[position:end])
        except AuditLogBroken:
            break
        position = end + 1
        if closed:
            points = [*points[-1:], Tail(work.copy(), position)]
    good = next((point for point in reversed(points) if _holds(point, trail, authentic)), None)
    damaged = data[good.accepted if good else 0 :].split(b"\n")[:-1]
    if sum(line.startswith(CHECKPOINT) for line in damaged) > 1:
        message = f"audit log of {trail.tenant}: more is damaged than its last batch"
        raise AuditLogBroken(message, hint=f"sealproof audit verify {trail.tenant}")
    return good


def resume(segment: Segment, tenant: str, first_key: bytes, authentic: Callable[[Signed], bool]) -> Tail:
    """Return the state at the end of a segment, found from the opening of its last epoch.

    If that opening is part of what a killed writer left, the epoch before it is taken.
    Raises AuditLogBroken.
    """
    size = segment.grown()
    end = size
    while end:
        start, data = _last_epoch(segment, end)
        data += segment.read(end, size)
        line, _, rest = data.partition(b"\n")
        try:
            found = follow(Trail.resumed(line, tenant, first_key), rest, authentic, known=False)
        except AuditLogBroken:
            if not start:
                raise
            found = None
        if found is not None:
            return Tail(found.trail, start + len(line) + 1 + found.accepted)
        end = start
    message = f"{segment.path} holds no checkpoint that this log's keys have signed"
    raise AuditLogBroken(message, hint=f"sealproof audit verify {tenant}")


def _last_epoch(segment: Segment, end: int) -> tuple[int, bytes]:
    """Return where the last opening before `end` begins, and the bytes from there to `end`."""
    block = _BLOCK
    while True:
        start = max(end - block, 0)
        data = segment.read(start, end)
        found = data.rfind(_BEGIN)
        if found >= 0:
            return start + found + 1, data[found + 1 :]
        if not start:
            return 0, data
        block *= 4


def _holds(point: Tail, known: Trail, authentic: Callable[[Signed], bool]) -> bool:
    return point.trail is known or (point.trail.signed is not None and authentic(point.trail.signed))
