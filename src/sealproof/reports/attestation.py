"""The attestation: an in-toto statement over every file of a report, in a DSSE envelope.

The subjects are the report's files by digest. The predicate repeats what the run was, what it looked
at and how it ended, so that a policy engine can judge without reading the results.

Specifications: in-toto Statement v1, DSSE v1. The predicate type is ours and keeps its meaning; another
shape gets another number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealproof.findings import verdict
from sealproof.reports._inputs import assessed, resource
from sealproof.reports._lineage import lineage_to_dict
from sealproof.reports._times import stamp
from sealproof.reports._verdicts import verdict_to_dict
from sealproof.reports.results import TOOL
from sealproof.signing import canonical, fingerprint, sha256, sign_dsse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

NAME: Final = "attestation.dsse.json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://sealproof.dev/attestation/run/v1"
FIELDS: Final = (
    *("run", "tool", "catalogue", "signer", "profile", "frameworks", "tenants", "window", "rollback", "gate"),
    *("verdict", "history", "shard", "parts", "edition", "waiver_file", "assessed"),
)
"""The predicate's fields, no more and no fewer."""


def attest(run: RunResult, files: Mapping[str, bytes], keys: Sequence[SigningKey]) -> bytes:
    """Return the signed attestation of `run` over `files` (name to content), one signature a key.

    The first key is the report key: its fingerprint is the one that the page and the statement name.
    """
    return sign_dsse(statement(run, files, signer=fingerprint(keys[0].public)), keys)


def statement(run: RunResult, files: Mapping[str, bytes], *, signer: str) -> bytes:
    """Return the unsigned statement as canonical JSON."""
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [resource(name, sha256(content).hex()) for name, content in sorted(files.items())],
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate(run, signer=signer),
        }
    )


def predicate(run: RunResult, *, signer: str) -> dict[str, object]:
    """Return what the statement says about `run`: nothing that its results do not."""
    return {
        "run": {"id": run.run_id, "number": run.number, "previous": run.previous},
        "tool": {"name": TOOL, "version": run.tool_version},
        "catalogue": {"version": run.catalogue_version, "digest": {"sha256": run.catalogue_digest}},
        "signer": signer,
        "profile": run.profile,
        "frameworks": list(run.frameworks),
        "tenants": list(run.tenants),
        "window": {"started": stamp(run.started), "ended": stamp(run.ended)},
        "rollback": run.rollback,
        "gate": run.gate.value,
        "verdict": verdict_to_dict(verdict(run.results, run.gate)),
        "assessed": assessed(run),
        "waiver_file": run.waiver_file,
    } | lineage_to_dict(run)
