"""Every way in which a report can be false, and the step that refuses it."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sealproof.errors import EvidenceRejected, FileUnavailable
from sealproof.findings import Shard
from sealproof.reports import _files, attestation, html, results
from sealproof.reports.verify import verify
from sealproof.reports.write import write_report
from sealproof.signing import canonical, fingerprint, public_to_pem, sha256, sign_dsse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealproof.compliance.catalogue import Catalogue
    from sealproof.findings import RunResult
    from sealproof.signing import SigningKey

ATTESTATION = attestation.NAME


def _refused(report: Path, pinned: list[bytes], pattern: str, **options: Any) -> EvidenceRejected:
    with pytest.raises(EvidenceRejected, match=pattern) as refused:
        verify(report, pinned, **options)
    assert refused.value.hint
    return refused.value


def _edit(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    before, _, after = content.rpartition(old)  # the last: the run's history states verdicts too
    path.write_bytes(before + new + after)


def _sign_again(report: Path, run: RunResult, key: SigningKey) -> None:
    """Sign what lies there now: the owner of the key vouches for it, true or not."""
    files = {path.name: path.read_bytes() for path in report.iterdir() if path.name != ATTESTATION}
    (report / ATTESTATION).write_bytes(attestation.attest(run, files, [key]))


def _sign_statement(report: Path, key: SigningKey, change: Callable[[Any], None]) -> None:
    envelope = json.loads((report / ATTESTATION).read_bytes())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    change(statement)
    (report / ATTESTATION).write_bytes(sign_dsse(canonical(statement), [key]))


def test_a_true_report_is_accepted(report: Path, run: RunResult, key: SigningKey) -> None:
    assert verify(report, [key.public]) == run


def test_one_pinned_key_of_several_is_enough(
    report: Path, run: RunResult, key: SigningKey, other_key: SigningKey
) -> None:
    assert verify(report, [other_key.public, key.public]) == run


# Step 1: the attestation is there and a pinned key signed it.


def test_an_unsigned_report_is_refused(report: Path, key: SigningKey) -> None:
    (report / ATTESTATION).unlink()
    _refused(report, [key.public], r"^step 1, attestation.dsse.json: is missing: this report is unsigned")


def test_another_key_is_refused(report: Path, other_key: SigningKey) -> None:
    _refused(report, [other_key.public], r"^step 1, attestation.dsse.json: signature: no pinned key signed")


def test_no_pinned_key_is_refused(report: Path) -> None:
    _refused(report, [], r"^step 1, .*no pinned key signed")


def test_a_key_in_the_bundle_is_never_trusted(
    report: Path, run: RunResult, catalogue: Catalogue, key: SigningKey, other_key: SigningKey
) -> None:
    write_report(report, run, catalogue, [other_key])
    (report / "report.pub").write_bytes(public_to_pem(other_key.public))
    _refused(report, [key.public], r"^step 1, .*no pinned key signed")


def test_an_edited_attestation_is_refused(report: Path, key: SigningKey) -> None:
    envelope = json.loads((report / ATTESTATION).read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b'"exit_code":3', b'"exit_code":0')
    envelope["payload"] = base64.b64encode(payload).decode()
    (report / ATTESTATION).write_bytes(canonical(envelope))
    _refused(report, [key.public], r"^step 1, .*no pinned key signed")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda data: data[:-1], "is no JSON", id="truncated"),
        pytest.param(lambda _: b"", "is no JSON", id="empty"),
        pytest.param(lambda data: b"[" * 100_000 + data, "is no JSON", id="nested without end"),
        pytest.param(lambda data: data + b"\n", "not in canonical form", id="another spelling"),
        pytest.param(
            lambda data: data.replace(b'"payload":', b'"certificate":1,"payload":'), "certificate is unknown", id="key"
        ),
        pytest.param(lambda data: data.replace(b'"sig":"', b'"sig":"!'), "no DSSE envelope", id="no base64"),
        pytest.param(
            lambda data: data.replace(b"in-toto+json", b"other+json"), "another payload type", id="payload type"
        ),
        pytest.param(
            lambda _: b'{"payload":"","payloadType":"x","signatures":{}}', "signatures is no list", id="shape"
        ),
    ],
)
def test_what_is_no_envelope_is_refused(
    report: Path, key: SigningKey, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    (report / ATTESTATION).write_bytes(spoil((report / ATTESTATION).read_bytes()))
    _refused(report, [key.public], f"^step 1, {ATTESTATION}: .*{reason}")


# Step 2: it is a statement of our predicate type and shape.


STATEMENTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "other_statement_type": (
        lambda it: it.update(_type="https://in-toto.io/Statement/v0.1"),
        "_type is not https://in-toto.io/Statement/v1",
    ),
    "other_predicate_type": (
        lambda it: it.update(predicateType="https://slsa.dev/provenance/v1"),
        "predicateType is not https://sealproof.dev/attestation/run/v1",
    ),
    "unknown_field": (lambda it: it.update(note="trust me"), "note is unknown"),
    "unknown_predicate_field": (lambda it: it["predicate"].update(passed=True), "predicate.passed is unknown"),
    "missing_predicate_field": (lambda it: it["predicate"].pop("verdict"), "predicate.verdict is missing"),
    "doubled_subject": (
        lambda it: it["subject"].append({"name": "report.html", "digest": {"sha256": "0" * 64}}),
        "names report.html a second time",
    ),
    "weaker_digest": (
        lambda it: it["subject"][0].update(digest={"sha1": "0" * 40}),
        r"subject\[0\].digest.sha256 is missing",
    ),
    "malformed_digest": (
        lambda it: it["subject"][0].update(digest={"sha256": "0"}),
        r"subject\[0\].digest.sha256 has another form",
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_signed_statement_of_another_shape_is_refused(report: Path, key: SigningKey, name: str) -> None:
    change, reason = STATEMENTS[name]
    _sign_statement(report, key, change)
    _refused(report, [key.public], f"^step 2, {ATTESTATION}: .*{reason}")


def test_a_signed_payload_that_is_no_statement_is_refused(report: Path, key: SigningKey) -> None:
    (report / ATTESTATION).write_bytes(sign_dsse(b"true story", [key]))
    _refused(report, [key.public], f"^step 2, {ATTESTATION}: the statement is no JSON")


# Step 3: each file has the digest stated, and nothing else lies beside them.


def test_edited_html_is_refused(report: Path, key: SigningKey) -> None:
    _edit(report / "report.html", b"No verdict: a check broke", b"The gate is met")
    _refused(report, [key.public], r"^step 3: report.html is not the file that was signed: its digest differs")


def test_edited_json_is_refused(report: Path, key: SigningKey) -> None:
    _edit(report / "results.json", b'"exit_code":3', b'"exit_code":0')
    _refused(report, [key.public], r"^step 3: results.json is not the file that was signed")


@pytest.mark.parametrize("name", ["report.html", "results.json"])
def test_a_missing_file_is_refused(report: Path, key: SigningKey, name: str) -> None:
    (report / name).unlink()
    _refused(report, [key.public], rf"^step 3: {name} is missing")


@pytest.mark.parametrize("name", ["report.html", "results.json"])
def test_a_truncated_file_is_refused(report: Path, key: SigningKey, name: str) -> None:
    (report / name).write_bytes((report / name).read_bytes()[:-1])
    _refused(report, [key.public], rf"^step 3: {name} is not the file that was signed")


@pytest.mark.parametrize("swapped", [["report.html"], ["results.json"], ["report.html", "results.json"]])
def test_files_of_another_run_are_refused(
    report: Path, run: RunResult, catalogue: Catalogue, key: SigningKey, swapped: list[str]
) -> None:
    other = report.parent / "other"
    write_report(other, replace(run, number=13), catalogue, [key])
    for name in swapped:
        (other / name).replace(report / name)
    _refused(report, [key.public], rf"^step 3: {swapped[0]} is not the file that was signed")


@pytest.mark.parametrize("name", ["results.sarif.bak", "index.html", ".hidden", "a\x1b[2Jb"])
def test_a_file_that_nothing_covers_is_refused(report: Path, key: SigningKey, name: str) -> None:
    (report / name).write_bytes(b"all is well")
    refused = _refused(
        report, [key.public], r"^step 3: .* lies in the report's directory, and the attestation does not"
    )
    assert "\x1b" not in refused.message
    assert refused.names == (name,)


@pytest.mark.parametrize("name", ["report.html", "results.json"])
def test_a_signature_that_leaves_a_file_out_is_refused(report: Path, key: SigningKey, name: str) -> None:
    def leave_out(statement: Any) -> None:
        statement["subject"] = [subject for subject in statement["subject"] if subject["name"] != name]

    _sign_statement(report, key, leave_out)
    _refused(report, [key.public], rf"^step 3: {name} is covered by no signature")


@pytest.mark.parametrize("name", ["results.pdf", "../results.json", ATTESTATION])
def test_a_subject_that_is_no_file_of_a_report_is_refused(report: Path, key: SigningKey, name: str) -> None:
    _sign_statement(report, key, lambda it: it["subject"].append({"name": name, "digest": {"sha256": "0" * 64}}))
    _refused(report, [key.public], r"^step 3: .* is a subject that this release cannot render")


def test_a_link_is_not_followed(report: Path, key: SigningKey) -> None:
    (report / "report.html").rename(report.parent / "elsewhere.html")
    (report / "report.html").symlink_to(report.parent / "elsewhere.html")
    _refused(report, [key.public], r"^step 3: report.html is a link or another thing that is no plain file")


def test_a_pipe_is_refused_without_waiting(report: Path, key: SigningKey) -> None:
    (report / "report.html").unlink()
    os.mkfifo(report / "report.html")
    _refused(report, [key.public], r"^step 3: report.html is a link or another thing that is no plain file")


def test_a_file_over_the_limit_is_refused(report: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_files, "LIMIT", (report / "report.html").stat().st_size - 1)
    _refused(report, [key.public], r"^step 3: report.html is over \d+ bytes")


def test_a_directory_that_is_a_link_or_not_there_is_refused(report: Path, key: SigningKey) -> None:
    (report.parent / "link").symlink_to(report)
    _refused(report.parent / "link", [key.public], "link is a link or another thing that is no plain directory")
    _refused(report.parent / "gone", [key.public], "gone is missing")


def test_a_file_that_the_system_refuses_decides_nothing(
    report: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.open

    def refuse(path: Any, *options: Any, **more: Any) -> int:
        if path == "report.html":
            raise PermissionError(13, "Permission denied")
        return really(path, *options, **more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(FileUnavailable, match=r"^report.html: Permission denied"):
        verify(report, [key.public])


# Step 4: results.json fits its schema and decodes.


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"gate":"high"', b'"gate":"none"', "does not fit results.schema.json"),
        (b'"parts":[]', b'"parts":[],"password":"hunter2"', "does not fit results.schema.json"),
        (b'"number":12', b'"number": 12', "not in canonical form"),
        (b'"number":12', b'"number":', "is no JSON"),
        (b"2026-11-23T22:20:05.163Z", b"2026-02-30T22:20:05.163Z", r"results\[1\].started is no time"),
    ],
)
def test_signed_results_that_are_malformed_are_refused(
    report: Path, run: RunResult, key: SigningKey, *, old: bytes, new: bytes, reason: str
) -> None:
    _edit(report / "results.json", old, new)
    _sign_again(report, run, key)
    _refused(report, [key.public], rf"^step 4, results.json: .*{reason}")


# Step 5: the verdict is what the results add up to, and the predicate says what they say.


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b'"exit_code":3', b'"exit_code":0', "exit_code"),
        (b'"fail":5', b'"fail":4', "counts"),
        (b'"gating":6', b'"gating":0', "gating"),
        (b'"evaluated":57', b'"evaluated":61', "evaluated"),
        (b'"total":61', b'"total":57', "total"),
    ],
)
def test_a_signed_false_verdict_is_refused(
    report: Path, run: RunResult, key: SigningKey, *, old: bytes, new: bytes, field: str
) -> None:
    _edit(report / "results.json", old, new)
    _sign_again(report, run, key)
    _refused(report, [key.public], rf"^step 5: results.json: verdict.{field} is not what its results add up to")


PREDICATES: dict[str, Callable[[Any], None]] = {
    "run": lambda it: it["run"].update(number=13),
    "tool": lambda it: it["tool"].update(version="0.2.0"),
    "catalogue": lambda it: it["catalogue"]["digest"].update(sha256="0" * 64),
    "profile": lambda it: it.update(profile="strict"),
    "frameworks": lambda it: it.update(frameworks=["soc2"]),
    "tenants": lambda it: it["tenants"].append("delta"),
    "window": lambda it: it["window"].update(ended="2027-01-01T00:00:00.000Z"),
    "rollback": lambda it: it.update(rollback="protected"),
    "gate": lambda it: it.update(gate="critical"),
    "verdict": lambda it: it["verdict"].update(exit_code=False),
    "assessed": lambda it: it["assessed"].pop(),
    "history": lambda it: it["history"].pop(),
    "shard": lambda it: it.update(shard=None),
    "parts": lambda it: it["parts"].append("0" * 64),
    "edition": lambda it: it.update(edition="aurora"),
    "waiver_file": lambda it: it.update(waiver_file=""),
}


@pytest.mark.parametrize("field", PREDICATES)
def test_a_signed_false_predicate_is_refused(
    tmp_path: Path, run: RunResult, catalogue: Catalogue, *, key: SigningKey, field: str
) -> None:
    report = tmp_path / "shard"
    write_report(report, replace(run, shard=Shard(1, 2, "0" * 64, 124)), catalogue, [key])
    _sign_statement(report, key, lambda it: PREDICATES[field](it["predicate"]))
    _refused(report, [key.public], rf"^step 5: predicate.{field} says something else than results.json")


def test_every_field_of_the_predicate_is_compared() -> None:
    assert {*PREDICATES, "signer"} == set(attestation.FIELDS)


def test_a_true_report_under_the_statement_of_another_run_is_refused(
    report: Path, run: RunResult, key: SigningKey
) -> None:
    _sign_again(report, replace(run, run_id="another"), key)
    _refused(report, [key.public], r"^step 5: predicate.run says something else")


def test_a_page_that_names_a_key_which_did_not_sign_is_refused(
    report: Path, run: RunResult, catalogue: Catalogue, key: SigningKey, other_key: SigningKey
) -> None:
    named = fingerprint(other_key.public)
    (report / "report.html").write_bytes(html.render(run, catalogue, signer=named))
    files = {path.name: path.read_bytes() for path in report.iterdir() if path.name != ATTESTATION}
    statement = attestation.statement(run, files, signer=named)
    (report / ATTESTATION).write_bytes(sign_dsse(statement, [key]))
    _refused(report, [key.public, other_key.public], rf"^step 5: predicate.signer {named} is no pinned key that signed")


def test_a_reviewer_s_signature_does_not_stand_in_for_the_report_key(
    report: Path, run: RunResult, catalogue: Catalogue, key: SigningKey, other_key: SigningKey
) -> None:
    write_report(report, run, catalogue, [key, other_key])
    _refused(report, [other_key.public], r"^step 5: predicate.signer .* is no pinned key that signed")
    assert verify(report, [key.public]) == verify(report, [key.public, other_key.public]) == run


# Step 6: the catalogue is ours, and every file renders again to the same bytes.


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"No verdict: a check broke", b"The gate is met"),
        (b"evidence contradicts", b"evidence supports"),
        (b"plain NAME=value lines beside the envelope (6 names)", b"all is well"),
        (b"</footer>", b"<p>Audited and approved.</p></footer>"),
        (b"<body>", b"<body><script>alert(1)</script>"),
    ],
)
def test_signed_but_false_html_is_refused(
    report: Path, run: RunResult, key: SigningKey, old: bytes, new: bytes
) -> None:
    _edit(report / "report.html", old, new)
    _sign_again(report, run, key)
    refused = _refused(
        report, [key.public], r"^step 6: report.html was signed, but it is not what results.json renders to"
    )
    assert "pip install 'sealproof==0.1.0'" in refused.hint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"title":"Secrets are ciphertext at rest"', b'"title":"Everything is fine"'),
        (b'"soc2":["CC6.1","C1.1"]', b'"soc2":["CC1.1","C1.1"]'),
    ],
)
def test_signed_false_titles_and_controls_are_refused(
    report: Path, run: RunResult, key: SigningKey, old: bytes, new: bytes
) -> None:
    _edit(report / "results.json", old, new)
    _sign_again(report, run, key)
    _refused(report, [key.public], r"^step 6: results.json was signed, but it is not what results.json renders to")


def test_a_report_of_another_catalogue_names_the_release_to_install(
    report: Path, catalogue: Catalogue, key: SigningKey
) -> None:
    later = replace(catalogue, version="later", digest="f" * 64)
    named = rf"{catalogue.version} \({catalogue.digest[:16]}…\), here is later \(f{{16}}…\)"
    refused = _refused(report, [key.public], rf"^step 6: results.json is of catalogue {named}", catalogue=later)
    assert refused.hint == "if another release made it, verify with that one: pip install 'sealproof==0.1.0'"


# Step 7: the predecessor is the one that the run names.


def test_the_predecessor_that_the_run_names_is_accepted(report: Path, run: RunResult, key: SigningKey) -> None:
    assert verify(report, [key.public], previous=b"the attestation of run 11") == run


def test_another_predecessor_is_refused(report: Path, run: RunResult, key: SigningKey) -> None:
    _refused(
        report,
        [key.public],
        rf"^step 7: the predecessor given is not the one that run 12 names \({run.previous[:16]}…\)",
        previous=b"the attestation of run 10",
    )


def test_a_run_that_starts_a_chain_has_no_predecessor(
    report: Path, run: RunResult, catalogue: Catalogue, key: SigningKey
) -> None:
    write_report(report, replace(run, previous=""), catalogue, [key])
    _refused(report, [key.public], r"^step 7: .*\(none: it starts a chain\)", previous=b"")


def test_a_chain_of_two_runs_verifies(report: Path, run: RunResult, catalogue: Catalogue, key: SigningKey) -> None:
    first = (report / ATTESTATION).read_bytes()
    following = replace(run, number=13, previous=sha256(first).hex())
    write_report(report.parent / "next", following, catalogue, [key])
    assert verify(report.parent / "next", [key.public], previous=first) == following
    assert results.decode((report.parent / "next" / "results.json").read_bytes()) == following
