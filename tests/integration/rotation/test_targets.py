"""Each target by itself: what the servers see, what they refuse, and what is said when nobody answers."""

from __future__ import annotations

import contextlib
import json
from hashlib import sha256
from http.client import HTTPConnection
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import sql

from sealproof.errors import ConfigurationError, MalformedFile, TargetRefused, TargetUnavailable
from sealproof.loader.secret import Secret
from sealproof.rotation import jwk
from sealproof.rotation.credential import with_login
from sealproof.rotation.targets.api_keys import WebhookTarget
from sealproof.rotation.targets.manual import ClientCredentials
from sealproof.rotation.targets.postgres import PostgresTarget
from sealproof.rotation.targets.redis_acl import RedisTarget
from sealproof.rotation.targets.signing_keys import KeySetTarget

from .bench import at_webhook
from .services import SIGNING, KeyService

NOWHERE = "127.0.0.1:1"


def test_what_the_application_makes_belongs_to_the_owner_whoever_is_logged_in(at, postgres):
    bench = at("postgres")
    owner = bench.spec["roles"][0]
    for _ in range(2):
        bench.engine().rotate(bench.name, bench.plan)
        with psycopg.connect(bench.current().reveal(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} ()").format(sql.Identifier(f"t_{owner}")))
    with postgres.admin() as connection:
        row = connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = %s", (f"t_{owner}",)).fetchone()
    assert row == (owner,)


def test_a_session_of_the_old_login_ends_with_it_and_one_of_the_new_stays(at):
    bench = at("postgres")
    old = psycopg.connect(bench.current().reveal(), autocommit=True)
    bench.engine().rotate(bench.name, bench.plan)
    with psycopg.connect(bench.current().reveal(), autocommit=True) as new:
        bench.plan.target.revoke(
            Secret(with_login(bench.current(), bench.spec["roles"][1], "x").reveal()), current=bench.current()
        )
        assert new.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError):
        old.execute("SELECT 1")
    old.close()


def test_a_redis_session_without_the_mark_ends_with_the_old_password(at):
    bench = at("redis")
    old = redis.Redis.from_url(bench.current().reveal(), retry=None)
    old.ping()
    stays = old.connection_pool.get_connection()
    bench.engine().rotate(bench.name, bench.plan)
    stays.send_command("PING", check_health=False)
    with pytest.raises(redis.ConnectionError):
        stays.read_response()
    stays.disconnect()
    old.close()


def test_a_login_that_does_not_act_as_the_owner_is_refused(postgres):
    owner, first, second = postgres.owner_with_logins(first_password="first-of-many")
    with postgres.admin() as connection:
        connection.execute(sql.SQL("ALTER ROLE {} RESET role").format(sql.Identifier(first)))
    target = PostgresTarget(lambda: Secret(postgres.admin_url), owner=owner, roles=[first, second])
    with pytest.raises(TargetRefused, match="does not act as"):
        target.test(Secret(postgres.url(first, "first-of-many")))


def test_a_probe_that_the_application_may_not_run_is_refused(postgres):
    owner, first, second = postgres.owner_with_logins(first_password="first-of-many")
    target = PostgresTarget(
        lambda: Secret(postgres.admin_url), owner=owner, roles=[first, second], probe="SELECT * FROM pg_authid"
    )
    with pytest.raises(TargetRefused, match="42501"):
        target.test(Secret(postgres.url(first, "first-of-many")))


def test_a_role_in_use_is_never_given_another_password(postgres):
    owner, first, second = postgres.owner_with_logins(first_password="first-of-many")
    target = PostgresTarget(lambda: Secret(postgres.admin_url), owner=owner, roles=[first, second])
    current = Secret(postgres.url(first, "first-of-many"))
    with pytest.raises(TargetRefused, match="in use"):
        target.set(Secret(postgres.url(first, "another-password")), current=current)
    target.revoke(Secret(postgres.url(first, "another-password")), current=current)
    assert target.is_effective(current)


def test_an_administrator_without_the_right_is_refused(postgres):
    owner, first, second = postgres.owner_with_logins(first_password="first-of-many")
    plain = postgres.url(first, "first-of-many")
    target = PostgresTarget(lambda: Secret(plain), owner=owner, roles=[first, second])
    with pytest.raises(TargetRefused):
        target.set(Secret(postgres.url(second, "x" * 30)), current=Secret(plain))


@pytest.mark.parametrize("roles", [[], ["a", "b", "c"], ["owner", "a"]])
def test_roles_are_one_or_two_and_not_the_owner(roles):
    with pytest.raises(ConfigurationError):
        PostgresTarget(lambda: Secret(""), owner="owner", roles=roles)


