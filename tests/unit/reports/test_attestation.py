"""The attestation: standard on the outside, and inside nothing that the results do not say."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sealproof.findings import Input, verdict
from sealproof.reports import attestation
from sealproof.signing import fingerprint, pae, public_to_pem

if TYPE_CHECKING:
    from pathlib import Path

    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

FILES = {"report.html": b"<!doctype html>", "results.json": b"{}"}


@pytest.fixture
def envelope(run: RunResult, key: SigningKey) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(attestation.attest(run, FILES, [key]))
    return parsed


@pytest.fixture
def statement(envelope: dict[str, Any]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))
    return parsed


def test_it_is_an_in_toto_statement_over_every_file(statement: dict[str, Any]) -> None:
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://sealproof.dev/attestation/run/v1"
    assert statement["subject"] == [
        {"name": name, "digest": {"sha256": hashlib.sha256(content).hexdigest()}} for name, content in FILES.items()
    ]


def test_the_predicate_says_what_the_run_was(statement: dict[str, Any], run: RunResult, key: SigningKey) -> None:
    predicate = statement["predicate"]
    assert set(predicate) == set(attestation.FIELDS)
    assert predicate["run"] == {"id": run.run_id, "number": 12, "previous": run.previous}
    assert predicate["catalogue"] == {"version": run.catalogue_version, "digest": {"sha256": run.catalogue_digest}}
    assert predicate["window"] == {"started": "2026-11-23T22:20:05.123Z", "ended": "2026-11-23T22:20:47.031Z"}
    assert predicate["tenants"] == ["aurora", "borealis", "cirrus"]
    assert predicate["gate"] == "high"
    assert predicate["signer"] == fingerprint(key.public)
    assert predicate["verdict"]["exit_code"] == 3
    counts = predicate["verdict"]["counts"]
    assert counts == dict(verdict(run.results, run.gate).counts)
    assert (counts["pass"], counts["fail"], counts["error"]) == (51, 5, 1)


def test_what_was_assessed_is_named_once_and_in_order(run: RunResult) -> None:
    inputs = (Input("b", "1" * 64), Input("a", "2" * 64), Input("b", "1" * 64), Input("b", "0" * 64))
    one = replace(run, results=(replace(run.results[0], inputs=inputs), replace(run.results[1], inputs=inputs[:1])))
    assessed = attestation.predicate(one, signer="")["assessed"]
    assert assessed == [
        {"name": "a", "digest": {"sha256": "2" * 64}},
        {"name": "b", "digest": {"sha256": "0" * 64}},
        {"name": "b", "digest": {"sha256": "1" * 64}},
    ]


def test_the_same_run_and_key_are_the_same_bytes(run: RunResult, key: SigningKey) -> None:
    backwards = dict(reversed(FILES.items()))
    assert attestation.attest(run, FILES, [key]) == attestation.attest(run, backwards, [key])


def test_each_key_adds_its_signature(run: RunResult, key: SigningKey, other_key: SigningKey) -> None:
    parsed = json.loads(attestation.attest(run, FILES, [key, other_key]))
    assert [entry["keyid"] for entry in parsed["signatures"]] == [
        hashlib.sha256(signer.public).hexdigest() for signer in (key, other_key)
    ]


@pytest.mark.parametrize("flipped", [False, True])
def test_openssl_judges_the_signature_alike(
    tmp_path: Path, envelope: dict[str, Any], key: SigningKey, *, flipped: bool
) -> None:
    signed = bytearray(pae(envelope["payloadType"], base64.b64decode(envelope["payload"])))
    signed[-1] ^= flipped
    (tmp_path / "signed").write_bytes(signed)
    (tmp_path / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    (tmp_path / "key.pub").write_bytes(public_to_pem(key.public))
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key.pub", "-in", "signed"]
    outcome = subprocess.run([*command, "-sigfile", "signature"], cwd=tmp_path, capture_output=True, check=False)
    assert (outcome.returncode == 0) is not flipped
