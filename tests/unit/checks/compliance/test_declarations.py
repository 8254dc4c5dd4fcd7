"""CMP-007 and CMP-008: what a tenant's manifest and the store's declare."""

from __future__ import annotations

import pytest

from sealproof.findings import Status

from .conftest import NOON

RECORD = """
[tenant]
personal_data = true
regions = ["eu-central"]

[tenant.processing]
controller = "Aurora Ltd"
purposes = "radio charts"
categories = "listeners' accounts"
recipients = "the platform team"
transfers = "none"
erasure = "30 days after an account is closed"
measures = "sealed files"
dated = 2027-01-02
"""
PLACES = '[locations]\ndata = "eu-central"\nkeys = "eu-central"\nbackups = "eu-central"\nlogs = "eu-central"\n'


@pytest.fixture
def declare(store):
    """Append to aurora's manifest."""

    def write(text):
        path = store / "tenants" / "aurora" / "manifest.toml"
        path.write_text(path.read_text() + text)

    return write


def record(run_check, store):
    return run_check(store, "CMP-007", "aurora", now=NOON)


def regions(run_check, store):
    return run_check(store, "CMP-008", "aurora", now=NOON)


def test_a_whole_record_in_date_is_declared_and_never_a_pass(store, run_check, declare):
    declare(RECORD)
    assert record(run_check, store).status is Status.DECLARED


def test_no_record_is_no_evidence_and_the_fix_names_the_file(store, run_check):
    result = record(run_check, store)
    assert result.status is Status.NOT_EVALUATED
    assert result.findings[0].fix.endswith("/tenants/aurora/manifest.toml")


@pytest.mark.parametrize(
    "part", ["controller", "purposes", "categories", "recipients", "transfers", "erasure", "measures"]
)
def test_each_missing_part_is_named(store, run_check, declare, failure, part):
    declare("\n".join(line for line in RECORD.splitlines() if not line.startswith(part)))
    assert failure(record(run_check, store)).observed == f"it lacks {part}"


def test_a_record_without_a_day_fails(store, run_check, declare, failure):
    declare(RECORD.replace("dated = 2027-01-02\n", ""))
    assert failure(record(run_check, store)).observed == "it lacks dated"


@pytest.mark.parametrize(
    ("dated", "status"),
    [("2026-01-15", Status.DECLARED), ("2026-01-14", Status.FAIL), ("2027-01-16", Status.FAIL)],
)
def test_a_record_is_good_for_a_year_and_never_from_tomorrow(store, run_check, declare, dated, status):
    declare(RECORD.replace("2027-01-02", dated))
    assert record(run_check, store).status is status


def test_no_personal_data_needs_a_reason(store, run_check, declare):
    declare('\n[tenant]\npersonal_data = false\nreason = "the tenant is a weather station"\n')
    result = record(run_check, store)
    assert result.status is Status.NOT_APPLICABLE
    assert "weather station" in result.findings[0].reason


def test_no_personal_data_without_a_reason_is_no_evidence(store, run_check, declare):
    declare("\n[tenant]\npersonal_data = false\n")
    assert record(run_check, store).status is Status.NOT_EVALUATED


@pytest.mark.parametrize(
    "text",
    [
        "\n[tenant]\ncolour = 1\n",
        '\n[tenant]\npersonal_data = "yes"\n',
        "\n[tenant]\nprocessing = 1\n",
        '\n[tenant]\nregions = "eu"\n',
        "\n[tenant.processing]\ncontroller = 1\n",
        '\n[tenant.processing]\ndated = "yesterday"\n',
        "\n[tenant.safeguards]\nus = 1\n",
    ],
)
def test_a_declaration_that_cannot_be_read_is_no_evidence(store, run_check, declare, text):
    declare(text)
    assert record(run_check, store).status is Status.NOT_EVALUATED
    assert regions(run_check, store).status is Status.NOT_EVALUATED


def test_places_within_the_regions_pass(store, run_check, declare):
    declare(RECORD)
    (store / "manifest.toml").write_text(PLACES)
    result = regions(run_check, store)
    assert result.status is Status.PASS
    assert len(result.findings) == 4


def test_a_place_outside_fails_and_a_safeguard_mends_it(store, run_check, declare, failure):
    declare(RECORD)
    (store / "manifest.toml").write_text(PLACES.replace('backups = "eu-central"', 'backups = "us-east"'))
    finding = failure(regions(run_check, store))
    assert (finding.resource, finding.observed) == (
        "manifest.toml [locations] backups",
        "in us-east, which is not allowed",
    )
    declare('\n[tenant.safeguards]\nus-east = "standard clauses of 2026-03-01"\n')
    assert regions(run_check, store).status is Status.PASS


@pytest.mark.parametrize("place", ["data", "keys", "backups", "logs"])
def test_a_place_that_nobody_declared_is_no_evidence(store, run_check, declare, place):
    declare(RECORD)
    (store / "manifest.toml").write_text("\n".join(li for li in PLACES.splitlines() if not li.startswith(place)))
    assert regions(run_check, store).status is Status.NOT_EVALUATED


def test_no_regions_are_no_evidence(store, run_check):
    (store / "manifest.toml").write_text(PLACES)
    assert regions(run_check, store).status is Status.NOT_EVALUATED


@pytest.mark.parametrize("text", ["x = [", "[places]\n", "[locations]\nmoon = 'x'\n", "[locations]\ndata = 1\n"])
def test_a_store_manifest_that_cannot_be_read_is_no_evidence(store, run_check, declare, text):
    declare(RECORD)
    (store / "manifest.toml").write_text(text)
    assert regions(run_check, store).status is Status.NOT_EVALUATED
