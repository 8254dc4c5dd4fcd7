"""The fixes that findings offer: typed as they stand, they make the check pass."""

from __future__ import annotations

import re
import shlex
import time

import pytest

from sealproof.checks.context import Context
from sealproof.checks.fixes import command
from sealproof.checks.survey import Survey
from sealproof.checks.target import Target, TargetSpec
from sealproof.cli.main import dispatch
from sealproof.compliance import catalogue
from sealproof.envelope import seal as sealing
from sealproof.findings import Scope, Status
from sealproof.vault.custodian import DAY, Custodian


def context(root: str) -> Context:
    return Context(catalogue.load().checks["SEC-001"], Scope(), Target(TargetSpec(root)), None, Survey())


def type_in(fix: str) -> None:
    """Run every command of a fix as the command line would."""
    for step in fix.split(" && "):
        program, *words = shlex.split(step)
        assert program == "sealproof"
        assert dispatch(words) == 0


def test_the_root_is_named_only_where_it_is_not_the_usual_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("secrets", "my store"):
        (tmp_path / name).mkdir()
    assert command(context("secrets"), "key", "rewrap", "aurora") == "sealproof key rewrap aurora"
    assert command(context("my store"), "init") == "sealproof init --root 'my store'"


@pytest.fixture
def usual_place(store, monkeypatch):
    """The project's directory as the working directory: the store is at `secrets`."""
    monkeypatch.chdir(store.parent)
    return Custodian("secrets")


def test_set_generate_mends_weak_shared_and_old_values(usual_place, run_check, failures):
    usual_place.seal("aurora", "development", {"DB_PASSWORD": b"changeme", "API_TOKEN": b"x"})
    usual_place.seal("borealis", "development", {"API_TOKEN": b"x"})
    for finding in failures(run_check("secrets", "SEC-018", "aurora")).values():
        assert "--root" not in finding.fix
        type_in(finding.fix)
    assert run_check("secrets", "SEC-018", "aurora").status is Status.PASS


def test_set_generate_mends_an_old_value(usual_place, run_check, failures):
    long_ago = Custodian("secrets", clock=lambda: time.time() - 91 * DAY)
    long_ago.seal("aurora", "development", {"DB_PASSWORD": b"old-as-the-hills"})
    for finding in failures(run_check("secrets", "ROT-001", "aurora")).values():
        type_in(finding.fix)
    assert run_check("secrets", "ROT-001", "aurora").status is Status.PASS


def test_manifest_describes_and_prunes(usual_place, run_check, failures):
    usual_place.seal("aurora", "development", {"NEW_TOKEN": b"new"})
    usual_place.remove("aurora", "development", "DB_PASSWORD")
    findings = failures(run_check("secrets", "CMP-006", "aurora"))
    assert len(findings) == 2
    for finding in findings.values():
        type_in(finding.fix)
    assert run_check("secrets", "CMP-006", "aurora").status is Status.PASS


def test_key_rewrap_raises_the_cost(usual_place, store, run_check, failure):
    ledger = store / "keys" / "tenant_keys" / "aurora.key"
    ledger.write_text(re.sub(r'"iterations":\d+', '"iterations":7', ledger.read_text()))
    finding = failure(run_check("secrets", "SEC-010"))
    type_in(finding.fix)
    assert run_check("secrets", "SEC-010").status is Status.PASS


def test_key_rotate_mends_repeated_nonces_and_old_keys(usual_place, run_check, failure):
    unlocked = usual_place.open("aurora", "development")
    data = sealing.edit(
        unlocked,
        changes={"DB_PASSWORD": b"one", "API_TOKEN": b"two"},
        writer=usual_place.keyring.signing_key("writer"),
        now=int(time.time()),
        random=bytes,
    )
    usual_place.store.write("aurora", "development", data, expected=unlocked.envelope.data)
    finding = failure(run_check("secrets", "SEC-005", "aurora"))
    type_in(finding.fix)
    for check in ("SEC-005", "ROT-002"):
        assert run_check("secrets", check, "aurora").status is Status.PASS


def test_init_brings_the_ignore_rules_back(usual_place, store, git, run_check, failure):
    git(store.parent, "init", "--quiet")
    for place in (store, store.parent):
        (place / ".gitignore").unlink(missing_ok=True)
    finding = failure(run_check("secrets", "SEC-007"))
    type_in(finding.fix)
    assert run_check("secrets", "SEC-007").status is Status.PASS
