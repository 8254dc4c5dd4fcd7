"""Where Redis keeps its users: what a rotation changed is there after its next start, or nothing is changed."""

from __future__ import annotations

from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest

from sealproof.errors import TargetRefused
from sealproof.loader.secret import Secret
from sealproof.rotation.states import State
from sealproof.rotation.targets.redis_acl import RedisTarget

from .bench import FIRST, at_redis
from .conftest import _running
from .servers import ADMIN_PASSWORD, Redis, redis_at

USERS = f"user default off\nuser admin on >{ADMIN_PASSWORD} ~* &* +@all\n"
BY_OPTION = ("--user", "default", "off", "--user", "admin", "on", f">{ADMIN_PASSWORD}", "~*", "&*", "+@all")


class Machine:
    """One Redis that may be started again, with the memory of its files alone."""

    def __init__(self, directory, users) -> None:
        self._directory = directory
        self._users = users
        self._running = ExitStack()
        self.server = None

    def start(self) -> None:
        port = self.server.port if self.server else 0
        self._running.close()
        self.server = self._running.enter_context(_running(lambda: redis_at(self._directory, *self._users, port=port)))

    def stop(self) -> None:
        self._running.close()


@pytest.fixture
def started(place):
    """Start a Redis: with its users in an access-list file, in its configuration file, or in neither."""
    machines = []

    def start(kind: str) -> Machine:
        path = place / kind
        path.write_text(USERS, encoding="ascii")
        users = {"users.acl": ("--aclfile", str(path)), "redis.conf": (str(path),), "nowhere": BY_OPTION}
        machines.append(Machine(place, users[kind]))
        machines[-1].start()
        return machines[-1]

    yield start
    for machine in machines:
        machine.stop()


@pytest.mark.parametrize("kind", ["users.acl", "redis.conf"])
def test_a_new_password_is_there_after_the_next_start_and_the_old_one_is_not(store, started, kind):
    machine = started(kind)
    bench = at_redis(store, machine.server)
    old = bench.current()
    assert bench.engine().rotate(bench.name, bench.plan).state is State.DONE
    machine.start()
    assert bench.plan.target.is_effective(bench.current())
    assert not bench.plan.target.is_effective(old)


def test_a_server_that_keeps_its_users_nowhere_is_not_changed_and_says_what_to_do(store, started):
    bench = at_redis(store, started("nowhere").server)
    old = bench.current().reveal()
    for _ in range(2):
        result = bench.engine().rotate(bench.name, bench.plan)
        assert result.state is State.ROLLED_BACK
        assert "it keeps its users in no file" in result.why
        assert "save = false in rotation.toml" in result.why
        assert (bench.current().reveal(), bench.valid()) == (old, 1)


def test_who_writes_users_down_elsewhere_may_say_so(store, started):
    machine = started("nowhere")
    bench = at_redis(store, machine.server)
    target = RedisTarget(lambda: Secret(machine.server.admin_url), user=bench.spec["user"], save=False)
    assert bench.engine().rotate(bench.name, bench.but(target=target).plan).state is State.DONE


@pytest.mark.parametrize("kind", ["users.acl", "redis.conf"])
def test_what_was_not_saved_before_a_kill_is_saved_on_resuming_though_it_works(store, started, kind):
    machine = started(kind)
    bench = at_redis(store, machine.server)
    old = bench.current()
    slow = bench.but(grace_s=3600)
    _kill_before_save(slow, 2)  # the new password works, and is not written down
    assert slow.engine().rotate(bench.name, slow.plan, wait=False).state is State.GRACE
    machine.start()
    assert bench.plan.target.is_effective(bench.current())
    _kill_before_save(bench, 1)  # the old one has ended, and that is not written down
    assert bench.engine().rotate(bench.name, bench.plan).state is State.DONE
    machine.start()
    assert bench.plan.target.is_effective(bench.current())
    assert not bench.plan.target.is_effective(old)


def _kill_before_save(bench, number: int) -> None:
    """Rotate, and be killed in the place of the target's `number`th save."""

    class Killed(RedisTarget):
        saves = 0

        def _write(self, client):
            self.saves += 1
            if self.saves == number:
                raise KeyboardInterrupt
            return super()._write(client)

    server = Redis(bench.spec["port"], Path(bench.spec["log"]))
    target = Killed(lambda: Secret(server.admin_url), user=bench.spec["user"])
    with pytest.raises(KeyboardInterrupt):
        bench.engine().rotate(bench.name, bench.but(target=target).plan)


def test_a_server_that_cannot_write_its_file_is_not_changed_and_its_words_are_shown(store, started, place):
    machine = started("users.acl")
    bench = at_redis(store, machine.server)
    path = place / "users.acl"
    path.unlink()
    path.mkdir()
    (path / "in the way").touch()
    result = bench.engine().rotate(bench.name, bench.plan)
    assert "There was an error trying to save the ACLs" in result.why
    assert bench.valid() == 1


def test_no_answer_of_the_server_shows_a_password_or_its_digest(store, started):
    machine = started("users.acl")
    bench = at_redis(store, machine.server)
    target = RedisTarget(lambda: Secret(machine.server.admin_url), user="no such user", probe=("GET",))
    with pytest.raises(TargetRefused) as refused:
        target.set(Secret("fjord-anvil-9037"), current=Secret("another"))
    assert "Usernames can't contain spaces" in refused.value.message
    assert "fjord" not in refused.value.message
    probe = ("FROB", sha256(FIRST.encode()).hexdigest())
    probing = RedisTarget(lambda: Secret(machine.server.admin_url), user=bench.spec["user"], probe=probe)
    with pytest.raises(TargetRefused, match="the probe FROB failed: unknown command 'FROB'") as refused:
        probing.test(bench.current())
    assert probe[1] not in refused.value.message
    assert "…" in refused.value.message


def test_who_went_on_unproven_hears_that_other_passwords_may_be_left(store, started):
    bench = at_redis(store, started("users.acl").server)
    wrong = bench.current().reveal().replace("first", "last")
    bench.custodian.seal("acme", "development", {bench.name: wrong.encode()})
    result = bench.engine().rotate(bench.name, bench.plan, unproven=True)
    assert result.state is State.DONE
    assert [note for note in result.notes if "accepted before may still open it" in note]
