"""CMP-009: names and metadata carry no personal data."""

from __future__ import annotations

import re

import pytest

from sealproof.checks.personal import found_in
from sealproof.findings import Status
from sealproof.vault.custodian import Custodian

from .conftest import DANA, register


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ask jane.doe@example.com first", "an e-mail address"),
        ("JANE_DOE_AT_EXAMPLE_DOT_COM_TOKEN", "an e-mail address"),
        ("on call: +49 170 1234567", "a telephone number"),
        ("+442079460958", "a telephone number"),
        ("ssn 219-09-9999", "a national id"),
        ("KEY_219_09_9999", "a national id"),
        ("AB123456C", "a national id"),
        ("12345678Z", "a national id"),  # 12345678 mod 23 = 14: Z
        ("185017505600149", "a national id"),
    ],
)
def test_each_format_is_recognised(text, kind):
    assert found_in(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "DB_PASSWORD", "API_V2_TOKEN_2027_01_15", "rotated 2027-01-15 12:00", "10.0.0.1:5432", "user@localhost",
        "12345678A", "185017505600150", "000-12-3456", "666-12-3456", "219-00-9999", "BG123456A", "CHG-1234567",
        "sha256 9f86d081884c7d659a2feaa0c55ad015", "1_800_014_400", "@team", "eu-central-1", "LOOK_AT_THIS_KEY",
    ],
)  # fmt: skip
def test_what_merely_looks_alike_is_left_alone(text):
    assert found_in(text) == []


def test_a_persons_name_needs_both_its_parts():
    people = ("dana.reed", "platform team", "li.wu")
    assert found_in("DANA_REED_TOKEN", people) == ["a person's name"]
    assert found_in("token of Reed, Dana", people) == ["a person's name"]
    assert found_in("READ_DANA_TOKEN", people) == []
    assert found_in("LI_WU_TOKEN", people) == []  # parts that short are words of everything


def test_opaque_names_pass(store, run_check):
    assert run_check(store, "CMP-009", "aurora").status is Status.PASS


def test_a_name_with_an_address_in_it_fails_without_being_quoted(store, run_check, failure):
    Custodian(str(store)).seal("aurora", "development", {"JANE_DOE_AT_EXAMPLE_COM_TOKEN": b"x"})
    finding = failure(run_check(store, "CMP-009", "aurora"))
    assert finding.observed == "it looks like an e-mail address"
    assert "JANE" not in str(finding)


def test_a_registered_persons_name_is_looked_for(store, run_check, failure):
    Custodian(str(store)).seal("aurora", "development", {"DANA_REED_TOKEN": b"x"})
    assert run_check(store, "CMP-009", "aurora").status is Status.PASS
    register(store, "dana.reed", DANA)
    assert failure(run_check(store, "CMP-009", "aurora")).observed == "it looks like a person's name"


def test_purposes_are_read_and_owners_are_declared_for_people(store, run_check, failure):
    manifest = store / "tenants" / "aurora" / "manifest.toml"
    text = manifest.read_text()
    manifest.write_text(re.sub(r'owner = ".*"', 'owner = "jane.doe@example.com"', text))
    assert run_check(store, "CMP-009", "aurora").status is Status.PASS
    manifest.write_text(text.replace('purpose = "tests"', 'purpose = "ask jane.doe@example.com"', 1))
    assert failure(run_check(store, "CMP-009", "aurora")).resource.endswith(" purpose")


def test_file_names_beside_the_sealed_file_are_read(store, run_check, failure):
    (store / "tenants" / "aurora" / "jane.doe@example.com.txt").write_text("")
    assert failure(run_check(store, "CMP-009", "aurora")).resource == "tenants/aurora, a file's name"
