"""`sealproof rotate` as it is typed, against a real PostgreSQL, and its older spelling."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealproof.loader.secret import Secret
from sealproof.rotation.consumers import Consumer
from sealproof.rotation.targets.postgres import PostgresTarget
from sealproof.vault.custodian import Custodian
from sealproof.vault.inventory import describe_missing

from .bench import ENVIRONMENT, TENANT, at_dashboard, at_key_set
from .services import CLIENT_ID, Person, TokenService


class Typist:
    def __init__(self, root: str) -> None:
        self.root = root

    def type(
        self, *words: str, stdin: str = "", module: str = "sealproof", code: int = 0
    ) -> subprocess.CompletedProcess:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SEALPROOF_")}
        answer = subprocess.run(
            [sys.executable, "-m", module, *words, "--root", self.root],
            input=stdin, capture_output=True, text=True, env=kept, check=False, timeout=120,
        )  # fmt: skip
        assert answer.returncode == code, answer.stdout + answer.stderr
        return answer


@pytest.fixture
def typist(store) -> Typist:
    custodian = Custodian(store)
    names = custodian.open(TENANT, ENVIRONMENT).values()
    describe_missing(custodian.store, TENANT, names, owner="platform", purpose="tests", rotation_days=90)
    return Typist(store)


def value_of(root: str, name: str) -> str:
    return Custodian(root).open(TENANT, ENVIRONMENT).values()[name].decode()


def test_a_young_secret_is_left_alone_unless_forced(typist):
    before = value_of(typist.root, "COOKIE_KEY")
    refused = typist.type("rotate", "COOKIE_KEY", code=4)
    assert "so it was left alone" in refused.stderr
    assert "hint: sealproof rotate COOKIE_KEY --tenant acme --force" in refused.stderr
    assert value_of(typist.root, "COOKIE_KEY") == before
    done = typist.type("rotate", "COOKIE_KEY", "--force")
    assert done.stdout.startswith("acme/development/COOKIE_KEY: rotated: nothing outside changed")
    assert value_of(typist.root, "COOKIE_KEY") not in (before, "")
    assert value_of(typist.root, "COOKIE_KEY") not in done.stdout + done.stderr


def test_due_is_safe_to_run_twice_and_says_when_there_is_nothing(typist):
    for _ in range(2):
        assert typist.type("rotate", "--due").stdout == "nothing is due\n"


def test_due_leaves_what_has_no_target_to_a_person_who_goes_on_as_told(typist):
    custodian = Custodian(typist.root)
    custodian.seal(TENANT, ENVIRONMENT, {"BROKER_URL": b"amqp://app:fjord-anvil@broker.example"})
    names = ("COOKIE_KEY", "BROKER_URL")
    tables = "".join(f"[development.{name}]\nevery_days = 0.000001\n" for name in names)
    Path(typist.root, "tenants/acme/rotation.toml").write_text(tables, encoding="utf-8")
    before = custodian.open(TENANT, ENVIRONMENT).values()
    answer = typist.type("rotate", "--due", code=1)
    assert custodian.open(TENANT, ENVIRONMENT).values() == before
    for name in names:
        assert f"acme/development/{name}: NEEDS A PERSON: due, and rotation.toml names no target" in answer.stdout
        assert f"sealproof rotate {name} --tenant acme --environment development --paste" in answer.stdout
    standing = json.loads(typist.type("rotate", "--status", "--json").stdout)
    assert {row["why"] for row in standing if row["state"] == "due"} == {"by hand: rotation.toml names no target"}
    words = ("rotate", "BROKER_URL", "--tenant", "acme", "--environment", "development", "--paste")
    typist.type(*words, stdin="amqp://app:mosaic-lantern@broker.example")
    assert value_of(typist.root, "BROKER_URL") == "amqp://app:mosaic-lantern@broker.example"
    assert "rotated: nothing outside changed" in typist.type("rotate", "COOKIE_KEY", "--tenant", "acme").stdout
    assert value_of(typist.root, "COOKIE_KEY") != before["COOKIE_KEY"].decode()


def test_the_older_spelling_does_the_same(typist):
    before = value_of(typist.root, "COOKIE_KEY")
    words = ("--force", "--secret-name", "COOKIE_KEY", "--tenant-id", "acme")
    assert "rotated" in typist.type(*words, module="sealproof.rotation").stdout
    assert value_of(typist.root, "COOKIE_KEY") != before
    assert "nothing is due" in typist.type(module="sealproof.rotation").stdout


def test_a_value_is_handed_over_on_standard_input(typist):
    typist.type("rotate", "COOKIE_KEY", "--paste", stdin="typed-by-a-person-8151\n")
    assert value_of(typist.root, "COOKIE_KEY") == "typed-by-a-person-8151"


def test_nothing_is_no_value_to_hand_over(typist):
    """Neither as it is, nor where a person makes it and is believed."""
    before = value_of(typist.root, "COOKIE_KEY")
    for table in ("", '[development.COOKIE_KEY]\ntarget = "manual"\nwhere = "https://dashboard.example"\n'):
        Path(typist.root, "tenants/acme/rotation.toml").write_text(table, encoding="utf-8")
        for stdin in ("", "\n", "\r\n"):
            refused = typist.type("rotate", "COOKIE_KEY", "--paste", stdin=stdin, code=4)
            assert "hint: printf %s" in refused.stderr
        assert value_of(typist.root, "COOKIE_KEY") == before
        assert json.loads(typist.type("rotate", "--status", "--json").stdout)[0]["state"].startswith("on ")


def test_either_a_name_or_due(typist):
    for words in ((), ("COOKIE_KEY", "--due")):
        assert "either which secret" in typist.type("rotate", *words, code=4).stderr


def test_configuration_is_not_drawn(typist):
    assert "no value of it can be drawn" in typist.type("rotate", "LOG_LEVEL", "--force", code=4).stderr


def test_a_database_login_by_its_file(typist, postgres):
    owner, first, second = postgres.owner_with_logins(first_password="first-of-many")
    custodian = Custodian(typist.root)
    custodian.seal(TENANT, ENVIRONMENT, {"DATABASE_URL": postgres.url(first, "first-of-many").encode()})
    custodian.seal(TENANT, "rotator", {"PG_ADMIN_URL": postgres.admin_url.encode()})
    _configure(typist.root, owner, [first, second])
    waiting = typist.type("rotate", "DATABASE_URL", "--force", "--tenant", "acme", "--no-wait", "--json")
    (outcome,) = json.loads(waiting.stdout)
    assert (outcome["did"], outcome["state"], outcome["strategy"]) == ("waits", "grace", "blue-green")
    assert outcome["until"] > 0
    status = json.loads(typist.type("rotate", "--status", "--json").stdout)
    assert {"secret": "acme/development/DATABASE_URL", "state": "grace", "strategy": "blue-green", "why": ""} in status
    _configure(typist.root, owner, [first, second], grace=0)
    assert "acme/development/DATABASE_URL: rotated" in typist.type("rotate", "--due").stdout
    target = PostgresTarget(lambda: Secret(postgres.admin_url), owner=owner, roles=[first, second])
    assert target.is_effective(Secret(value_of(typist.root, "DATABASE_URL")))
    assert not target.is_effective(Secret(postgres.url(first, "first-of-many")))


def test_what_a_gradual_rotation_waits_for_is_said_once_for_each_wait(typist, place):
    bench = at_key_set(typist.root, str(place / "jwks.json"))
    times = "cache_s = 0\ntoken_s = 0\nskew_s = 0\nsoak_s = 0.2\npoll_s = 0.01\ngrace_s = 0.5\npatience_s = 0.5\n"
    text = f'[development.{bench.name}]\ntarget = "key-set"\npath = {json.dumps(bench.spec["path"])}\n{times}'
    Path(typist.root, "tenants/acme/rotation.toml").write_text(text, encoding="utf-8")
    said = typist.type("rotate", bench.name, "--force", "--strategy", "gradual").stderr.splitlines()
    assert said[0] == "this takes a while; it may be stopped, and the same command goes on"
    nobody = "no consumer of acme/development is registered, so nobody is watched"
    for line, share in zip(said[1:], (5, 25, 50, 100), strict=False):
        assert line.startswith(f"{bench.name}: promoting {share} % of consumers: watched for 0.2 s; {nobody}; 2")
        assert line.endswith(" UTC at the latest")
    assert said[-1].startswith(f"{bench.name}: grace: until sessions of the old value are gone; 2")
    assert len(said) <= 10


def test_a_canary_that_nobody_is_rolls_back_with_exit_1_and_says_why(typist, postgres):
    owner, first, second = postgres.owner_with_logins(first_password="first-of-many")
    custodian = Custodian(typist.root)
    custodian.seal(TENANT, ENVIRONMENT, {"DATABASE_URL": postgres.url(first, "first-of-many").encode()})
    custodian.seal(TENANT, "rotator", {"PG_ADMIN_URL": postgres.admin_url.encode()})
    _configure(typist.root, owner, [first, second], grace=0, patience_s=0, canaries=["web-1"])
    answer = typist.type("rotate", "DATABASE_URL", "--force", "--strategy", "canary", code=1)
    assert "ROLLED BACK: only 0 of 1 consumers used it" in answer.stdout
    assert value_of(typist.root, "DATABASE_URL") == postgres.url(first, "first-of-many")
    assert second not in postgres.may_log_in()


def test_what_is_for_one_secret_is_not_for_all_that_are_due(typist):
    for words in (("--force",), ("--abandon",), ("--paste",), ("--unproven",), ("--strategy", "canary")):
        refused = typist.type("rotate", "--due", *words, code=4)
        assert f"{words[0]} is for one secret" in refused.stderr
    assert "is for one secret" in typist.type("--force", module="sealproof.rotation", code=4).stderr
    assert "expected one argument" in typist.type("--secret-name", module="sealproof.rotation", code=4).stderr


def test_one_tenant_s_mistake_does_not_stop_the_others(typist):
    Custodian(typist.root).seal("aaa", ENVIRONMENT, {"COOKIE_KEY": b"lantern-quartz-2210-harbour"})
    with open(f"{typist.root}/tenants/aaa/schedule.json", "w", encoding="utf-8") as file:
        file.write("not json")
    with open(f"{typist.root}/tenants/acme/schedule.json", "w", encoding="utf-8") as file:
        json.dump({"development/COOKIE_KEY": {"every_s": 0.001, "strategy": ""}}, file)
    answer = typist.type("rotate", "--due", code=4)
    first, second = answer.stdout.splitlines()
    assert first.startswith("aaa/development: FAILED: ")
    assert second.startswith("acme/development/COOKIE_KEY: rotated")
    assert "hint: remove it, and schedule again" in answer.stderr


def test_keys_stay_while_a_login_is_rotated_and_giving_up_is_a_success(typist, postgres):
    owner, first, second = postgres.owner_with_logins(first_password="first-of-many")
    custodian = Custodian(typist.root)
    custodian.seal(TENANT, ENVIRONMENT, {"DATABASE_URL": postgres.url(first, "first-of-many").encode()})
    custodian.seal(TENANT, "rotator", {"PG_ADMIN_URL": postgres.admin_url.encode()})
    _configure(typist.root, owner, [first, second])
    consumer = Consumer(TENANT, consumer_id="web-1", root=typist.root)
    consumer.refresh()
    typist.type("rotate", "DATABASE_URL", "--force", "--no-wait")
    (row,) = [one for one in json.loads(typist.type("rotate", "--status", "--json").stdout) if one["state"] == "grace"]
    assert row["why"] == "not yet acknowledged by web-1"
    refused = typist.type("key", "rotate", "acme", code=4).stderr
    assert "credential.rotate of acme/development/DATABASE_URL is under way" in refused
    typist.type("key", "rotate", "acme", "--anyway")
    reader = typist.type("key", "init", "--recipient", f"{typist.root}/../reader.key").stdout.strip()
    typist.type("recipient", "add", "acme", reader)
    assert "is under way" in typist.type("recipient", "remove", "acme", reader, code=4).stderr
    typist.type("recipient", "remove", "acme", reader, "--anyway")
    with open(f"{typist.root}/tenants/acme/rotation.toml", "w", encoding="utf-8") as file:
        file.write("this is no TOML")
    consumer.close()
    given_up = typist.type("rotate", "DATABASE_URL", "--abandon")
    assert "ROLLED BACK: abandoned; the target was not told" in given_up.stdout
    assert "is no TOML" in given_up.stdout
    assert value_of(typist.root, "DATABASE_URL") == postgres.url(first, "first-of-many")
    _configure(typist.root, owner, [first, second], grace=0)
    assert "rotated" in typist.type("rotate", "DATABASE_URL", "--force").stdout
    assert len(postgres.may_log_in() & {first, second}) == 1


def test_a_client_secret_is_made_by_a_person_and_pasted(typist, start):
    service = TokenService(at_once=1)
    url = start(service)
    at_dashboard(typist.root, url, at_once=1, service=service)
    Custodian(typist.root).seal(TENANT, ENVIRONMENT, {"CLIENT_ID": CLIENT_ID.encode()})
    with open(f"{typist.root}/tenants/acme/rotation.toml", "w", encoding="utf-8") as file:
        file.write('[development.CLIENT_SECRET]\ntarget = "manual"\nwhere = "the dashboard"\n')
        file.write(f'token_url = "{url}/api/token"\nclient_id = "CLIENT_ID"\n')
    waiting = typist.type("rotate", "CLIENT_SECRET", "--force", code=1)
    assert "handed over with --paste" in waiting.stdout
    typed = typist.type("rotate", "CLIENT_SECRET", "--paste", stdin="a-typing-error\n", code=1)
    assert "hand over another value" in typed.stdout
    made = Person(url).make("by hand").reveal()
    assert "rotated" in typist.type("rotate", "CLIENT_SECRET", "--paste", stdin=f"{made}\n").stdout
    assert value_of(typist.root, "CLIENT_SECRET") == made
    assert service.secrets == [made]


def test_a_mistake_in_the_file_is_named(typist):
    with open(f"{typist.root}/tenants/acme/rotation.toml", "w", encoding="utf-8") as file:
        file.write('[development.COOKIE_KEY]\ntarget = "mysql"\n')
    problem = typist.type("rotate", "COOKIE_KEY", "--force", code=4).stderr
    assert "development.COOKIE_KEY.target cannot be used" in problem
    assert "postgresql or redis" in problem


def _configure(root: str, owner: str, roles: list[str], *, grace: int = 3600, **more: object) -> None:
    lines = {"target": "postgresql", "owner": owner, "roles": roles, "admin": "rotator/PG_ADMIN_URL"}
    lines |= {"grace_s": grace, "soak_s": 0, "poll_s": 0.01, **more}
    with open(f"{root}/tenants/acme/rotation.toml", "w", encoding="utf-8") as file:
        file.write("[development.DATABASE_URL]\n")
        file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())
