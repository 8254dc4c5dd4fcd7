"""SEC-002: approved authenticated encryption."""

from __future__ import annotations

import pytest

from sealproof.checks.security import approved_encryption
from sealproof.findings import Status
from sealproof.vault.custodian import Custodian

FILE = "tenants/aurora/.env.enc"


def put(store, old: bytes, new: bytes) -> None:
    path = store / FILE
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


@pytest.fixture
def unlisted(store, run_check, failure, monkeypatch):
    """Judge a file of a format and algorithm that this release would know."""

    def judge(name: str, algorithm: str) -> str:
        monkeypatch.setattr(approved_encryption, "ENCRYPTION", {name: (algorithm,)})
        put(store, b"sealproof-env/1", name.encode())
        return failure(run_check(store, "SEC-002", "aurora")).observed

    return judge


def test_a_sealed_file_is_approved(store, run_check):
    result = run_check(store, "SEC-002", "aurora")
    assert result.status is Status.PASS
    assert result.findings[0].observed == "sealproof-env/1: AES-256-GCM (256 bits, authenticated)"
    assert dict(result.parameters) == {"formats": "sealproof-env/1", "algorithms": "AES-256-GCM"}


def test_a_later_format_of_ours_asks_for_an_upgrade(store, run_check, failure):
    put(store, b"sealproof-env/1", b"sealproof-env/9")
    finding = failure(run_check(store, "SEC-002", "aurora"))
    assert finding.observed == "format sealproof-env/9 is not known"
    assert finding.fix == "pip install --upgrade sealproof"


def test_a_foreign_format_fails(store, run_check, failure):
    put(store, b"sealproof-env/1", b"rot13/1")
    finding = failure(run_check(store, "SEC-002", "aurora"))
    assert finding.observed == "format rot13/1 is not known"


def test_a_file_that_names_no_format_fails_and_is_not_quoted(store, run_check):
    (store / FILE).write_bytes(b"DB_PASSWORD=in-plain-sight\n")
    result = run_check(store, "SEC-002", "aurora")
    assert result.status is Status.FAIL
    assert "plain-sight" not in repr(result)


def test_an_algorithm_smuggled_into_the_header_fails(store, run_check, failure):
    put(store, b'"epoch":1}', b'"epoch":1,"alg":"none"}')
    finding = failure(run_check(store, "SEC-002", "aurora"))
    assert "does not follow it" in finding.observed


@pytest.mark.parametrize(
    ("name", "algorithm", "observed"),
    [
        (
            "sealproof-env/1",
            "AES-256-CBC",
            "sealproof-env/1 seals with AES-256-CBC, which is not on the profile's list",
        ),
        ("sealproof-env/0", "AES-256-GCM", "format sealproof-env/0 is not on the profile's list"),
    ],
)
def test_what_the_profile_does_not_list_fails(unlisted, name, algorithm, observed):
    assert unlisted(name, algorithm) == observed


def test_an_algorithm_that_does_not_authenticate_fails_even_if_listed(store, run_check, failure, monkeypatch):
    monkeypatch.setattr(approved_encryption, "STRENGTH", {})
    finding = failure(run_check(store, "SEC-002", "aurora"))
    assert finding.observed == "sealproof-env/1 seals with AES-256-GCM, which is unauthenticated or under 128 bits"


def test_the_fix_for_a_broken_file_makes_room_for_a_new_one(store, run_check, failure):
    put(store, b"sealproof-env/1", b"rot13/1")
    finding = failure(run_check(store, "SEC-002", "aurora"))
    move = finding.fix.split(" && ")[0].split()
    assert move == ["mv", str(store / FILE), f"{store / FILE}.refused"]
    (store / FILE).rename(f"{store / FILE}.refused")
    Custodian(str(store)).seal("aurora", "development", {"DB_PASSWORD": b"sealed-again"})
    assert run_check(store, "SEC-002", "aurora").status is Status.PASS


def test_a_missing_file_is_no_evidence(store, run_check):
    (store / FILE).unlink()
    assert run_check(store, "SEC-002", "aurora").status is Status.NOT_EVALUATED
