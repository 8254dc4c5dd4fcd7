"""Settings by their known names: the file, then the environment; unknown or out of range is an error that names it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from sealproof.errors import ConfigurationError
from sealproof.settings import Settings, load

KNOWN = {
    "KEY_DERIVATION_ITERATIONS": 100_000, "ENCRYPTION_ALGORITHM": "AES-256-GCM", "ROTATION_INTERVAL_DAYS": 90,
    "COMPLIANCE_LEVEL": "", "AUDIT_RETENTION_DAYS": 365, "MAX_ACCESS_ATTEMPTS": 5, "SECURITY_ALERTS_ENABLED": True,
    "VIOLATION_THRESHOLD": 3, "ALERT_WEBHOOK_URL": "", "ALERT_LOG_PATH": "", "AUDIT_LOG_PATH": "", "LOG_LEVEL": "INFO",
    "METRICS_ENABLED": True, "PROMETHEUS_PORT": 9090,
}  # fmt: skip


def test_the_known_names_have_the_known_defaults():
    settings = load("", {})
    assert settings == Settings()
    for name, value in KNOWN.items():
        assert getattr(settings, name.lower()) == value


def test_every_setting_but_the_profile_may_come_by_variable():
    text = {int: "1000", str: "x", bool: "false"}
    assert {field.name for field in fields(Settings)} >= {name.lower() for name in KNOWN}
    assert load("", {"PROFILE": "strict"}).profile == ""
    assert load("", {"MAX_ACCESS_ATTEMPTS": text[int]}).max_access_attempts == 1000
    assert load("", {"AUDIT_LOG_PATH": text[str]}).audit_log_path == "x"
    assert load("", {"METRICS_ENABLED": text[bool]}).metrics_enabled is False


def test_the_environment_wins():
    assert load("prometheus_port = 9091", {"PROMETHEUS_PORT": " 9092 "}).prometheus_port == 9092
    assert load('profile = "strict"', {}).profile == "strict"


@pytest.mark.parametrize("text", ["true", "1", "Yes", "ON "])
def test_yes_is_spelled_in_several_ways(text):
    assert load("security_alerts_enabled = false", {"SECURITY_ALERTS_ENABLED": text}).security_alerts_enabled is True


@pytest.mark.parametrize("text", ["false", "0", "No", " off"])
def test_so_is_no(text):
    assert load("", {"SECURITY_ALERTS_ENABLED": text}).security_alerts_enabled is False


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("KEY_DERIVATION_ITERATIONS", "99999"),
        ("KEY_DERIVATION_ITERATIONS", "10000001"),
        ("KEY_DERIVATION_ITERATIONS", "1e6"),
        ("KEY_DERIVATION_ITERATIONS", "\u0661\u0660\u0660\u0660\u0660\u0660"),
        ("KEY_DERIVATION_ITERATIONS", "9" * 5000),
        ("ENCRYPTION_ALGORITHM", "AES-128-GCM"),
        ("ENCRYPTION_ALGORITHM", ""),
        ("ROTATION_INTERVAL_DAYS", "0"),
        ("ROTATION_INTERVAL_DAYS", "-1"),
        ("COMPLIANCE_LEVEL", "gdpr"),
        ("LOG_LEVEL", "LOUD"),
        ("PROMETHEUS_PORT", "65536"),
        ("METRICS_ENABLED", "perhaps"),
        ("MAX_ACCESS_ATTEMPTS", ""),
    ],
)
def test_a_variable_out_of_range_is_named(name, text):
    with pytest.raises(ConfigurationError, match=rf"^{name} cannot be ") as caught:
        load("", {name: text})
    assert caught.value.names == (name,)
    assert caught.value.hint.startswith("allowed: ")
    assert len(caught.value.message) < 120


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rotation_interval_dys = 1", "rotation_interval_dys"),
        ("MASTER_SECRET_KEY = 'x'", "MASTER_SECRET_KEY"),
        ("rotation_interval_days = '90'", "ROTATION_INTERVAL_DAYS"),
        ("rotation_interval_days = true", "ROTATION_INTERVAL_DAYS"),
        ("metrics_enabled = 1", "METRICS_ENABLED"),
        ("profile = 'lenient'", "PROFILE"),
        ("[rotation_interval_days]", "ROTATION_INTERVAL_DAYS"),
        ("not toml", "sealproof.toml"),
        ("x = " + "9" * 5000, "sealproof.toml"),
        ("x = " + "[" * 5000, "sealproof.toml"),
    ],
)
def test_a_file_that_is_wrong_is_named(text, named):
    with pytest.raises(ConfigurationError) as caught:
        load(text, {})
    assert caught.value.names == (named,)


def test_an_address_that_may_hold_a_secret_is_not_quoted():
    with pytest.raises(ConfigurationError, match="cannot be that text") as caught:
        load("alert_webhook_url = ['https://hooks.example/T0/hunter2']", {})
    assert "hunter2" not in caught.value.message
