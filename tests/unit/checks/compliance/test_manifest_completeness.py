"""CMP-006: every secret has an owner, class and purpose."""

from __future__ import annotations

import re

import pytest

from sealproof.findings import Scope, Status
from sealproof.vault.custodian import Custodian
from sealproof.vault.inventory import describe_missing, prune_orphans

NOON = 1_800_014_400  # 2027-01-15 12:00 UTC


@pytest.fixture
def manifest(store):
    return store / "tenants" / "aurora" / "manifest.toml"


def change(manifest, name: str, pattern: str, to: str) -> None:
    """Replace a line in the table of `name`."""
    text = manifest.read_text()
    start = text.index(f"[{name}]")
    changed = re.sub(pattern, to, text[start:], count=1)
    assert changed != text[start:]
    manifest.write_text(text[:start] + changed)


def test_a_described_tenant_passes(store, run_check):
    result = run_check(store, "CMP-006", "aurora")
    assert result.status is Status.PASS
    assert result.findings[0].observed == "5 secrets of development are described in full"


def test_it_needs_no_key(store, run_check):
    (store / "keys" / "tenant_keys" / "aurora.key").unlink()
    assert run_check(store, "CMP-006", "aurora").status is Status.PASS


def test_a_secret_without_an_entry_fails_and_the_fix_describes_it(store, run_check, failure):
    custodian = Custodian(str(store))
    custodian.seal("aurora", "development", {"NEW_TOKEN": b"new"})
    finding = failure(run_check(store, "CMP-006", "aurora"))
    assert finding.resource == "aurora/development/NEW_TOKEN"
    assert finding.fix == f"sealproof manifest aurora --root {store}"
    describe_missing(custodian.store, "aurora", ["NEW_TOKEN"], owner="x", purpose="x", rotation_days=90)
    assert run_check(store, "CMP-006", "aurora").status is Status.PASS


def test_no_manifest_at_all_fails_for_every_secret(store, manifest, run_check, failures):
    manifest.unlink()
    assert len(failures(run_check(store, "CMP-006", "aurora"))) == 5


@pytest.mark.parametrize(
    "case",
    [
        (r"owner = .*\n", "", "owner"),
        (r"class = .*\n", "", "class"),
        (r"purpose = .*\n", "", "purpose"),
        (r"purpose = .*\n", 'purpose = "  "\n', "purpose"),
        (r"rotation = .*\n", "", "rotation"),
        (r"rotation = .*\n", 'rotation = "none"\n', "reason (rotation is none)"),
        (r"expires = .*\n", "", "expires"),
    ],
)
def test_each_missing_field_is_named(store, manifest, run_check, failure, case):
    pattern, to, gap = case
    change(manifest, "DB_PASSWORD", pattern, to)
    finding = failure(run_check(store, "CMP-006", "aurora"))
    assert finding.resource == "aurora/development/DB_PASSWORD"
    assert finding.observed == f"its entry lacks {gap}"
    assert finding.fix == f"set {gap} under [DB_PASSWORD] in {manifest}"


def test_an_orphan_fails_and_the_fix_prunes_it(store, run_check, failure):
    custodian = Custodian(str(store))
    custodian.remove("aurora", "development", "DB_PASSWORD")
    finding = failure(run_check(store, "CMP-006", "aurora"))
    assert finding.resource == "tenants/aurora/manifest.toml [DB_PASSWORD]"
    assert finding.fix == f"sealproof manifest aurora --prune --root {store}"
    assert prune_orphans(custodian.store, "aurora") == ["DB_PASSWORD"]
    assert run_check(store, "CMP-006", "aurora").status is Status.PASS


def test_a_secret_of_another_environment_is_no_orphan(store, run_check):
    custodian = Custodian(str(store))
    custodian.seal("aurora", "production", {"DB_PASSWORD": b"elsewhere"})
    custodian.remove("aurora", "development", "DB_PASSWORD")
    assert run_check(store, "CMP-006", "aurora").status is Status.PASS
    assert run_check(store, "CMP-006", Scope("aurora", "production")).status is Status.PASS


def test_orphans_are_unknown_where_another_environment_cannot_be_read(store, run_check):
    custodian = Custodian(str(store))
    custodian.seal("aurora", "production", {"DB_PASSWORD": b"elsewhere"})
    (store / "tenants" / "aurora" / ".env.production.enc").write_bytes(b"torn")
    result = run_check(store, "CMP-006", "aurora")
    assert result.status is Status.NOT_EVALUATED
    assert "orphans are unknown" in result.findings[0].reason


@pytest.mark.parametrize(("expires", "status"), [("2027-01-14", Status.FAIL), ("2027-01-15", Status.PASS)])
def test_an_entry_is_good_to_the_end_of_its_day(store, manifest, run_check, expires, status):
    change(manifest, "DB_PASSWORD", r'expires = "never"', f"expires = {expires}")
    assert run_check(store, "CMP-006", "aurora", now=NOON).status is status


def test_rotation_values_need_no_entry(store, run_check):
    keeper = Custodian(str(store))
    keeper.edit(keeper.open("aurora", "development"), changes={"DB_PASSWORD.pending": b"next"}, removals=())
    assert run_check(store, "CMP-006", "aurora").status is Status.PASS


def test_nothing_to_describe_is_not_applicable(store, manifest, run_check):
    Custodian(str(store)).seal("aurora", "development", {}, remove_others=True)
    manifest.unlink()
    assert run_check(store, "CMP-006", "aurora").status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("text", ["not = [toml", '[DB_PASSWORD]\ncolour = "red"\n'])
def test_a_manifest_that_cannot_be_read_is_no_evidence(store, manifest, run_check, text):
    manifest.write_text(text)
    assert run_check(store, "CMP-006", "aurora").status is Status.NOT_EVALUATED
