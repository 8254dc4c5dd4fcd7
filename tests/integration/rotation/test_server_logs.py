"""The clear password reaches nothing that a server writes down, with everything logged that can be.

Each test ends with a password that is sent in the clear on purpose, and is found: or it would look in the wrong place.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from hashlib import sha256

import pytest
import redis
from psycopg import sql

from sealproof.errors import TargetRefused
from sealproof.loader.secret import Secret
from sealproof.rotation.clients.redis import connection_pool
from sealproof.rotation.consumers import Consumer
from sealproof.rotation.credential import login_of, with_login
from sealproof.rotation.targets.postgres import PostgresTarget

from .bench import TENANT

CLEAR = "sent-in-the-clear-on-purpose"


def test_the_clear_password_never_reaches_postgresql_s_log(at, postgres):
    bench = at("postgres")
    used = [rotated(bench) for _ in range(3)]
    log = postgres.log.read_text()
    assert "statement: ALTER ROLE" in log
    assert "SCRAM-SHA-256$" in log
    assert not [password for password in used if password in log]
    with postgres.admin() as connection:
        role = sql.Identifier(bench.spec["roles"][1])
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(CLEAR)))
    assert CLEAR in postgres.log.read_text()


def test_the_clear_password_never_reaches_postgresql_s_log_when_the_server_refuses(at, postgres):
    bench = at("postgres")
    owner, *roles = bench.spec["roles"]
    value = bench.plan.generator(bench.current())
    password = login_of(value).password.reveal()
    plain = PostgresTarget(bench.current, owner=owner, roles=roles)  # no administrator
    with pytest.raises(TargetRefused):
        plain.set(value, current=bench.current())
    gone = PostgresTarget(lambda: Secret(postgres.admin_url), owner=owner, roles=["nobody"])
    unknown = with_login(value, "nobody", password)
    with pytest.raises(TargetRefused, match="42704"):
        gone.set(unknown, current=unknown)
    with pytest.raises(TargetRefused):
        bench.plan.target.test(value)
    log = postgres.log.read_text()
    assert "permission denied" in log or "must have" in log
    assert "STATEMENT:  ALTER ROLE" in log  # the statement that failed is logged once more
    assert f'password authentication failed for user "{login_of(value).user}"' in log
    assert password not in log


def test_the_clear_password_never_reaches_anything_that_redis_writes_down(at, redis_server):
    bench = at("redis")
    old = bench.current()
    with redis_server.admin() as admin, watched(redis_server) as seen:
        admin.config_set("slowlog-log-slower-than", 0)
        admin.config_set("slowlog-max-len", 1000)
        used = [login_of(old).password.reveal(), *(rotated(bench) for _ in range(3))]
        clients = sessions(admin, bench)
        with pytest.raises(redis.AuthenticationError), contextlib.closing(redis.Redis.from_url(old.reveal())) as client:
            client.ping()
        written = {
            "access list": (redis_server.log.parent / "users.acl").read_text(),
            "log": redis_server.log.read_text(),
            "slow log": str(admin.slowlog_get(1000)),
            "ACL LOG": str(admin.acl_log()),
            "MONITOR": "\n".join(seen),
            "CLIENT LIST": clients,
        }
        admin.set("control", CLEAR)
        assert CLEAR in str(admin.slowlog_get(1000))
    assert any(CLEAR in line for line in seen)
    assert sha256(used[-1].encode()).hexdigest() in written["access list"]
    assert "SETUSER" in written["slow log"]
    assert bench.spec["user"] in written["ACL LOG"]
    assert "sealproof:" in written["CLIENT LIST"]
    assert "Accepted" in written["log"]
    assert not [(place, password) for place, text in written.items() for password in used if password in text]


def rotated(bench) -> str:
    """Rotate, and return the new password."""
    bench.engine().rotate(bench.name, bench.plan)
    return login_of(bench.current()).password.reveal()


def sessions(admin: redis.Redis, bench) -> str:
    """Return the server's list of sessions while the application has one, which is marked by its credential."""
    with contextlib.closing(Consumer(TENANT, consumer_id="web-1", root=bench.root)) as consumer:
        client = redis.Redis(connection_pool=connection_pool(consumer, bench.name))
        client.ping()
        listed = str(admin.client_list())
        client.connection_pool.disconnect()
    return listed


@contextlib.contextmanager
def watched(server) -> Iterator[list[str]]:
    """Collect what MONITOR shows of every command, until the control has been seen."""
    lines: list[str] = []
    client = redis.Redis.from_url(server.admin_url)
    with contextlib.closing(client), client.monitor() as monitor:

        def listen() -> None:
            for command in monitor.listen():
                lines.append(str(command))
                if CLEAR in lines[-1]:
                    return

        thread = threading.Thread(target=listen)
        thread.start()
        yield lines
        thread.join(20)
        assert not thread.is_alive()
