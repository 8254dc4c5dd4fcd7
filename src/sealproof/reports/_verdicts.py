"""A verdict as plain data and back: the same spelling in results, attestation and history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealproof.findings import ExitCode, Status, Verdict

if TYPE_CHECKING:
    from sealproof.reports._reader import Node


def verdict_to_dict(outcome: Verdict) -> dict[str, object]:
    """Return a verdict as it stands in `results.json` and in the attestation."""
    return {
        "exit_code": int(outcome.exit_code),
        "counts": dict(outcome.counts),
        "gating": outcome.gating,
        "evaluated": outcome.evaluated,
        "total": outcome.total,
    }


def verdict_from(node: Node) -> Verdict:
    """Return the verdict that a document states. Raises EvidenceRejected, naming the field."""
    fields = node.fields("exit_code", "counts", "gating", "evaluated", "total")
    counts = fields["counts"].fields(*(status.value for status in Status))
    return Verdict(
        exit_code=fields["exit_code"].member(ExitCode),
        counts=tuple((status.value, counts[status.value].integer()) for status in Status),
        gating=fields["gating"].integer(),
        evaluated=fields["evaluated"].integer(),
        total=fields["total"].integer(),
    )
