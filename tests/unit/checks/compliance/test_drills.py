"""CMP-001 and CMP-015: events are caused, and a compromise is declared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealproof.checks import isolation
from sealproof.checks.compliance import _probes
from sealproof.cli.main import dispatch
from sealproof.findings import Scope as Place
from sealproof.findings import Status
from sealproof.reports.notice import pack
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.custodian import Custodian
from sealproof.vault.incident import Access, Affected, Scope, Unknown, scope_of
from sealproof.vault.store.local import LocalStore

READ = AuditRecord("billing", Established.UID, "read", Outcome.ALLOW, "development", "DB_PASSWORD", 1, "c0ffee01")
DENIED = READ._replace(subject="eve", outcome=Outcome.DENY, name="API_TOKEN", request="c0ffee02")


@pytest.fixture
def logged(store):
    """Aurora's log with two calls, and what both tenants say of their data."""
    for tenant in ("aurora", "borealis"):
        with AuditLog(str(store), tenant) as log:
            log.append((READ, DENIED))
        path = store / "tenants" / tenant / "manifest.toml"
        path.write_text(path.read_text() + '\n[tenant.processing]\ncategories = "listeners"\n')
    return store


@pytest.fixture
def fresh_probes():
    _probes.probed.cache_clear()
    yield
    _probes.probed.cache_clear()


def test_every_event_leaves_its_record(logged, run_check):
    result = run_check(logged, "CMP-001", "aurora")
    assert result.status is Status.PASS
    assert {finding.resource for finding in result.findings} == {
        *(probe.event for probe in _probes.PROBES), *_probes.LOG_EVENTS, "audit/aurora",
    }  # fmt: skip


FORGETFUL = """
from sealproof.vault import calls
line = calls._line
def forgetful(call, *more, **others):
    record = line(call, *more, **others)
    return record._replace(operation="nothing") if call.request.operation == "delete" else record
calls._line = forgetful
"""


def test_an_event_that_leaves_no_record_fails_by_its_name(logged, run_check, failures, fresh_probes, monkeypatch):
    """A manager that writes something else for a deletion."""
    monkeypatch.setattr(isolation, "PRELUDE", FORGETFUL)
    assert set(failures(run_check(logged, "CMP-001", "aurora"))) == {"deletion"}


def test_a_tenant_without_a_log_is_no_evidence(store, run_check):
    assert run_check(store, "CMP-001", "aurora").status is Status.NOT_EVALUATED


def test_the_drill_is_within_its_time_and_its_pack_is_whole(logged, run_check):
    result = run_check(logged, "CMP-015")
    assert result.status is Status.PASS
    assert "10 secrets of 2 tenants and 4 accesses" in result.findings[0].observed


def test_a_slow_drill_fails(logged, run_check, failures, monkeypatch):
    times = iter((0.0, 601.0))
    monkeypatch.setattr("sealproof.checks.compliance.compromise_scope.time.monotonic", lambda: next(times))
    assert "took 601 s" in failures(run_check(logged, "CMP-015"))["drill"].observed


def test_what_nobody_can_tell_is_no_evidence(store, run_check):
    result = run_check(store, "CMP-015")
    assert result.status is Status.NOT_EVALUATED
    assert any("who accessed aurora" in finding.reason for finding in result.findings)


def test_one_secret_narrows_the_scope(logged):
    scope = scope_of(LocalStore(str(logged)), ["aurora"], environment="development", name="API_TOKEN")
    assert [item.name for item in scope.affected] == ["API_TOKEN"]
    assert [(item.actor, item.outcome, item.name) for item in scope.accesses] == [("eve", "deny", "API_TOKEN")]
    assert scope.tenants == ("aurora",)
    assert scope.unknown == ()


def test_recipients_and_versions_are_named(logged):
    custodian = Custodian(str(logged))
    custodian.seal("aurora", "development", {"API_TOKEN": b"another value by now"})
    custodian.add_reader("aurora", "development", bytes([9]) + bytes(31))
    scope = scope_of(LocalStore(str(logged)), ["aurora"])
    assert {item.name: item.version for item in scope.affected}["API_TOKEN"] == 2
    assert scope.readers == ("aurora/development: 1 recipient of its own",)


