"""The gate: settings tighten it, its report is verified as it is written, runs form a chain."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date

import pytest

from sealproof.checks.evidence import report_keys, require_place, write
from sealproof.checks.gate import Gate, decide, run_gate
from sealproof.checks.runner import Selection
from sealproof.errors import (
    CallerError,
    ConfigurationError,
    EvidenceRejected,
    FileUnavailable,
    StoreNotFound,
    UnknownTenant,
)
from sealproof.findings import ExitCode
from sealproof.reports import attestation
from sealproof.reports.chain import verify_chain
from sealproof.reports.trust import PinnedKey, write_pins
from sealproof.signing import SigningKey, public_from_pem, public_to_pem, sha256
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.signers import Signers

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


def test_a_run_is_narrowed_to_a_framework_of_the_store_s_own(gate, store):
    (store / "overlay.toml").write_text(
        '[frameworks.house]\ntitle = "House rules"\nedition = "1"\npublisher = "Acme"\noutside = ["people"]\n'
        'controls = {"H-1" = "Sealed"}\n[mappings.SEC-001]\nhouse = ["H-1"]\n'
    )
    chosen = gate(selection=Selection(frameworks=("house",)))
    run = run_gate(chosen)
    assert {result.check for result in run.results} == {"SEC-001"}
    write(chosen, run)
    with open(f"{chosen.report_dir}/report.html", encoding="utf-8") as page:
        assert "House rules" in page.read()


def test_an_overlay_that_nobody_understands_stops_the_run(gate, store):
    (store / "overlay.toml").write_text('[mappings.SEC-999]\ngdpr = ["32(1)(a)"]\n')
    with pytest.raises(ConfigurationError, match=r"overlay.toml: mappings.SEC-999 is no check"):
        run_gate(gate())


def test_runs_form_a_chain_and_each_report_verifies(gate):
    first = run_gate(gate())
    write(gate(), first)
    data = gate().report_dir + "/" + attestation.NAME
    with open(data, "rb") as file:
        digest = sha256(file.read()).hex()
    second = run_gate(gate())
    assert (first.number, first.previous, first.notes) == (1, "", ())
    assert (second.number, second.previous) == (2, digest)


@pytest.fixture
def foreign(tmp_path):
    """A private report key that is none of the store's, and its public half."""
    key = SigningKey(bytes(range(32)))
    path = tmp_path / "other.key"
    path.write_bytes(key.to_pem())
    path.chmod(0o600)
    path.with_suffix(".pub").write_bytes(public_to_pem(key.public))
    return path


def test_a_named_predecessor_of_another_key_is_refused_before_the_checks_run_unless_its_key_is_pinned(gate, foreign):
    first = gate(sign_key=str(foreign), report_dir=str(foreign.parent / "first"))
    write(first, run_gate(first))
    named = gate(previous=f"{first.report_dir}/{attestation.NAME}")
    with pytest.raises(EvidenceRejected, match="is not believed: signature: no pinned key signed"):
        require_place(named)
    with pytest.raises(EvidenceRejected, match="is not believed"):
        run_gate(named)
    assert run_gate(replace(named, previous_key=str(foreign.with_suffix(".pub")))).number == 2


def test_a_pinned_key_is_believed_in_its_days_only(gate, foreign):
    first = gate(sign_key=str(foreign), report_dir=str(foreign.parent / "first"))
    write(first, run_gate(first))
    pins = foreign.parent / "keys.toml"
    public = public_from_pem(foreign.with_suffix(".pub").read_bytes(), name="other.pub")
    pins.write_text(write_pins([PinnedKey(public, None, date(2020, 1, 1))]))
    named = gate(previous=f"{first.report_dir}/{attestation.NAME}", previous_key=str(pins))
    with pytest.raises(EvidenceRejected, match="was not valid when the run ended"):
        run_gate(named)


def test_a_chain_goes_on_after_the_report_key_was_rolled(gate, store):
    write(gate(), run_gate(gate()))
    Signers(Custodian(str(store))).roll("report")
    second = run_gate(gate())
    assert second.number == 2
    write(gate(), second)
    publics = [
        public_from_pem(path.read_bytes(), name=path.name) for path in (store / "keys/signing").glob("report*.pub")
    ]
    assert len(publics) == 2
    with pytest.raises(EvidenceRejected, match="pinned key"):
        verify_chain(store / "reports", publics[:1])
    assert [link.run.number for link in verify_chain(store / "reports", publics)] == [1, 2]


def test_a_report_in_place_that_another_key_signed_is_not_followed_and_the_run_says_so(gate, store, foreign):
    other = gate(sign_key=str(foreign))
    write(other, run_gate(other))
    shutil.rmtree(store / "reports")
    run = run_gate(gate())
    assert (run.number, run.previous) == (1, "")
    note = "the report found in place is signed by no key of this store, so this run does not follow it"
    assert run.notes == (note,)


def test_what_would_be_refused_at_the_end_is_refused_before_the_checks_run(gate, tmp_path):
    taken = tmp_path / "thesis"
    taken.mkdir()
    (taken / "thesis.txt").write_text("years of work")
    file = tmp_path / "file"
    file.touch()
    for place, refusal in ((str(taken), CallerError), (f"{file}/report", FileUnavailable)):
        with pytest.raises(refusal):
            require_place(gate(report_dir=place))
    with pytest.raises(EvidenceRejected, match="cannot be used"):
        require_place(gate(sign_key=str(tmp_path / "nowhere.key"), report_dir=""))
    with pytest.raises(ConfigurationError, match="there is no source directory"):
        gate(source=str(tmp_path / "nowhere")).target()


def test_kept_runs_count_for_a_run_that_writes_no_report(gate):
    write(gate(), run_gate(gate()))
    assert gate(report_dir="").target().spec.previous.endswith(attestation.NAME)
    assert run_gate(gate(report_dir="")).number == 1


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
