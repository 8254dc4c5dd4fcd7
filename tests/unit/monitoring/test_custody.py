"""Touch a canary through the manager that applications have, with real sinks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sealproof
from sealproof.errors import DataError, PolicyMissing
from sealproof.monitoring.custody import AdvancedSecretManager
from sealproof.monitoring.touches import touches
from sealproof.rotation.notify import CallableNotifier
from sealproof.settings import Settings
from sealproof.vault import canaries
from sealproof.vault.canaries import Canary
from sealproof.vault.inventory import this_user

from .conftest import CANARY, ENVIRONMENT, ORDINARY, TENANT, VALUE, told

ME = this_user()


def test_applications_get_the_manager_that_hears_canaries():
    assert sealproof.AdvancedSecretManager is AdvancedSecretManager
    assert sealproof.get_secret_manager.__module__ == AdvancedSecretManager.__module__


def test_a_read_canary_is_told_at_once_with_who_where_and_which_and_never_its_value(ask, receiver):
    before = time.time()
    assert ask(CANARY, settings=Settings(alert_webhook_url=receiver.url)) == VALUE
    (alert,) = receiver.got
    assert 0 <= time.time() - before < 60
    assert before <= alert.pop("at") <= time.time()
    detail, request = alert.pop("detail"), alert.pop("request")
    assert alert == {
        "source": "sealproof", "kind": "canary-touched", "tenant": TENANT, "environment": ENVIRONMENT,
        "name": CANARY, "subject": ME, "established": "uid", "operation": "read", "allowed": True,
        "host": socket.gethostname(), "process": os.getpid(), "program": alert["program"], "user": ME, "remote": "",
    }  # fmt: skip
    assert f"{ME} (uid) asked to read the canary {TENANT}/{ENVIRONMENT}/{CANARY} and was let" in detail
    assert request
    assert VALUE.encode() not in b"".join(receiver.raw)


def test_the_alarm_stands_in_the_signed_log_with_the_request_of_the_read(ask, receiver, root):
    ask(CANARY, settings=Settings(alert_webhook_url=receiver.url))
    records = told(root)[-3:]
    assert sorted(records) == [
        ("alert", "allow", ME, CANARY),
        ("alert.intent", "allow", ME, CANARY),
        ("read", "allow", ME, CANARY),
    ]


def test_a_refused_intruder_raises_the_alarm_and_his_claim_stands_as_a_claim(ask, receiver):
    assert ask(CANARY, user_id="mallory", settings=Settings(alert_webhook_url=receiver.url)) is None
    (alert,) = receiver.got
    assert (alert["subject"], alert["established"], alert["allowed"]) == ("mallory", "claimed", False)
    assert alert["user"] == ME, "what the operating system says is told beside the claim"
    assert "and was refused" in alert["detail"]


def test_breaking_glass_over_a_canary_raises_the_alarm(ask, receiver):
    ask(CANARY, break_glass=True, settings=Settings(alert_webhook_url=receiver.url))
    assert [alert["operation"] for alert in receiver.got] == ["break-glass"]


def test_a_request_that_nobody_could_decide_is_a_touch_all_the_same(root, receiver):
    Path(root, "policy.json").unlink()

    async def work():
        settings = Settings(alert_webhook_url=receiver.url)
        async with AdvancedSecretManager(TENANT, root=root, settings=settings) as manager:
            for name in (CANARY, ORDINARY):
                with pytest.raises(PolicyMissing):
                    await manager.get_secret(name)

    asyncio.run(work())
    (alert,) = receiver.got
    assert (alert["name"], alert["subject"], alert["allowed"]) == (CANARY, ME, False)
    assert ("read", "error", ME, CANARY) in told(root)
    (touch,) = touches(root, TENANT, canaries.listed(root, TENANT), within_s=60)
    assert touch.is_told


def test_a_canary_whose_file_does_not_open_is_one_alarm(root, receiver):
    path = Path(root, "tenants", TENANT, ".env.enc")
    path.write_bytes(path.read_bytes().replace(b'"sealed":"', b'"sealed":"AAAA', 1))

    async def work():
        settings = Settings(alert_webhook_url=receiver.url)
        async with AdvancedSecretManager(TENANT, root=root, settings=settings) as manager:
            with pytest.raises(DataError):
                await manager.get_secret(CANARY)

    asyncio.run(work())
    assert [alert["allowed"] for alert in receiver.got] == [True]


def test_ordinary_secrets_and_what_reads_no_value_raise_none(root, receiver):
    async def work():
        settings = Settings(alert_webhook_url=receiver.url)
        async with AdvancedSecretManager(TENANT, root=root, settings=settings) as manager:
            await manager.get_secret(ORDINARY)
            await manager.list_secrets()
            await manager.get_metadata(CANARY)
            await manager.get_versions(CANARY)
            await manager.set_secret(CANARY, "another-value-of-the-canary")

    asyncio.run(work())
    assert receiver.calls == 0
    assert not [record for record in told(root) if record[0].startswith("alert")]


def test_a_canary_of_another_environment_is_none_here(root, ask, receiver):
    canaries.strike(root, TENANT, ENVIRONMENT, CANARY)
    canaries.enlist(root, TENANT, Canary("production", CANARY, 1))
    ask(CANARY, settings=Settings(alert_webhook_url=receiver.url))
    assert receiver.calls == 0


def test_a_secret_that_becomes_a_canary_is_heard_by_a_manager_that_is_open(root, receiver):
    async def work():
        settings = Settings(alert_webhook_url=receiver.url)
        async with AdvancedSecretManager(TENANT, root=root, settings=settings) as manager:
            await manager.get_secret(ORDINARY)
            canaries.enlist(root, TENANT, Canary(ENVIRONMENT, ORDINARY, 1))
            await manager.get_secret(ORDINARY)

    asyncio.run(work())
    assert [alert["name"] for alert in receiver.got] == [ORDINARY]


def test_a_loop_over_a_canary_is_one_alarm_and_a_record_for_each_read(root, receiver):
    async def work():
        settings = Settings(alert_webhook_url=receiver.url)
        async with AdvancedSecretManager(TENANT, root=root, settings=settings) as manager:
            for _ in range(20):
                await manager.get_secret(CANARY)

    asyncio.run(work())
    assert len(receiver.got) == 1
    assert told(root).count(("read", "allow", ME, CANARY)) == 20


def test_a_function_and_a_file_are_told_the_same(ask, tmp_path):
    heard = []
    log = tmp_path / "alerts.jsonl"
    log.write_text('{"kind": "an earlier one"}\n')
    settings = Settings(alert_log_path=str(log))

    def add(manager):
        manager.notifiers = (CallableNotifier(heard.append),)

    assert ask(CANARY, settings=settings, prepare=add) == VALUE
    earlier, line = map(json.loads, log.read_text().splitlines())
    assert earlier == {"kind": "an earlier one"}
    assert line == {"source": "sealproof", **heard[0]._asdict()}


def test_with_alerts_off_only_the_log_knows(ask, receiver, root):
    settings = Settings(alert_webhook_url=receiver.url, security_alerts_enabled=False)
    assert ask(CANARY, settings=settings) == VALUE
    assert receiver.calls == 0
    assert ("alert", "error", ME, CANARY) in told(root)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/hook", "http://alerts.internal/hook"], ids=["nobody listens", "not over TLS"]
)
def test_a_dead_sink_neither_stops_nor_fails_the_read_and_the_log_says_so(ask, root, url):
    assert ask(CANARY, settings=Settings(alert_webhook_url=url)) == VALUE
    assert [record for record in told(root) if record[0] == "alert"] == [("alert", "error", ME, CANARY)]


def test_a_sink_that_hangs_does_not_hold_up_the_read(root, receiver):
    receiver.open.clear()

    async def work():
        settings = Settings(alert_webhook_url=receiver.url)
        async with AdvancedSecretManager(TENANT, root=root, settings=settings) as manager:
            value = await manager.get_secret(CANARY)
            was_told = bool(receiver.got)
            receiver.open.set()
            return value, was_told

    assert asyncio.run(work()) == (VALUE, False)
    assert len(receiver.got) == 1


def test_one_sink_that_fails_does_not_keep_the_alarm_from_the_others(ask, root, receiver, tmp_path):
    settings = Settings(alert_webhook_url=receiver.url, alert_log_path=str(tmp_path / "missing" / "alerts"))
    ask(CANARY, settings=settings)
    assert len(receiver.got) == 1, "told once, though the other sink was tried again"
    assert ("alert", "error", ME, CANARY) in told(root)


def test_a_list_that_cannot_be_read_is_an_alarm_of_its_own_and_the_read_goes_on(ask, root, receiver):
    Path(root, "keys/audit", TENANT, "canaries").write_text("nonsense\n")
    assert ask(ORDINARY, settings=Settings(alert_webhook_url=receiver.url)) is not None
    (alert,) = receiver.got
    assert (alert["kind"], alert["name"]) == ("canaries-unreadable", "")
    assert "line 1" in alert["detail"]


INTRUDER = """
import asyncio, os, sys
from sealproof import get_secret_manager

