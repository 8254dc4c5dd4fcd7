"""`test-result.dsse.json`: a second statement, in a predicate type that policy engines know already.

in-toto's `test-result/v0.1` is about the tested inputs: its subjects are the public inputs of the checks
(ciphertext and public files, by digest), or, where there are none, `results.json`. What it has no word
for is put where it cannot look like a pass: not evaluated and error count as failed, waived and declared
as warned; not applicable stands in none of the lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sealproof.findings import ExitCode, Status, verdict
from sealproof.reports import results
from sealproof.reports._inputs import assessed, resource
from sealproof.signing import canonical, sha256, sign_dsse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

NAME: Final = "test-result.dsse.json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://in-toto.io/attestation/test-result/v0.1"

_FAILED: Final = frozenset({Status.FAIL, Status.ERROR, Status.NOT_EVALUATED})
_WARNED: Final = frozenset({Status.WAIVED, Status.DECLARED})


def attest(run: RunResult, source: bytes, keys: Sequence[SigningKey]) -> bytes:
    """Return the signed statement of `run`, whose `results.json` is `source`."""
    return sign_dsse(statement(run, source), keys)


def statement(run: RunResult, source: bytes) -> bytes:
    """Return the unsigned statement as canonical JSON."""
    document = resource(results.NAME, sha256(source).hex())
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": assessed(run) or [document],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "result": _outcome(run),
                "configuration": [
                    resource(f"sealproof catalogue {run.catalogue_version}", run.catalogue_digest),
                    document,
                ],
                "passedTests": _tests(run, frozenset({Status.PASS})),
                "warnedTests": _tests(run, _WARNED),
                "failedTests": _tests(run, _FAILED),
            },
        }
    )


def _outcome(run: RunResult) -> str:
    if verdict(run.results, run.gate).exit_code is not ExitCode.OK:
        return "FAILED"
    return "PASSED" if all(item.status in {Status.PASS, Status.NOT_APPLICABLE} for item in run.results) else "WARNED"


def _tests(run: RunResult, states: frozenset[Status]) -> list[str]:
    return [f"{result.check}[{result.scope}]" for result in run.results if result.status in states]
