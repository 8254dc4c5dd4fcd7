"""What is due is rotated once however often one asks; people hear of what comes, what ends and what fails."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sealproof import AutoRotationScheduler
from sealproof.errors import CallerError, ConfigurationError, InvalidValue, UnknownSecret
from sealproof.loader.secret import Secret
from sealproof.rotation.custody import AdvancedSecretManager
from sealproof.rotation.notify import CallableNotifier, WebhookNotifier
from sealproof.rotation.plan import Plan
from sealproof.rotation.states import State
from sealproof.rotation.targets.interface import Capabilities
from sealproof.rotation.targets.nothing import NoTarget
from sealproof.vault.custodian import Custodian
from sealproof.vault.inventory import describe_missing
from sealproof.vault.journal import Journal

from .bench import ENVIRONMENT, TENANT

DAY = 86_400
ALONE = 'target = "none"\n'


class Clock:
    """A time that tests move."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def described(store) -> str:
    custodian = Custodian(store)
    describe_missing(
        custodian.store, TENANT, ["COOKIE_KEY", "LOG_LEVEL"], owner="platform", purpose="tests", rotation_days=90
    )
    Path(store, f"tenants/{TENANT}/rotation.toml").write_text(f"[{ENVIRONMENT}.COOKIE_KEY]\n{ALONE}", encoding="utf-8")
    return store


@pytest.fixture
def clock(described) -> Clock:
    return Clock(Custodian(described).envelope(TENANT, ENVIRONMENT).saved)


@pytest.fixture
def told() -> list:
    return []


@pytest.fixture
def scheduler(described, clock, told):
    made = AutoRotationScheduler(TENANT, root=described, clock=clock, notifiers=[CallableNotifier(told.append)])
    yield made
    made.close()


async def until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for knows nothing of events
            await asyncio.sleep(0.01)


def run(scheduler, **options) -> list[tuple[str, str]]:
    return [(one.name, one.did) for one in asyncio.run(scheduler.run_due(**options))]


def test_nothing_is_due_in_a_young_store(scheduler):
    assert run(scheduler) == []


def test_what_is_due_is_rotated_once_however_often_one_asks(scheduler, clock):
    clock.now += 90 * DAY
    assert run(scheduler) == [("COOKIE_KEY", "rotated")]
    assert run(scheduler) == []


def test_configuration_is_never_due(scheduler, clock):
    clock.now += 900 * DAY
    assert "LOG_LEVEL" not in dict(run(scheduler))


def test_a_schedule_of_its_own_comes_before_the_manifest_and_is_kept(scheduler, described, clock):
    made = scheduler.schedule_rotation("COOKIE_KEY", timedelta(days=7), "immediate")
    assert (made.every_s, made.strategy) == (7 * DAY, "immediate")
    clock.now += 7 * DAY
    again = AutoRotationScheduler(TENANT, root=described, clock=clock)
    assert run(again) == [("COOKIE_KEY", "rotated")]
    again.close()


def test_a_schedule_may_be_awaited_and_given_in_days(scheduler):
    async def schedule():
        return await scheduler.schedule_rotation("COOKIE_KEY", 30)

    assert asyncio.run(schedule()).every_s == 30 * DAY


NO_INTERVALS = [0, -1, timedelta(0), timedelta(days=-1), float("nan"), float("inf"), 1e300, "30", True, timedelta.max]


@pytest.mark.parametrize("interval", NO_INTERVALS, ids=str)
def test_what_is_no_interval_is_refused_and_the_one_before_is_kept(scheduler, described, clock, interval):
    scheduler.schedule_rotation("COOKIE_KEY", 7)
    with pytest.raises(CallerError, match="is no interval between rotations"):
        scheduler.schedule_rotation("COOKIE_KEY", interval)
    clock.now += 7 * DAY
    assert run(scheduler) == [("COOKIE_KEY", "rotated")]


