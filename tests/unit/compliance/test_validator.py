"""`ComplianceValidator`: yes only where something supports, nothing contradicts and nothing is missing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof import ComplianceValidator, SecretMetadata
from sealproof.compliance import catalogue
from sealproof.compliance.validator import Said
from sealproof.errors import CallerError
from sealproof.vault.audit.export import as_document
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.manifest import SecretClass

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000
DAY = 86_400
GOOD = SecretMetadata(
    "DB_PASSWORD", "acme", "production", 3, NOW - 10 * DAY, 7, 1, "AES-256-GCM", "dana", SecretClass.PASSWORD,
    "the shop's database", 90, "", "never",
)  # fmt: skip
READ = AuditRecord("app", Established.UID, "read", Outcome.ALLOW, "production", "DB_PASSWORD", 3, "c0ffee01")
BREAKING = {
    "owner": "",
    "kind": None,
    "purpose": "",
    "rotation_days": None,
    "updated": NOW - 91 * DAY,
    "expires": "2026-01-01",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir(mode=0o700)
    return tmp_path


@pytest.fixture
def validator(root: Path) -> ComplianceValidator:
    return ComplianceValidator(root, clock=lambda: NOW)


def exported(root: Path, *records: AuditRecord) -> dict[str, object]:
    with AuditLog(str(root), "acme") as log:
        log.append(records or (READ,))
    return as_document(str(root), "acme", pinned_key(str(root), "acme"))


def test_metadata_that_says_everything_supports_gdpr(validator: ComplianceValidator) -> None:
    assert validator.validate_gdpr_compliance(GOOD)
    assert validator.validate_gdpr_compliance([GOOD, dataclasses.replace(GOOD, name="OTHER")])
    judgement = validator.judge_gdpr(GOOD)
    assert {reason.said for reason in judgement.reasons} == {Said.SUPPORTS}
    assert judgement.outside == catalogue.load().framework("gdpr").outside


@pytest.mark.parametrize(("field", "value"), BREAKING.items())
def test_each_gap_is_a_no_with_its_reason(validator: ComplianceValidator, field: str, value: object) -> None:
    broken = dataclasses.replace(GOOD, **{field: value})  # type: ignore[arg-type]
    assert not validator.validate_gdpr_compliance(broken)
    assert not validator.validate_gdpr_compliance([GOOD, broken])
    against = [reason for reason in validator.judge_gdpr(broken).reasons if reason.said is not Said.SUPPORTS]
    assert [reason.about for reason in against] == ["DB_PASSWORD"]


def test_nothing_is_never_a_yes(validator: ComplianceValidator) -> None:
    assert not validator.validate_gdpr_compliance([])
    assert not validator.validate_soc2_compliance({})
    assert not validator.validate_hipaa_compliance([])
    assert not validator.validate_hipaa_compliance(GOOD)
    assert {reason.said for reason in validator.judge_soc2({}).reasons} == {Said.ABSENT}


def test_not_rotated_needs_a_reason(validator: ComplianceValidator) -> None:
    fixed = dataclasses.replace(GOOD, rotation_days=0)
    assert not validator.validate_gdpr_compliance(fixed)
    assert validator.validate_gdpr_compliance(dataclasses.replace(fixed, rotation_reason="the partner cannot"))


def test_an_intact_log_supports_soc2_and_with_metadata_hipaa(validator: ComplianceValidator, root: Path) -> None:
    log = exported(root)
    assert validator.validate_soc2_compliance(log)
    assert validator.validate_hipaa_compliance(GOOD, log)


def test_an_edited_log_contradicts(validator: ComplianceValidator, root: Path) -> None:
    log = exported(root)
    log["lines"] = [line.replace('"r":"allow"', '"r":"deny"') for line in log["lines"]]  # type: ignore[attr-defined]
    assert not validator.validate_soc2_compliance(log)
    assert validator.judge_soc2(log).reasons[0].said is Said.CONTRADICTS


def test_the_key_in_the_document_counts_for_nothing(validator: ComplianceValidator, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "keys").mkdir(parents=True, mode=0o700)
    log = exported(elsewhere)
    assert validator.judge_soc2(log).reasons[0].said is Said.ABSENT
    pinned = pinned_key(str(elsewhere), "acme")
    assert ComplianceValidator(tmp_path, audit_key=pinned).validate_soc2_compliance(log)
    exported(tmp_path)
    assert validator.judge_soc2(log).reasons[0].said is Said.CONTRADICTS


def test_records_without_their_correlation_contradict(validator: ComplianceValidator, root: Path) -> None:
    log = exported(root, READ, READ._replace(request=""))
    assert not validator.validate_soc2_compliance(log)


@pytest.mark.parametrize("document", [{"lines": []}, {"tenant": "acme", "lines": "x", "start": []}, {"tenant": 1}])
def test_what_is_no_export_is_absent(validator: ComplianceValidator, document: dict[str, object]) -> None:
    assert not validator.validate_soc2_compliance(document)
    assert validator.judge_soc2(document).reasons[0].said is Said.ABSENT


@pytest.mark.parametrize("wrong", ["text", 5, {"lines": []}, [5]])
def test_what_is_no_metadata_and_no_log_is_named(validator: ComplianceValidator, wrong: Any) -> None:
    with pytest.raises(CallerError, match="metadata of a secret is no"):
        validator.validate_gdpr_compliance(wrong)
    with pytest.raises(CallerError, match="metadata of a secret is no"):
        validator.validate_hipaa_compliance(wrong)
    if not isinstance(wrong, dict):
        with pytest.raises(CallerError, match="an audit log is a mapping"):
            validator.validate_soc2_compliance(wrong)


@pytest.mark.parametrize("wrong", [[], None])
def test_no_log_at_all_is_named(validator: ComplianceValidator, wrong: Any) -> None:
    with pytest.raises(CallerError, match="an audit log is a mapping"):
        validator.validate_soc2_compliance(wrong)


@given(st.sets(st.sampled_from(sorted(BREAKING))), st.sampled_from(sorted(BREAKING)))
def test_taking_evidence_away_never_turns_a_no_into_a_yes(gaps: set[str], more: str) -> None:
    validator = ComplianceValidator("nowhere", clock=lambda: NOW)

    def holds(fields: set[str]) -> bool:
        return validator.validate_gdpr_compliance(
            dataclasses.replace(GOOD, **{name: BREAKING[name] for name in fields})
        )

    assert holds(gaps) >= holds(gaps | {more})


def test_every_control_is_one_of_its_framework(validator: ComplianceValidator, root: Path) -> None:
    log = exported(root)
    for judgement in (validator.judge_gdpr(GOOD), validator.judge_soc2(log), validator.judge_hipaa(GOOD, log)):
        known = catalogue.load().framework(judgement.framework).ids
        assert {reason.control for reason in judgement.reasons} <= set(known)
