"""Alerts that do not come out of custody: who reads with the key in hand, and who reports what he saw elsewhere."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sealproof.monitoring.alert import Kind
from sealproof.monitoring.custody import AdvancedSecretManager, get_secret_manager
from sealproof.monitoring.reporting import alert_by_hand, delivery_of, read_by_hand
from sealproof.vault.inventory import this_user

from .conftest import CANARY, ENVIRONMENT, ORDINARY, TENANT, told


@pytest.fixture
def sink(root, receiver, monkeypatch):
    """The webhook that the environment names, as it would in production."""
    monkeypatch.setenv("ALERT_WEBHOOK_URL", receiver.url)
    return receiver


def wait_for(receiver, count):
    gate = threading.Event()
    for _ in range(400):
        if len(receiver.got) >= count:
            return
        gate.wait(0.05)


def test_a_canary_that_is_read_with_the_key_in_hand_is_told(root, sink):
    read_by_hand(root, TENANT, ENVIRONMENT, CANARY)
    wait_for(sink, 1)
    (alert,) = sink.got
    assert (alert["kind"], alert["subject"], alert["established"]) == ("canary-touched", this_user(), "uid")


def test_an_ordinary_secret_is_not(root, sink):
    read_by_hand(root, TENANT, ENVIRONMENT, ORDINARY)
    assert not [record for record in told(root) if record[0].startswith("alert")]
    assert sink.calls == 0


def test_a_report_is_brought_at_once_and_stands_in_the_log(root, sink):
    alert = alert_by_hand(Kind.SEEN, TENANT, ENVIRONMENT, CANARY, "it turned up at the mail service")
    assert delivery_of(root, TENANT).bring(alert)
    assert [got["detail"] for got in sink.got] == ["it turned up at the mail service"]
    assert told(root)[-2:] == [("alert.intent", "allow", this_user(), CANARY), ("alert", "allow", this_user(), CANARY)]


def test_one_manager_a_loop_is_the_one_that_hears(root, sink):
    async def work():
        manager = await get_secret_manager(TENANT, root=root)
        assert await get_secret_manager(TENANT, root=root) is manager
        await manager.get_secret(CANARY)
        await asyncio.to_thread(manager.close)
        return manager

    assert isinstance(asyncio.run(work()), AdvancedSecretManager)
    assert len(sink.got) == 1
