"""What a run takes over from the one before it: its place in the chain, and the history that it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.errors import EvidenceRejected
from sealproof.findings import PastRun, RunResult, Severity, verdict
from sealproof.reports import attestation
from sealproof.reports._lineage import HISTORY_MAX, history_from
from sealproof.reports._reader import FETCH_AGAIN, parse
from sealproof.reports._times import readable
from sealproof.reports._verdicts import verdict_from
from sealproof.reports.trust import pinned_keys, signers
from sealproof.signing import sha256, verify_dsse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealproof.reports.trust import PinnedKey

__all__ = ["HISTORY_MAX", "past", "predecessor"]


def predecessor(envelope: bytes, pinned: Sequence[bytes | PinnedKey]) -> tuple[PastRun, ...]:
    """Return the runs up to the one that `envelope` attests, which is last; oldest first.

    Raises EvidenceRejected if no pinned key signed it in its days, or if it is no whole run's attestation.
    """
    keys = pinned_keys(pinned)
    payload = verify_dsse(envelope, [key.public for key in keys])
    fields = parse(payload, "the statement").fields("_type", "subject", "predicateType", "predicate")
    if fields["predicateType"].text() != attestation.PREDICATE_TYPE:
        fields["predicateType"].refuse(f"is not {attestation.PREDICATE_TYPE}")
    said = fields["predicate"].fields(*attestation.FIELDS)
    if said["shard"].value is not None or said["edition"].value != "":
        message = "it is one part or one tenant's edition of a run, and no run of a chain"
        raise EvidenceRejected(message, hint=FETCH_AGAIN)
    run = said["run"].fields("id", "number", "previous")
    itself = PastRun(
        number=run["number"].integer(1),
        attestation=sha256(envelope).hex(),
        ended=said["window"].fields("started", "ended")["ended"].instant(),
        gate=said["gate"].member(Severity),
        verdict=verdict_from(said["verdict"]),
    )
    if not any(key.covers(itself.ended) for key in signers(envelope, keys)):
        message = f"the key that signed it was not valid when the run ended, {readable(itself.ended)}"
        raise EvidenceRejected(message, hint="ask its owner which key signed on that day")
    return (*history_from(said["history"]), itself)


def past(run: RunResult, digest: str) -> PastRun:
    """Return how a later run remembers `run`, whose attestation has this SHA-256."""
    return PastRun(run.number, digest, run.ended, run.gate, verdict(run.results, run.gate))
