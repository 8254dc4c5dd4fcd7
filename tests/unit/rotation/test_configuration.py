"""`rotation.toml`: what each secret's table means, and which mistake is named how."""

from __future__ import annotations

import pytest

from sealproof.errors import ConfigurationError, RotationRefused
from sealproof.loader.secret import Secret
from sealproof.rotation.configuration import Configuration
from sealproof.rotation.generators import AlternatingLogin as Other
from sealproof.rotation.generators import Password, Token
from sealproof.rotation.jwk import SigningJwk
from sealproof.rotation.plan import DAY_S
from sealproof.rotation.strategies import Strategy
from sealproof.rotation.targets.api_keys import WebhookTarget
from sealproof.rotation.targets.manual import ManualTarget
from sealproof.rotation.targets.nothing import NoTarget
from sealproof.rotation.targets.postgres import PostgresTarget
from sealproof.rotation.targets.redis_acl import RedisTarget
from sealproof.rotation.targets.signing_keys import KeySetTarget
from sealproof.vault.custodian import Custodian
from sealproof.vault.store.local import LocalStore


@pytest.fixture
def configured(tmp_path):
    """Return the configuration that a text makes; nothing is opened for it."""

    def read(text: str) -> Configuration:
        with LocalStore(str(tmp_path)).tenant_directory("acme") as directory:
            directory.replace("rotation.toml", text.encode())
        return Configuration(Custodian(str(tmp_path)), "acme")

    return read


POSTGRES = '[production.DATABASE_URL]\ntarget = "postgresql"\nowner = "o"\nadmin = "rotator/PG"\n'


@pytest.mark.parametrize(
    ("name", "table", "target", "generator"),
    [
        ("A_URL", 'target = "postgresql"\nowner = "o"\nroles = ["a", "b"]\nadmin = "PG"', PostgresTarget, Other),
        ("DATABASE_URL", 'target = "postgresql"\nowner = "o"\nroles = ["a"]\nadmin = "PG"', PostgresTarget, Password),
        ("REDIS_URL", 'target = "redis"\nuser = "u"\nadmin = "x/R"\nprobe = "GET a"', RedisTarget, Password),
        ("JWT_KEY", 'target = "key-set"\npath = "/srv/jwks.json"', KeySetTarget, SigningJwk),
        ("API_KEY", 'target = "webhook"\nurl = "https://x.example/k"\nsigning = "S"', WebhookTarget, Token),
        ("SPOTIFY_CLIENT_SECRET", 'target = "manual"\nwhere = "the dashboard"', ManualTarget, Token),
        ("COOKIE_KEY", 'generator = "password"\nlength = 30', NoTarget, Password),
        ("COOKIE_KEY", 'generator = "jwk"\nalgorithm = "ES256"', NoTarget, SigningJwk),
    ],
)  # fmt: skip
def test_each_target_and_its_generator(configured, name, table, target, generator):
    plan = configured(f"[production.{name}]\n{table}\n").plan("production", name)
    assert isinstance(plan.target, target)
    assert isinstance(plan.generator, generator)


def test_another_environment_has_another_table(configured):
    configuration = configured(POSTGRES + 'roles = ["a", "b"]\n')
    assert isinstance(configuration.plan("staging", "API_TOKEN").target, NoTarget)
    with pytest.raises(RotationRefused):
        configuration.plan("staging", "DATABASE_URL")


def test_times_and_choices_arrive_in_their_units(configured):
    text = POSTGRES + (
        'roles = ["a", "b"]\nstrategy = "gradual"\nevery_days = 30\ngrace_s = 5\nsoak_s = 1.5\ncanaries = ["web-1"]\n'
        'windows = ["sat 01:00-02:00"]\nnotify_before_hours = 2\nfailures = 3\n'
    )
    configuration = configured(text)
    plan = configuration.plan("production", "DATABASE_URL")
    assert (plan.strategy, plan.every_s, plan.grace_s, plan.soak_s) == (Strategy.GRADUAL, 30 * DAY_S, 5.0, 1.5)
    assert plan.audited
    assert not configured(text + "audited = false\n").plan("production", "DATABASE_URL").audited
    assert (plan.canaries, len(plan.windows), plan.notify_before_s, plan.failures) == (("web-1",), 1, 7200.0, 3)
    assert configuration.every_s("production", "DATABASE_URL") == 30 * DAY_S


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[production", "rotation.toml"),
        ("production = 1", "production"),
        ('[production.DATABASE_URL]\ntarget = "mysql"', "production.DATABASE_URL.target"),
        ('[production.DATABASE_URL]\ncolour = "blue"', "production.DATABASE_URL.colour"),
        (POSTGRES, "production.DATABASE_URL.roles"),
        (POSTGRES + 'roles = ["a", "b"]\ngrace_s = -1', "production.DATABASE_URL.grace_s"),
        (POSTGRES + 'roles = ["a", "b"]\ngrace_s = true', "production.DATABASE_URL.grace_s"),
        (POSTGRES + 'roles = ["a", "b"]\ngrace_s = nan', "production.DATABASE_URL.grace_s"),
        (POSTGRES + 'roles = ["a", "b"]\npatience_s = inf', "production.DATABASE_URL.patience_s"),
        (POSTGRES + 'roles = ["a", "b"]\naudited = "no"', "production.DATABASE_URL.audited"),
        (POSTGRES + 'roles = ["a", "b"]\naudited = 0', "production.DATABASE_URL.audited"),
        (POSTGRES + 'roles = ["a", "b"]\nstrategy = "sideways"', "production.DATABASE_URL.strategy"),
        (POSTGRES + 'roles = ["a", "b"]\nevery_days = "often"', "production.DATABASE_URL.every_days"),
        (POSTGRES.replace("rotator/PG", "../PG") + 'roles = ["a"]', "production.DATABASE_URL.a value"),
        ('[production.DATABASE_URL]\ngenerator = "dice"', "production.DATABASE_URL.a value"),
        ('[production.DATABASE_URL]\ntarget = "webhook"\nurl = "http://x.example/"\nsigning = "S"', "url"),
        ('[production.DATABASE_URL]\ngenerator = "jwk"\nalgorithm = "none"', "algorithm"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(configured, text, named):
    with pytest.raises(ConfigurationError) as caught:
        configured(text).plan("production", "DATABASE_URL")
    assert any(named in name for name in caught.value.names)


@pytest.mark.parametrize("days", ["-1", '"x"', "true", "nan", "inf", "1e9"])
def test_an_interval_that_is_none_is_named(configured, days):
    configuration = configured(f"[production.A]\nevery_days = {days}\n")
    with pytest.raises(ConfigurationError):
        configuration.every_s("production", "A")


def test_without_a_table_the_class_decides_what_is_drawn(configured):
    configuration = configured("")
    assert isinstance(configuration.plan("x", "DB_PASSWORD").generator, Password)
    assert isinstance(configuration.plan("x", "API_TOKEN").generator, Token)
    for name in ("DATABASE_URL", "LOG_LEVEL"):
        with pytest.raises(RotationRefused):
            configuration.plan("x", name)
        assert configuration.plan("x", name, handed=True).generator(Secret("a"))
