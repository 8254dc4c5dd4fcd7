"""What a run leaves behind: its place in the chain, the key that signs it, and the report."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealproof.checks.report_keys import believed_keys, signing_keys
from sealproof.compliance import catalogue
from sealproof.errors import EvidenceRejected
from sealproof.loader.files import read_public
from sealproof.reports import attestation
from sealproof.reports.edition import edition
from sealproof.reports.kept import FOLDER, keep_report, kept_runs
from sealproof.reports.predecessor import HISTORY_MAX, predecessor
from sealproof.reports.verify import verify
from sealproof.reports.write import require_writable, write_report

if TYPE_CHECKING:
    from sealproof.checks.gate import Gate
    from sealproof.findings import PastRun, RunResult
    from sealproof.signing import SigningKey

_ATTESTATION_MAX = 64 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Place:
    """A run's place in the chain of runs."""

    number: int = 1
    previous: str = ""
    """SHA-256 of the predecessor's attestation in hex; empty: it starts the chain."""
    history: tuple[PastRun, ...] = ()
    notes: tuple[str, ...] = ()


def place(gate: Gate) -> Place:
    """Return a run's place: after the predecessor that was named, else the newest kept run, else the report in place.

    Raises EvidenceRejected if a predecessor was named, or is kept, and is signed by no key that is believed here: going
    on without it would hide a gap.
    """
    if not (gate.report_dir or gate.previous):
        return Place()  # nothing of this run will stay
    path, must = predecessor_path(gate)
    if not path:
        return Place()
    data = read_public(path, limit=_ATTESTATION_MAX)
    if data is None:
        message = f"there is no previous attestation at {path}"
        raise EvidenceRejected(message, hint="--previous FILE")
    try:
        before = predecessor(data, believed_keys(gate.root, gate.report_key, gate.previous_key))
    except EvidenceRejected as exc:
        if must:
            message = f"the previous attestation {path} is not believed: {exc.message}"
            raise EvidenceRejected(message, hint="--previous-key FILE, the public key that signed it") from exc
        note = "the report found in place is signed by no key of this store, so this run does not follow it"
        return Place(notes=(note,))
    return Place(before[-1].number + 1, before[-1].attestation, before[-HISTORY_MAX:])


def require_place(gate: Gate) -> None:
    """Refuse what would be refused at the end: a report key, a directory or a predecessor that cannot be used.

    Raises EvidenceRejected, CallerError, FileUnavailable.
    """
    if gate.report_key or gate.report_dir:
        report_keys(gate)
    if gate.report_dir:
        require_writable(Path(gate.report_dir))
    place(gate)


def write(gate: Gate, run: RunResult) -> tuple[str, ...]:
    """Write the run's report where the gate says, verify what was written, and keep the run where the store keeps any.

    Raises EvidenceRejected if a named key cannot be used or the report does not verify.
    """
    keys = report_keys(gate)
    directory = Path(gate.report_dir)
    names = write_report(directory, run, catalogue.load(), keys)
    if keys:
        verify(directory, [key.public for key in keys])
        keep_report(Path(gate.root), run, directory)
    return names


def write_editions(gate: Gate, run: RunResult, directory: Path) -> tuple[str, ...]:
    """Write each tenant's edition of the run to a directory of the tenant's name, and return the names.

    Raises as `write`.
    """
    keys = report_keys(gate)
    for tenant in run.tenants:
        write_report(directory / tenant, edition(run, tenant), catalogue.load(), keys)
    return run.tenants


def report_keys(gate: Gate) -> list[SigningKey]:
    """Return the key that the run is signed with; none means UNSIGNED. Raises EvidenceRejected."""
    return signing_keys(gate.root, gate.report_key)


def predecessor_path(gate: Gate) -> tuple[str, bool]:
    """Return where the predecessor's attestation lies, and whether the run must follow it."""
    if gate.previous:
        return gate.previous, True
    kept = kept_runs(Path(gate.root) / FOLDER)
    if kept:
        return str(kept[-1] / attestation.NAME), True
    in_place = f"{gate.report_dir}/{attestation.NAME}" if gate.report_dir else ""
    return (in_place, False) if in_place and os.path.exists(in_place) else ("", False)