@pytest.mark.parametrize(
    "text",
    [
        "not json", "[]", '{"development/COOKIE_KEY": 7}', '{"development/COOKIE_KEY": {"every_s": 7}}',
        '{"development/COOKIE_KEY": {"every_s": NaN, "strategy": ""}}',
        '{"development/COOKIE_KEY": {"every_s": "7", "strategy": ""}}',
        '{"development/COOKIE_KEY": {"every_s": 7, "strategy": "sideways"}}',
        '{"development/COOKIE_KEY": {"every_s": 7, "strategy": "", "more": 1}}',
    ],
)  # fmt: skip
def test_a_schedule_that_is_none_is_named_and_left_as_it_is(scheduler, described, text):
    path = f"{described}/tenants/{TENANT}/schedule.json"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    with pytest.raises(ConfigurationError, match=r"schedule\.json is no schedule"):
        run(scheduler)
    with pytest.raises(ConfigurationError):
        scheduler.schedule_rotation("COOKIE_KEY", 7)
    with open(path, encoding="utf-8") as file:
        assert file.read() == text


def test_an_unknown_secret_is_not_scheduled(scheduler):
    with pytest.raises(UnknownSecret):
        scheduler.schedule_rotation("NOBODY", 30)


def test_a_maintenance_window_is_waited_for(described, clock):
    clock.now = datetime(2027, 6, 2, 12, 0, tzinfo=UTC).timestamp()  # a Wednesday
    scheduler = AutoRotationScheduler(TENANT, root=described, clock=clock, windows=["sat,sun 01:00-05:00"])
    assert run(scheduler) == [("COOKIE_KEY", "window")]
    clock.now = datetime(2027, 6, 5, 1, 0, tzinfo=UTC).timestamp()
    assert run(scheduler) == [("COOKIE_KEY", "rotated")]
    scheduler.close()


def test_people_hear_of_a_rotation_before_and_after_it_and_only_once(scheduler, clock, told):
    clock.now += 89 * DAY - 60
    assert run(scheduler) == []
    clock.now += 60
    assert run(scheduler) == [("COOKIE_KEY", "told")]
    assert run(scheduler) == []
    clock.now += DAY
    assert run(scheduler) == [("COOKIE_KEY", "rotated")]
    assert [notice.kind for notice in told] == ["upcoming", "starting", "finished"]


def test_an_expiring_secret_alerts_before_it_expires_once_for_each_threshold(scheduler, described, clock, told):
    path = f"{described}/tenants/{TENANT}/manifest.toml"
    end = datetime.fromtimestamp(clock.now + 40 * DAY, UTC).date()
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace('expires = "never"', f"expires = {end}", 1))
    assert run(scheduler) == []
    heard = []
    for _ in range(44):
        clock.now += DAY
        run(scheduler)
        heard += [notice.detail for notice in told if notice.kind == "expiring"]
        told.clear()
    assert [detail.rpartition("in ")[2] for detail in heard[:-1]] == [
        "30 days", "14 days", "7 days", "3 days", "1 days", "0 days",
    ]  # fmt: skip
    assert heard[-1] == f"ended on {end}"


def test_a_webhook_is_told_without_a_value(described, clock):
    got = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/hook"
        scheduler = AutoRotationScheduler(TENANT, root=described, clock=clock, notifiers=[WebhookNotifier(url)])
        clock.now += 90 * DAY
        assert run(scheduler) == [("COOKIE_KEY", "rotated")]
        scheduler.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [notice["kind"] for notice in got] == ["starting", "finished"]
    values = Custodian(described).open(TENANT, ENVIRONMENT).values()
    assert not [value for value in values.values() if len(value) > 8 and value.decode() in json.dumps(got)]


def test_a_webhook_that_is_away_does_not_stop_a_rotation(described, clock):
    notifier = WebhookNotifier("http://127.0.0.1:1/hook", deadline_s=1)
    scheduler = AutoRotationScheduler(TENANT, root=described, clock=clock, notifiers=[notifier])
    clock.now += 90 * DAY
    (outcome,) = asyncio.run(scheduler.run_due())
    scheduler.close()
    assert outcome.did == "rotated"
    assert "was not delivered" in outcome.detail


def test_nobody_is_said_to_be_told_by_a_webhook_that_is_away(described, clock):
    notifier = WebhookNotifier("http://127.0.0.1:1/hook", deadline_s=1)
    scheduler = AutoRotationScheduler(TENANT, root=described, clock=clock, notifiers=[notifier])
    clock.now += 89 * DAY
    for _ in range(2):
        assert run(scheduler) == [("COOKIE_KEY", "untold")]
    scheduler.close()


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://127.0.0.1/", "not a url", "http://[bad"])
def test_notices_travel_over_tls_or_loopback_only(url):
    with pytest.raises(ConfigurationError):
        WebhookNotifier(url)


