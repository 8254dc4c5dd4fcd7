"""CMP-010 and CMP-011: what is left of a tenant that was erased, and whether any copy of it opens."""

from __future__ import annotations

import shutil

import pytest

from sealproof.findings import Status
from sealproof.vault.canaries import Canary, enlist
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.erasure import Erasure
from sealproof.vault.records.interface import ERASURE, Record
from sealproof.vault.records.shelf import Shelf

from .conftest import DAY, NOON, SAM

ENVELOPE = "tenants/aurora/.env.enc"


@pytest.fixture
def kept(store, tmp_path):
    """What somebody kept of aurora: its file, its exported key and its key file."""
    copies = tmp_path / "kept"
    copies.mkdir()
    shutil.copy(store / ENVELOPE, copies / "file")
    shutil.copy(store / "keys" / "tenant_keys" / "aurora.key", copies / "wraps")
    lines = Custodian(str(store)).keyring.key_lines("aurora", "development")
    (copies / "key").write_text("".join(f"{line.to_line()}\n" for line in lines))
    return copies


@pytest.fixture
def erased(store, kept):
    enlist(str(store), "aurora", Canary("development", "API_TOKEN", NOON))
    Erasure(Custodian(str(store)), subject="root").erase("aurora", reason="the contract ended")
    return store


@pytest.mark.parametrize("check", ["CMP-010", "CMP-011"])
def test_a_store_that_erased_nobody_has_nothing_to_show(store, run_check, check):
    assert run_check(store, check).status is Status.NOT_APPLICABLE


def test_a_complete_erasure_passes(erased, run_check):
    result = run_check(erased, "CMP-010")
    assert (result.status, result.findings[0].observed) == (Status.PASS, "nothing of aurora is left")


@pytest.mark.parametrize(
    "path",
    [
        "tenants/aurora",
        "consumers/aurora",
        "keys/tenant_keys/aurora.key",
        "keys/audit/aurora/canaries",
        "keys/audit/aurora/subjects",
        "keys/audit/aurora/log.key",
    ],
)
def test_each_thing_that_is_left_is_named(erased, run_check, failures, path):
    (erased / path).parent.mkdir(parents=True, exist_ok=True)
    (erased / path).mkdir()
    assert path in failures(run_check(erased, "CMP-010"))


def test_a_sealed_file_under_another_name_is_found(erased, run_check, failure, kept):
    shutil.copy(kept / "file", erased / "tenants" / "borealis" / "old.bin")
    finding = failure(run_check(erased, "CMP-010"))
    assert finding.resource == "tenants/borealis/old.bin"


def test_a_tombstone_that_was_edited_is_refused(erased, run_check, failures):
    (path,) = (erased / "records" / "tombstone").iterdir()
    path.write_bytes(path.read_bytes().replace(b'"payload":"', b'"payload":"AAAA'))
    assert f"records/tombstone/{path.name}" in failures(run_check(erased, "CMP-010"))


def test_a_persons_record_counts_and_what_is_left_is_held_against_it(people, run_check, failures):
    record = Record(ERASURE, "sam", NOON - DAY, {"tenant": "aurora", "reference": "REQ-9"})
    Shelf(str(people)).add(record, SAM)
    assert {"tenants/aurora", "keys/tenant_keys/aurora.key"} <= failures(run_check(people, "CMP-010")).keys()


def test_shredded_keys_open_nothing(erased, run_check, kept):
    project = erased.parent
    shutil.copy(kept / "file", project / "copy.bin")
    result = run_check(erased, "CMP-011")
    assert result.status is Status.PASS
    assert [finding.observed for finding in result.findings] == [
        "2 keys, all destroyed",
        "none of 1 opens; keys found here and tried: 0",
    ]


def test_a_copy_in_history_is_tried(store, run_check, git, kept):
    project = store.parent
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "sealed")
    Erasure(Custodian(str(store)), subject="root").erase("aurora")
    result = run_check(store, "CMP-011")
    assert result.status is Status.PASS
    assert "none of 1 opens" in result.findings[-1].observed


def test_a_key_that_somebody_kept_opens_a_copy_and_fails(erased, run_check, failures, kept):
    project = erased.parent
    shutil.copy(kept / "file", project / "copy.bin")
    shutil.copy(kept / "key", project / "deploy.txt")
    found = failures(run_check(erased, "CMP-011"))
    assert found["copy.bin"].observed == "a copy of aurora's file still opens"


def test_a_copy_of_the_key_file_fails(erased, run_check, failures, kept):
    shutil.copy(kept / "wraps", erased.parent / "backup-of-keys")
    found = failures(run_check(erased, "CMP-011"))
    assert found["backup-of-keys"].observed == "a copy of aurora's key file"


def test_keys_that_came_back_are_not_destroyed(erased, run_check, failures, kept):
    shutil.copy(kept / "wraps", erased / "keys" / "tenant_keys" / "aurora.key")
    assert "keys of aurora" in failures(run_check(erased, "CMP-011"))