def test_no_answer_is_not_a_no(store, tmp_path):
    url = Secret(f"postgresql://app:x@{NOWHERE}/db")
    with pytest.raises(TargetUnavailable):
        PostgresTarget(lambda: url, owner="o", roles=["app"]).is_effective(url)
    cache = Secret(f"redis://app:x@{NOWHERE}/0")
    with pytest.raises(TargetUnavailable):
        RedisTarget(lambda: cache, user="app").is_effective(cache)
    with pytest.raises(TargetUnavailable):
        KeySetTarget(str(tmp_path / "no" / "such" / "set.json")).is_effective(jwk.SigningJwk()(Secret("")))


def test_a_key_set_that_is_none_is_said_so(tmp_path):
    (tmp_path / "set.json").write_text("[]")
    with pytest.raises(MalformedFile):
        KeySetTarget(str(tmp_path / "set.json")).is_effective(jwk.SigningJwk()(Secret("")))


def test_a_key_set_keeps_the_present_key_while_the_new_one_is_published(tmp_path):
    path = tmp_path / "set.json"
    target = KeySetTarget(str(path))
    old, new = (jwk.SigningJwk()(Secret("")) for _ in range(2))
    target.set(old, current=old)
    target.set(new, current=old)
    target.set(new, current=old)
    assert [key["kid"] for key in json.loads(path.read_text())["keys"]] == [jwk.key_id(old), jwk.key_id(new)]
    with pytest.raises(TargetRefused):
        target.revoke(new, current=new)
    target.revoke(old, current=new)
    assert [key["kid"] for key in json.loads(path.read_text())["keys"]] == [jwk.key_id(new)]
    assert '"d"' not in path.read_text()


def test_a_webhook_service_rotates_by_digests_alone(at, start):
    service = KeyService()
    bench = at_webhook(at("callable").root, start(service), service)
    assert bench.engine().rotate(bench.name, bench.plan).state.value == "done"
    assert service.accepted == {sha256(bench.current().reveal().encode()).hexdigest()}
    assert service.captured
    assert not any(bench.current().reveal().encode() in body for body, _ in service.captured)
    with pytest.raises(TargetRefused, match="HTTP 401"):
        WebhookTarget(bench.spec["url"], lambda: Secret("another")).test(bench.current())


def test_a_webhook_service_can_refuse_a_captured_request_by_its_age_and_its_id(start):
    """The service checks what docs/rotation.md says that one must; the attacker cannot sign."""
    now = [1_700_000_000.0]
    service = KeyService(clock=lambda: now[0])
    url = start(service)
    target = WebhookTarget(url, lambda: Secret(SIGNING), clock=lambda: now[0])
    target.set(Secret("key"), current=Secret("key"))
    target.set(Secret("key"), current=Secret("key"))
    target.revoke(Secret("key"), current=Secret("new"))
    body, signature = service.captured[0]
    assert replayed(url, body, signature) == 409
    now[0] += 301  # too old, and its id is remembered no longer
    target.revoke(Secret("key"), current=Secret("new"))
    assert replayed(url, body, signature) == 409
    assert replayed(url, body.replace(b"1700000000", b"1700000301"), signature) == 401
    assert (service.accepted, len({json.loads(body)["request"] for body, _ in service.captured})) == (set(), 4)


def replayed(url, body, signature):
    """Send a captured request again; return the status."""
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname, address.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", address.path, body, {"Sealproof-Signature": signature})
        return connection.getresponse().status


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, TargetRefused),
        (403, TargetRefused),
        (429, TargetUnavailable),
        (500, TargetUnavailable),
        (302, TargetRefused),
    ],
)
def test_what_a_webhook_s_status_means(start, status, error):
    url = start(lambda *_: (status, {}))
    with pytest.raises(error):
        WebhookTarget(url, lambda: Secret("shared")).set(Secret("new"), current=Secret("old"))


def test_a_check_without_an_answer_decides_nothing(start):
    url = start(lambda *_: (200, {}))
    with pytest.raises(TargetUnavailable):
        WebhookTarget(url, lambda: Secret("shared")).is_effective(Secret("new"))


def test_a_client_secret_is_tested_by_a_token_request(at):
    target = at("manual").plan.target
    target.test(Secret("first-of-many"))
    assert target.is_effective(Secret("first-of-many"))
    assert not target.is_effective(Secret("wrong"))
    with pytest.raises(ConfigurationError):
        ClientCredentials("http://accounts.example/token", lambda: Secret("client"))