def test_the_loop_rotates_and_ends_when_it_is_told(scheduler, clock):
    clock.now += 90 * DAY

    async def work():
        ended = asyncio.Event()
        task = asyncio.create_task(scheduler.run(every_s=0.01, jitter_s=0.01, until=ended))
        while scheduler.manager.custodian.envelope(TENANT, ENVIRONMENT).generation < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        ended.set()
        await asyncio.wait_for(task, 20)

    asyncio.run(work())


def test_the_loop_goes_on_after_a_round_that_failed_and_tells_people_once(scheduler, described, clock, told):
    path = f"{described}/tenants/{TENANT}/schedule.json"
    with open(path, "w", encoding="utf-8") as file:
        file.write("not json")

    async def work():
        ended = asyncio.Event()
        task = asyncio.create_task(scheduler.run(every_s=0.01, jitter_s=0.01, until=ended))
        await until(lambda: scheduler.problems)
        await asyncio.sleep(0.1)  # some rounds more
        assert scheduler.problems[""].endswith("schedule.json is no schedule")
        os.unlink(path)
        clock.now += 90 * DAY
        await until(lambda: [notice for notice in told if notice.kind == "finished"])
        ended.set()
        await asyncio.wait_for(task, 20)
        assert scheduler.problems == {}

    asyncio.run(work())
    assert [(notice.kind, notice.name) for notice in told] == [
        ("failed", ""), ("starting", "COOKIE_KEY"), ("finished", "COOKIE_KEY"),
    ]  # fmt: skip


def test_a_secret_that_cannot_be_rotated_is_told_once_by_the_loop(scheduler, described, clock, told):
    with open(f"{described}/tenants/{TENANT}/rotation.toml", "w", encoding="utf-8") as file:
        file.write('[development.COOKIE_KEY]\ntarget = "mysql"\nevery_days = 1\n')
    clock.now += 2 * DAY

    async def work():
        ended = asyncio.Event()
        task = asyncio.create_task(scheduler.run(every_s=0.01, jitter_s=0.01, until=ended))
        await until(lambda: told)
        await asyncio.sleep(0.1)  # some rounds more
        ended.set()
        await asyncio.wait_for(task, 20)

    asyncio.run(work())
    assert [(notice.kind, notice.name) for notice in told] == [("failed", "COOKIE_KEY")]
    assert "target cannot be used" in told[0].detail


def test_two_schedulers_at_once_rotate_once(described, clock):
    clock.now += 90 * DAY
    both = [AutoRotationScheduler(TENANT, root=described, clock=clock) for _ in range(2)]

    async def work():
        return await asyncio.gather(*(scheduler.run_due() for scheduler in both))

    outcomes = asyncio.run(work())
    for scheduler in both:
        scheduler.close()
    assert sorted(one.did for found in outcomes for one in found) in (["busy", "rotated"], ["rotated"])
    begun = [entry for entry in Journal(described).entries() if entry.event == "begin"]
    assert len(begun) == 1