def test_a_file_that_cannot_be_read_does_not_hide_the_others(logged):
    (logged / "tenants" / "aurora" / ".env.enc").write_bytes(b"torn")
    scope = scope_of(LocalStore(str(logged)), ["aurora", "borealis"])
    assert scope.tenants == ("borealis",)
    assert any("aurora/development" in item.what for item in scope.unknown)


_WRITTEN = {
    "no": '[tenant]\npersonal_data = false\nreason = "sounds"',
    "yes": '[tenant.processing]\ncategories = "names"',
}


@pytest.mark.parametrize("said", _WRITTEN)
def test_what_is_unknown_says_what_to_write_and_that_fills_it(logged, run_check, said):
    manifest = logged / "tenants" / "aurora" / "manifest.toml"
    kept = manifest.read_text().partition("[tenant")[0]
    manifest.write_text(kept)
    (unknown,) = [
        item for item in scope_of(LocalStore(str(logged)), ["aurora"]).unknown if "personal data" in item.what
    ]
    finding = next(item for item in run_check(logged, "CMP-015").findings if "personal data" in item.reason)
    assert finding.fix == unknown.fix
    path = unknown.fix.removeprefix("write into ").partition(": ")[0]
    for text in _WRITTEN[said].replace("names", "…").replace("sounds", "…").splitlines():
        assert text in unknown.fix
    Path(path).write_text(f"{kept}\n{_WRITTEN[said]}\n")
    assert scope_of(LocalStore(str(logged)), ["aurora"]).unknown == ()


def test_a_manifest_that_cannot_be_read_is_named_as_such(logged):
    (logged / "tenants" / "aurora" / "manifest.toml").write_text("[tenant]\npersonal_data = 3\n")
    told = {item.what: item.fix for item in scope_of(LocalStore(str(logged)), ["aurora"]).unknown}
    about = (
        "which personal data is in reach of aurora: tenants/aurora/manifest.toml: tenant.personal_data cannot be read"
    )
    assert told[about] == "allowed: true or false"


def test_the_command_writes_a_pack(logged, tmp_path, capsys):
    words = ["incident", "aurora", "--root", str(logged), "--output", str(tmp_path / "pack")]
    assert dispatch(words) == 0
    assert "affected: 5 secrets of 1 tenant, 2 recorded accesses" in capsys.readouterr().out
    document = json.loads((tmp_path / "pack" / "scope.json").read_bytes())
    assert document["tenants"] == ["aurora"]
    notice = (tmp_path / "pack" / "notice.md").read_text()
    assert "listeners" in notice
    assert "could read without a record" in notice
    assert (tmp_path / "pack" / "accesses.csv").read_text().count("\n") == 3
    assert dispatch(words) == 4
    assert dispatch(["incident", "--root", str(logged)]) == 4
    assert dispatch(["incident", "nobody", "--root", str(logged)]) == 4
    assert dispatch(["incident", "aurora", "--secret", "NOT_THERE", "--root", str(logged)]) == 4
    assert dispatch(["incident", "--all", "--json", "--root", str(logged)]) == 0


HOSTILE = "=cmd|' /C calc'!A1\n# [x](javascript:1) <b>\x1b[2J"


def test_hostile_texts_are_inert_in_the_pack():
    affected = Affected("acme", "production", "NAME", 1, "2027-01-01T00:00:00Z", HOSTILE, HOSTILE)
    access = Access("2027-01-01T00:00:00Z", HOSTILE, "read", "allow", "acme", "production", HOSTILE, 1, "r")
    files = pack(
        Scope(HOSTILE, (affected,), (access,), (HOSTILE,), (HOSTILE,), (Unknown(HOSTILE, HOSTILE),)), known_at=0
    )
    for name in ("notice.md", "secrets.csv", "accesses.csv"):
        assert b"\x1b" not in files[name]
    assert b"\n# [x]" not in files["notice.md"]
    assert b"<b>" not in files["notice.md"]
    rows = files["secrets.csv"].decode().split("\r\n")
    assert len(rows) == 3
    assert ",'=cmd" in rows[1] or ",\"'=cmd" in rows[1]
    assert "72 hours" in files["notice.md"].decode().replace("\n", " ")


def test_the_drill_needs_a_tenant(tmp_path, run_check):
    (tmp_path / "tenants").mkdir()
    (tmp_path / "sealproof.toml").write_text("")
    assert run_check(tmp_path, "CMP-015", Place()).status is Status.NOT_APPLICABLE
