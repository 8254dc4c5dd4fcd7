"""Where something happened, and what of it may be believed."""

from __future__ import annotations

import json
import os
import stat
import sys
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import ConfigurationError, FileUnavailable, UnsafeFile
from sealproof.monitoring.alert import here, remote_of
from sealproof.monitoring.sinks import FileNotifier, sinks_of
from sealproof.settings import Settings

from .test_delivery import ALERT


@pytest.mark.parametrize(
    ("connection", "remote"),
    [
        ("203.0.113.9 50122 192.0.2.1 22", "203.0.113.9"),
        ("2001:db8::5 50122 2001:db8::1 22", "2001:db8::5"),
        ("fe80::1%eth0 50122 fe80::2%eth0 22", "fe80::1"),
        ("", ""),
        ("attacker.example 1 2 3", ""),
        ("$(id) 1 2 3", ""),
        ("203.0.113.9\n50122", ""),
    ],
)
def test_the_clients_address_is_taken_from_sshd_and_nothing_else_is(connection, remote):
    assert remote_of(connection) == remote


@given(st.text())
def test_whatever_stands_there_the_answer_is_an_address_or_nothing(text):
    remote = remote_of(text)
    assert not remote or str(ip_address(remote)) == remote


@pytest.mark.parametrize(
    ("argv", "program"),
    [
        (["/opt/app/bin/gunicorn", "--password=hunter2"], "gunicorn"),
        (["-c"], "python… -c"),
        ([], "python…"),
        (["/srv/\x1b[2Jevil"], "?[2Jevil"),
    ],
)
def test_the_program_is_named_without_arguments_and_cannot_drive_a_terminal(monkeypatch, argv, program):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3.11")
    assert here({}).program == program.replace("python…", "python3.11")


def test_the_file_is_private_and_holds_a_line_each(tmp_path):
    path = tmp_path / "alerts"
    for _ in range(2):
        FileNotifier(str(path)).notify(ALERT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [json.loads(line)["kind"] for line in path.read_text().splitlines()] == ["canary-touched"] * 2


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path):
    (tmp_path / "alerts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileUnavailable):
        FileNotifier(str(tmp_path / "alerts")).notify(ALERT)
    assert not (tmp_path / "elsewhere").exists()


def test_a_pipe_in_the_place_of_the_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "alerts")
    reading = os.open(tmp_path / "alerts", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(UnsafeFile):
            FileNotifier(str(tmp_path / "alerts")).notify(ALERT)
    finally:
        os.close(reading)


def test_a_relative_path_counts_from_the_store(tmp_path):
    (sink,) = sinks_of(Settings(alert_log_path="alerts.jsonl"), str(tmp_path))
    sink.notify(ALERT)
    assert (tmp_path / "alerts.jsonl").exists()


def test_the_settings_name_the_sinks_those_on_this_host_first(tmp_path):
    settings = Settings(alert_log_path=str(tmp_path / "alerts"), alert_webhook_url="https://hooks.example/T0/secret")
    assert [type(sink).__name__ for sink in sinks_of(settings, "secrets")] == ["FileNotifier", "WebhookNotifier"]
    assert "T0" not in repr(sinks_of(settings, "secrets"))
    assert not sinks_of(Settings(), "secrets")
    assert not sinks_of(Settings(alert_log_path="x", security_alerts_enabled=False), "secrets")
    with pytest.raises(ConfigurationError):
        sinks_of(Settings(alert_webhook_url="http://alerts.internal/hook"), "secrets")