@pytest.mark.parametrize("underway", [False, True])
def test_what_another_process_rotated_since_one_looked_is_not_rotated_again(described, clock, new_process, underway):
    """Two processes see the same secret due, or the same rotation under way; then one acts after the other."""
    clock.now += 90 * DAY
    if underway:
        waiting = Plan(target=Waiting(), poll_s=0)
        manager = AdvancedSecretManager(TENANT, root=described, clock=clock)
        assert asyncio.run(manager.rotate_secret("COOKIE_KEY", plan=waiting, wait=False)).state is State.TESTED
        manager.close()
    both = [new_process(described, TENANT, str(clock.now)) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "looked\n"
    answers = [json.loads(process.communicate("go\n", timeout=60)[0]) for process in both]
    assert answers == [[["COOKIE_KEY", "rotated"]], [["COOKIE_KEY", "busy"]]]
    begun = [entry for entry in Journal(described).entries() if entry.event == "begin"]
    assert len(begun) == 1


class Waiting(NoTarget):
    """No target, but one that takes its time: at the next look it is over."""

    def capabilities(self) -> Capabilities:
        return Capabilities(overlap=1, settle_s=3600, verifiable=False)


@pytest.fixture
def new_process():
    """Start a scheduler that waits between looking and acting; it ends with the test."""
    with ExitStack() as running:

        def start(*words: str) -> subprocess.Popen:
            command = [sys.executable, str(Path(__file__).with_name("slow_scheduler.py")), *words]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            process = running.enter_context(subprocess.Popen(command, text=True, **pipes))
            running.callback(process.kill)
            return process

        yield start


UNNAMED = ["", f"[{ENVIRONMENT}.COOKIE_KEY]\nevery_days = 30\n"]


@pytest.mark.parametrize("table", UNNAMED, ids=["no table", "no target"])
def test_what_has_no_target_is_left_to_a_person_who_is_told_once(scheduler, described, clock, told, table):
    Path(described, f"tenants/{TENANT}/rotation.toml").write_text(table, encoding="utf-8")
    before = Custodian(described).open(TENANT, ENVIRONMENT).values()
    clock.now += 100 * DAY
    for _ in range(2):
        (outcome,) = asyncio.run(scheduler.run_due())
        assert (outcome.name, outcome.did) == ("COOKIE_KEY", "needs-human")
        assert "sealproof rotate COOKIE_KEY --tenant acme --environment development --paste" in outcome.detail
    assert [(notice.kind, notice.name) for notice in told] == [("needs-human", "COOKIE_KEY")]
    assert Custodian(described).open(TENANT, ENVIRONMENT).values() == before


def test_who_rotates_by_hand_hears_of_it_before(scheduler, described, clock, told):
    os.unlink(f"{described}/tenants/{TENANT}/rotation.toml")
    clock.now += 89 * DAY
    assert run(scheduler) == [("COOKIE_KEY", "told")]
    assert told[0].detail.startswith("has to be rotated by hand by ")


def test_what_was_scheduled_by_its_name_needs_no_target(scheduler, described, clock):
    os.unlink(f"{described}/tenants/{TENANT}/rotation.toml")
    scheduler.schedule_rotation("COOKIE_KEY", 30)
    clock.now += 30 * DAY
    assert run(scheduler) == [("COOKIE_KEY", "rotated")]


def test_a_mistake_about_one_secret_stops_no_other(scheduler, described, clock):
    custodian = Custodian(described, clock=clock)
    custodian.seal(TENANT, ENVIRONMENT, {"OTHER_KEY": b"another-value-of-some-length"})
    text = f'[{ENVIRONMENT}.COOKIE_KEY]\n{ALONE}[{ENVIRONMENT}.OTHER_KEY]\nevery_days = 91\ntarget = "mysql"\n'
    Path(described, f"tenants/{TENANT}/rotation.toml").write_text(text, encoding="utf-8")
    clock.now += 90 * DAY
    assert run(scheduler) == [("COOKIE_KEY", "rotated")]


def test_the_manager_rotates_with_a_decision_and_a_record(described):
    async def work():
        from sealproof import get_secret_manager  # noqa: PLC0415 - as an application has it

        manager = await get_secret_manager(TENANT, root=described)
        before = await manager.get_secret("COOKIE_KEY")
        result = await manager.rotate_secret("COOKIE_KEY")
        assert (result.state, result.version) == (State.DONE, 2)
        assert await manager.get_secret("COOKIE_KEY") != before
        await manager.rotate_secret("COOKIE_KEY", "handed-over-by-a-person-0001")
        assert await manager.get_secret("COOKIE_KEY") == "handed-over-by-a-person-0001"
        with pytest.raises(CallerError):
            await manager.rotate_secret("COOKIE_KEY", strategy="sideways")
        for value in ("", b"bytes", 5):
            with pytest.raises(InvalidValue):
                await manager.rotate_secret("COOKIE_KEY", value)
        with pytest.raises(InvalidValue, match="is empty"):
            await manager.rotate_secret("COOKIE_KEY", plan=Plan(generator=lambda _: Secret("")))
        await manager.abandon_rotation("COOKIE_KEY")
        assert await manager.get_secret("COOKIE_KEY") == "handed-over-by-a-person-0001"
        metrics = manager.get_security_metrics()
        lines = json.dumps(manager.export_audit_log())
        manager.close()
        return metrics, lines

    metrics, lines = asyncio.run(work())
    assert metrics["rotation_events"] >= 16
    assert "rotate.intent" in lines
    assert "handed-over-by-a-person" not in lines
