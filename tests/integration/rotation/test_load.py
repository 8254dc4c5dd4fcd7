"""Ten rotations of each strategy under 16 workers: nothing fails. Two wrong ways do fail, or the test is blind.

`make bench` does a hundred of each, with the same code.
"""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path

import pytest

from sealproof.loader.secret import Secret
from sealproof.rotation.strategies import Strategy

_BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks" / "rotation.py"
_SPEC = importlib.util.spec_from_file_location("rotation_under_load", _BENCHMARK)  # the tests' package has its name
load = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(load)

ROTATIONS = 10
STRATEGIES = [Strategy.BLUE_GREEN, Strategy.CANARY, Strategy.GRADUAL]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rotations_of_a_postgresql_login_disturb_nobody(postgres, strategy):
    with load.at_postgres(postgres) as (store, target, generator), load.postgres_users(store) as uses:
        work = partial(load.rotate, store, load.plan_of(target, generator), strategy, ROTATIONS)
        row = load.measure("PostgreSQL", strategy.value, ROTATIONS, uses, work)
    assert row["failed"] == 0, row["reasons"]
    assert row["ok"] > ROTATIONS * load.WORKERS


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rotations_of_a_redis_password_disturb_nobody(redis_server, strategy):
    with load.at_redis(redis_server) as (store, plan), load.redis_users(store) as uses:
        work = partial(load.rotate, store, plan, strategy, ROTATIONS)
        row = load.measure("Redis", strategy.value, ROTATIONS, uses, work)
    assert row["failed"] == 0, row["reasons"]
    assert row["ok"] > ROTATIONS * load.WORKERS


@pytest.mark.parametrize("wrong", [load.published_late, load.revoked_at_once])
def test_the_wrong_ways_are_seen_to_fail(postgres, wrong):
    with load.at_postgres(postgres) as (store, target, generator), load.postgres_users(store, helper=False) as uses:
        work = partial(wrong, store, target, generator, ROTATIONS, admin=lambda: Secret(postgres.admin_url))
        row = load.measure("PostgreSQL", "wrong", ROTATIONS, uses, work)
    assert row["failed"] > 0
