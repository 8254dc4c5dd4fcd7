"""A chain of runs: each verified, each naming the one before, none missing, none late.

One run is a point in time. Only a chain without a gap says something about a period, so what breaks it
is named: a run that does not verify, a number that is missing, two runs of one number, a link that leads
elsewhere, a history that says something else than the runs did, a time that goes backwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sealproof.errors import EvidenceRejected
from sealproof.reports import attestation
from sealproof.reports._files import opened
from sealproof.reports._times import readable
from sealproof.reports.kept import kept_runs
from sealproof.reports.predecessor import HISTORY_MAX, past
from sealproof.reports.verify import verify
from sealproof.signing import sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.reports.trust import PinnedKey

_HOUR = 3_600_000  # milliseconds


@dataclass(frozen=True, slots=True)
class Link:
    """One verified run of a chain."""

    run: RunResult
    attestation: str
    """SHA-256 of its attestation in hex: what the next run names."""
    folder: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time without a run, longer than the cadence allows."""

    after: int
    """The run before it."""
    hours: int


def verify_chain(
    directory: Path, pinned: Sequence[bytes | PinnedKey], *, catalogue: Catalogue | None = None
) -> tuple[Link, ...]:
    """Return the runs kept below `directory`, oldest first, each verified and linked to the one before.

    The first may name a predecessor that is not kept any more; from there on nothing may be missing.

    Raises EvidenceRejected naming the run and what is wrong with it. FileUnavailable and MissingExtra
    mean that nothing was decided.
    """
    links = tuple(_link(folder, pinned, catalogue) for folder in kept_runs(directory))
    for before, after in pairwise(links):
        _joined(before, after)
    return links


def late(links: Sequence[Link], *, now: int, cadence_hours: int) -> tuple[Gap, ...]:
    """Return where more than `cadence_hours` lie between two runs, or the last and `now` (Unix milliseconds)."""
    if not links:
        return ()
    ends = [*(link.run.ended for link in links), now]
    return tuple(
        Gap(link.run.number, (later - earlier) // _HOUR)
        for link, (earlier, later) in zip(links, pairwise(ends), strict=True)
        if later - earlier > cadence_hours * _HOUR
    )


def _link(folder: Path, pinned: Sequence[bytes | PinnedKey], catalogue: Catalogue | None) -> Link:
    try:
        run = verify(folder, pinned, catalogue=catalogue, kept=True)
        with opened(folder) as files:
            digest = sha256(files.read(attestation.NAME)).hex()
    except EvidenceRejected as exc:
        message = f"run {folder.name}: {exc.message}"
        raise EvidenceRejected(message, hint=exc.hint, names=(folder.name, *exc.names)) from exc
    link = Link(run, digest, folder.name)
    if folder.name != f"{run.number:06d}-{digest[:16]}":
        raise _broken(link, f"it is run {run.number}, attested by {digest[:16]}…, and lies under another name")
    if run.shard or run.edition:
        raise _broken(link, "it is one part or one tenant's edition of a run, and no run of a chain")
    return link


def _joined(before: Link, after: Link) -> None:
    number, expected = after.run.number, before.run.number + 1
    if number < expected:
        raise _broken(after, f"there are two runs of number {number}: the chain forks")
    if number > expected:
        missing = f"run {expected} is" if number == expected + 1 else f"runs {expected} to {number - 1} are"
        raise _broken(after, f"{missing} missing before it")
    if after.run.previous != before.attestation:
        named = f"{after.run.previous[:16]}…" if after.run.previous else "none"
        raise _broken(after, f"it names another predecessor ({named}) than run {before.run.number}")
    if after.run.ended < before.run.ended:
        raise _broken(after, f"it ended on {readable(after.run.ended)}, before run {before.run.number} did")
    told = (*before.run.history, past(before.run, before.attestation))[-HISTORY_MAX:]
    if after.run.history != told:
        raise _broken(after, "its history says something else than the runs before it")


def _broken(link: Link, reason: str) -> EvidenceRejected:
    message = f"run {link.folder}: {reason}"
    return EvidenceRejected(message, hint="find the run, or say where the chain starts anew", names=(link.folder,))