async def steal():
    manager = await get_secret_manager("acme", root=sys.argv[1])
    return await manager.get_secret(sys.argv[2])

value = asyncio.run(steal())
print(len(value))
"""


def intrude(root: str, url: str, script: str = INTRUDER, name: str = CANARY) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SEALPROOF_", "MASTER_"))}
    environment = kept | {"ALERT_WEBHOOK_URL": url, "SSH_CONNECTION": "203.0.113.9 50122 192.0.2.1 22"}
    command = [sys.executable, "-c", script, root, name]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_process_that_reads_and_ends_without_closing_anything_is_told_of_and_notices_nothing(root, receiver):
    ended = intrude(root, receiver.url)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{len(VALUE)}\n", "")
    (alert,) = receiver.got
    assert alert["remote"] == "203.0.113.9"
    assert "from 203.0.113.9" in alert["detail"]


def test_a_sink_that_fails_once_is_told_before_the_process_ends(root, receiver):
    receiver.answers = [503]
    assert intrude(root, receiver.url).returncode == 0
    assert len(receiver.got) == 1
    assert ("alert", "allow", ME, CANARY) in told(root)


def test_with_a_dead_webhook_an_intruder_sees_nothing_either(root):
    ended = intrude(root, "http://127.0.0.1:1/hook")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{len(VALUE)}\n", "")


def test_a_process_that_is_killed_at_once_leaves_the_read_in_the_log(root, receiver):
    receiver.open.clear()
    script = INTRUDER + f"\nos.kill(os.getpid(), {int(signal.SIGKILL)})\n"
    assert intrude(root, receiver.url, script).returncode == -signal.SIGKILL
    assert ("read", "allow", ME, CANARY) in told(root)
    assert not [record for record in told(root) if record[0] == "alert"]
