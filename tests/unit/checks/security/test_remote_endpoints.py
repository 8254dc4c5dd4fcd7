"""SEC-021, on addresses and switches that are right, and that are not."""

from __future__ import annotations

import pytest

from sealproof.checks.security.remote_endpoints import fault_of
from sealproof.findings import Severity, Status


def test_nothing_configured_does_not_apply(store, run_check, monkeypatch):
    monkeypatch.delenv("PGSSLMODE", raising=False)
    assert run_check(store, "SEC-021").status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    "address",
    [
        "https://alerts.internal/hook",
        "http://127.0.0.1:9093/",
        "http://[::1]/",
        "http://localhost/",
        "unix:/run/x",
        "/run/x",
    ],
)
def test_an_encrypted_or_local_address_passes(store, run_check, monkeypatch, address):
    monkeypatch.setenv("VAULT_ADDR", address)
    assert run_check(store, "SEC-021").status is Status.PASS


@pytest.mark.parametrize(
    "address",
    ["http://alerts.internal/hook", "http://user:sesame@10.0.0.1/", "ftp://x/", "http://[bad", "tcp://10.0.0.1"],
)
def test_a_plain_address_fails_and_is_not_quoted(store, run_check, failure, monkeypatch, address):
    monkeypatch.setenv("VAULT_ADDR", address)
    result = run_check(store, "SEC-021")
    assert (result.status, result.severity) == (Status.FAIL, Severity.HIGH)
    assert failure(result).resource == "VAULT_ADDR"
    assert "sesame" not in repr(result)


def test_the_address_of_alerts_is_looked_at(store, run_check, failure):
    settings = store / "sealproof.toml"
    settings.write_text(settings.read_text() + 'alert_webhook_url = "http://alerts.internal/hook"\n')
    assert failure(run_check(store, "SEC-021")).resource == "alert_webhook_url"


@pytest.mark.parametrize(
    ("name", "value"),
    [("VAULT_SKIP_VERIFY", "true"), ("PYTHONHTTPSVERIFY", "0"), ("GIT_SSL_NO_VERIFY", "1"), ("PGSSLMODE", "prefer")],
)
def test_a_switch_that_turns_verification_off_fails(store, run_check, failure, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert failure(run_check(store, "SEC-021")).resource == name


def test_no_address_at_all_is_wrong():
    assert fault_of("not an address")
