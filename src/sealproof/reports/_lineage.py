"""Where a run stands among others, as plain data and back: its history, its shard, its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealproof.findings import PastRun, RunResult, Severity, Shard
from sealproof.reports._reader import HEX_DIGEST
from sealproof.reports._times import stamp
from sealproof.reports._verdicts import verdict_from, verdict_to_dict

if TYPE_CHECKING:
    from sealproof.reports._reader import Node

HISTORY_MAX: Final = 60
"""Earlier runs that a run carries: two months of daily ones. The chain itself has no end."""

SHARDS_MAX: Final = 1000

_PAST = ("number", "attestation", "ended", "gate", "verdict")
_SHARD = ("index", "of", "plan", "items")


def lineage_to_dict(run: RunResult) -> dict[str, object]:
    """Return the fields of a run that tell where it stands among others."""
    shard = run.shard
    return {
        "history": [
            {
                "number": past.number,
                "attestation": past.attestation,
                "ended": stamp(past.ended),
                "gate": past.gate.value,
                "verdict": verdict_to_dict(past.verdict),
            }
            for past in run.history
        ],
        "shard": shard and {"index": shard.index, "of": shard.of, "plan": shard.plan, "items": shard.items},
        "parts": list(run.parts),
        "edition": run.edition,
    }


def history_from(node: Node) -> tuple[PastRun, ...]:
    """Return a history, oldest first. Raises EvidenceRejected if its numbers do not rise or it is too long."""
    past = tuple(_past(entry) for entry in node.items())
    numbers = [run.number for run in past]
    if numbers != sorted(set(numbers)):
        node.refuse("has runs out of order")
    if len(past) > HISTORY_MAX:
        node.refuse(f"has more than {HISTORY_MAX} runs")
    return past


def shard_from(node: Node) -> Shard | None:
    """Return the part of a plan that the run is, or None for a whole run. Raises EvidenceRejected."""
    if node.value is None:
        return None
    fields = node.fields(*_SHARD)
    of = fields["of"].integer(1, SHARDS_MAX)
    return Shard(
        index=fields["index"].integer(1, of),
        of=of,
        plan=fields["plan"].text(HEX_DIGEST, empty=False),
        items=fields["items"].integer(),
    )


def parts_from(node: Node) -> tuple[str, ...]:
    """Return the digests of the attestations of a merged run's parts. Raises EvidenceRejected."""
    return tuple(entry.text(HEX_DIGEST, empty=False) for entry in node.items())


def _past(node: Node) -> PastRun:
    fields = node.fields(*_PAST)
    return PastRun(
        number=fields["number"].integer(1),
        attestation=fields["attestation"].text(HEX_DIGEST, empty=False),
        ended=fields["ended"].instant(),
        gate=fields["gate"].member(Severity),
        verdict=verdict_from(fields["verdict"]),
    )
