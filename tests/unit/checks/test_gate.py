"""The gate: settings tighten it, its report is verified as it is written, runs form a chain."""

from __future__ import annotations

import shutil

import pytest

from sealproof.checks.evidence import report_keys, write
from sealproof.checks.gate import Gate, decide, run_gate
from sealproof.checks.runner import Selection
from sealproof.errors import ConfigurationError, EvidenceRejected, StoreNotFound, UnknownTenant
from sealproof.findings import ExitCode
from sealproof.reports import attestation
from sealproof.signing import SigningKey, sha256

QUICK = Selection(checks=("SEC-001", "SEC-002", "CMP-006"))


@pytest.fixture
def gate(store):
    def make(**changes):
        return Gate(str(store), **{"selection": QUICK, "report_dir": str(store.parent / "report")} | changes)

    return make


def test_a_healthy_store_meets_the_gate(gate):
    assert decide(run_gate(gate())).exit_code is ExitCode.OK


def test_worker_processes_find_the_same_as_threads(gate):
    def seen(run):
        return [(result.check, result.scope, result.status) for result in run.results]

    assert seen(run_gate(gate(workers=2))) == seen(run_gate(gate()))


def test_a_missing_key_leaves_checks_of_values_not_evaluated(gate, store):
    (store / "keys").rename(store.parent / "elsewhere")
    run = run_gate(gate(selection=Selection(checks=("SEC-018",))))
    assert decide(run).exit_code is ExitCode.NOT_EVALUATED


def test_a_store_that_is_not_there_is_a_configuration_error(tmp_path):
    with pytest.raises(StoreNotFound):
        run_gate(Gate(str(tmp_path / "nowhere")))


def test_an_unknown_tenant_is_refused_by_name(gate):
    with pytest.raises(UnknownTenant, match="nobody"):
        run_gate(gate(tenants=("nobody",)))


def test_a_setting_out_of_its_range_is_refused_by_name(gate, store):
    (store / "sealproof.toml").write_text("rotation_interval_days = 0\n")
    with pytest.raises(ConfigurationError, match="ROTATION_INTERVAL_DAYS"):
        run_gate(gate())


def test_a_shorter_rotation_interval_tightens_and_a_longer_one_does_not_loosen(gate, store):
    (store / "sealproof.toml").write_text("rotation_interval_days = 30\n")
    assert gate().target().spec.overrides["max_age_days_token"] == 30
    (store / "sealproof.toml").write_text("rotation_interval_days = 900\n")
    assert "max_age_days_token" not in gate().target().spec.overrides


def test_runs_form_a_chain_and_each_report_verifies(gate):
    first = run_gate(gate())
    write(gate(), first)
    data = gate().report_dir + "/" + attestation.NAME
    with open(data, "rb") as file:
        digest = sha256(file.read()).hex()
    second = run_gate(gate())
    assert (first.number, first.previous, first.notes) == (1, "", ())
    assert (second.number, second.previous) == (2, digest)


def test_a_named_predecessor_of_another_key_is_refused(gate, tmp_path):
    write(gate(), run_gate(gate()))
    other = tmp_path / "other.key"
    other.write_bytes(SigningKey(bytes(range(32))).to_pem())
    other.chmod(0o600)
    named = gate(sign_key=str(other), previous=f"{gate().report_dir}/{attestation.NAME}")
    with pytest.raises(EvidenceRejected, match="not signed by this run's report key"):
        run_gate(named)


def test_a_report_in_place_that_another_key_signed_is_not_followed_and_the_run_says_so(gate, store, tmp_path):
    write(gate(), run_gate(gate()))
    shutil.rmtree(store / "reports", ignore_errors=True)
    other = tmp_path / "other.key"
    other.write_bytes(SigningKey(bytes(range(32))).to_pem())
    other.chmod(0o600)
    run = run_gate(gate(sign_key=str(other)))
    assert (run.number, run.previous) == (1, "")
    assert run.notes == ("the report found in place is not signed by this run's key, so this run does not follow it",)


@pytest.mark.parametrize("text", [None, b"no key\n"], ids=["missing", "malformed"])
def test_a_named_report_key_that_cannot_be_used_is_refused(gate, tmp_path, text):
    path = tmp_path / "report.key"
    if text is not None:
        path.write_bytes(text)
        path.chmod(0o600)
    with pytest.raises(EvidenceRejected, match="cannot be used"):
        report_keys(gate(sign_key=str(path)))


def test_without_a_report_key_the_report_is_unsigned(gate, store):
    (store / "keys/signing/report.key").unlink()
    names = write(gate(), run_gate(gate()))
    assert attestation.NAME not in names
    with open(f"{gate().report_dir}/report.html", encoding="utf-8") as page:
        assert "UNSIGNED" in page.read()
