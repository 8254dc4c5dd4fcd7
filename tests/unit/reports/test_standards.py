"""The signed statements, read and verified by the libraries of those who wrote the standards."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult as ResultMessage
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from sealproof.errors import EvidenceRejected
from sealproof.findings import Status, passed
from sealproof.reports import attestation, testresult
from sealproof.reports.verify import verify
from sealproof.signing import sha256, sign_dsse

if TYPE_CHECKING:
    from pathlib import Path

    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

BOTH = (attestation.NAME, testresult.NAME)


def _key(key: SigningKey) -> SSlibKey:
    return SSlibKey(sha256(key.public).hex(), "ed25519", "ed25519", {"public": key.public.hex()})


def _payload(report: Path, name: str) -> dict[str, Any]:
    envelope = Envelope.from_dict(json.loads((report / name).read_bytes()))
    parsed: dict[str, Any] = json.loads(envelope.payload)
    return parsed


@pytest.mark.parametrize("name", BOTH)
def test_securesystemslib_verifies_the_envelope(
    report: Path, key: SigningKey, other_key: SigningKey, name: str
) -> None:
    envelope = Envelope.from_dict(json.loads((report / name).read_bytes()))
    assert set(envelope.verify([_key(key)], 1)) == {sha256(key.public).hex()}
    with pytest.raises(VerificationError):
        envelope.verify([_key(other_key)], 1)
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify([_key(key)], 1)


def test_a_threshold_of_two_signatures_can_be_asked_for(run: RunResult, key: SigningKey, other_key: SigningKey) -> None:
    envelope = Envelope.from_dict(json.loads(attestation.attest(run, {"a": b"b"}, [key, other_key])))
    assert len(envelope.verify([_key(key), _key(other_key)], 2)) == 2


@pytest.mark.parametrize("name", BOTH)
def test_in_toto_s_own_reader_takes_the_statement(report: Path, name: str) -> None:
    message = json_format.ParseDict(_payload(report, name), StatementMessage())  # an unknown field is refused
    Statement.copy_from_pb(message).validate()


def test_the_second_statement_is_a_test_result_as_specified(report: Path, run: RunResult) -> None:
    statement = _payload(report, testresult.NAME)
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    told = json_format.ParseDict(statement["predicate"], ResultMessage())
    assert statement["predicate"]["result"] == "FAILED"
    by_state = {status: [f"{r.check}[{r.scope}]" for r in run.results if r.status is status] for status in Status}
    assert list(told.passed_tests) == by_state[Status.PASS]
    assert sorted(told.warned_tests) == sorted(by_state[Status.WAIVED] + by_state[Status.DECLARED])
    failed = by_state[Status.FAIL] + by_state[Status.ERROR] + by_state[Status.NOT_EVALUATED]
    assert sorted(told.failed_tests) == sorted(failed)
    inputs = {(item.name, item.sha256) for result in run.results for item in result.inputs}
    assert {(item["name"], item["digest"]["sha256"]) for item in statement["subject"]} == inputs


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ((Status.PASS, Status.NOT_APPLICABLE), "PASSED"),
        ((Status.PASS, Status.WAIVED), "WARNED"),
        ((Status.PASS, Status.DECLARED), "WARNED"),
        ((Status.PASS, Status.FAIL), "FAILED"),
        ((Status.PASS, Status.NOT_EVALUATED), "FAILED"),
        ((), "FAILED"),
    ],
)
def test_what_the_outcome_is_called(run: RunResult, statuses: tuple[Status, ...], outcome: str) -> None:
    results = tuple(replace(run.results[0], status=status, findings=(passed("x", "y"),)) for status in statuses)
    said = json.loads(testresult.statement(replace(run, results=results), b""))
    assert said["predicate"]["result"] == outcome
    assert said["subject"]


def test_a_false_second_statement_is_refused(report: Path, run: RunResult, key: SigningKey) -> None:
    better = replace(run, results=tuple(item for item in run.results if item.status is Status.PASS))
    source = (report / "results.json").read_bytes()
    (report / testresult.NAME).write_bytes(testresult.attest(better, source, [key]))
    _sign_again(report, run, key)
    with pytest.raises(
        EvidenceRejected, match=r"^step 6: test-result.dsse.json was signed, but it says something else"
    ):
        verify(report, [key.public])


def test_a_second_statement_of_another_key_is_refused(
    report: Path, run: RunResult, key: SigningKey, other_key: SigningKey
) -> None:
    statement = testresult.statement(run, (report / "results.json").read_bytes())
    (report / testresult.NAME).write_bytes(sign_dsse(statement, [other_key]))
    _sign_again(report, run, key)
    with pytest.raises(EvidenceRejected, match=r"^step 6: signature: no pinned key signed"):
        verify(report, [key.public])


def _sign_again(report: Path, run: RunResult, key: SigningKey) -> None:
    files = {path.name: path.read_bytes() for path in report.iterdir() if path.name != attestation.NAME}
    (report / attestation.NAME).write_bytes(attestation.attest(run, files, [key]))
