"""SEC-004, on exchanged files and on libraries that bind less than they should."""

from __future__ import annotations

import shutil

import pytest

from sealproof.envelope import cipher
from sealproof.envelope import open as opening
from sealproof.findings import Status
from sealproof.vault.custodian import Custodian

PATH = "tenants/aurora/.env.enc"
SCRATCH = "scratch tenants"


def test_a_file_in_its_place_passes(store, run_check):
    result = run_check(store, "SEC-004", "aurora")
    assert (result.status, len(result.findings)) == (Status.PASS, 2)
    assert [item.name for item in result.inputs] == [PATH]


def test_it_needs_no_key(store, run_check):
    shutil.rmtree(store / "keys")
    assert run_check(store, "SEC-004", "aurora").status is Status.PASS


def test_another_tenants_file_fails_with_the_command_that_restores_it(store, run_check, failures, git):
    git(store.parent, "init", "-q")
    git(store.parent, "add", "-A")
    git(store.parent, "commit", "-qm", "sealed")
    shutil.copy(store / "tenants/borealis/.env.enc", store / PATH)
    finding = failures(run_check(store, "SEC-004", "aurora"))[PATH]
    assert finding.fix == f"git -C {store.parent.resolve()} checkout -- secrets/{PATH}"
    assert "borealis" not in f"{finding}"


def test_another_environments_file_fails(store, run_check, failures):
    Custodian(str(store)).seal("aurora", "staging", {"API_TOKEN": b"x"})
    shutil.copy(store / "tenants/aurora/.env.staging.enc", store / PATH)
    assert set(failures(run_check(store, "SEC-004", "aurora"))) == {PATH}


def test_a_file_that_does_not_parse_is_not_evaluated(store, run_check):
    (store / PATH).write_bytes(b"")
    assert run_check(store, "SEC-004", "aurora").status is Status.NOT_EVALUATED


def test_a_library_that_binds_no_name_fails(store, run_check, failures, monkeypatch):
    monkeypatch.setattr(cipher, "entry_aad", lambda prefix, *_: prefix)
    failing = failures(run_check(store, "SEC-004", "aurora"))
    assert failing[SCRATCH].observed.endswith("sealed values of two names exchanged: accepted")


def test_a_library_that_joins_without_lengths_fails(store, run_check, failures, monkeypatch):
    monkeypatch.setattr(cipher, "frame", lambda *fields: b"".join(fields))
    observed = failures(run_check(store, "SEC-004", "aurora"))[SCRATCH].observed
    assert "scratch-a/bc in the place of scratch-ab/c" in observed
    assert "scratch-b/development" not in observed


def test_a_library_that_binds_no_scope_fails(store, run_check, failures, monkeypatch):
    monkeypatch.setattr(cipher, "frame", lambda *fields: fields[0])
    observed = failures(run_check(store, "SEC-004", "aurora"))[SCRATCH].observed
    assert "scratch-b/development in the place of scratch-a/development" in observed


def test_a_library_that_lets_the_file_choose_its_scope_fails(store, run_check, failures, monkeypatch):
    steps = opening._steps_2_to_5
    monkeypatch.setattr(
        opening,
        "_steps_2_to_5",
        lambda envelope, *scope_and_keys: steps(envelope, envelope.tenant, envelope.environment, scope_and_keys[-1]),
    )
    assert "both keys in one key file" in failures(run_check(store, "SEC-004", "aurora"))[SCRATCH].observed


@pytest.mark.parametrize("tenant", ["aurora", "borealis"])
def test_no_other_tenant_of_the_store_is_named(store, run_check, tenant):
    other = {"aurora", "borealis"} - {tenant}
    text = " ".join(f"{finding}" for finding in run_check(store, "SEC-004", tenant).findings)
    assert not other & set(text.replace("/", " ").split())
