"""Ten rotations of each strategy under 16 workers: nothing fails. Two wrong ways do fail, or the test is blind.

`make bench` does a hundred of each, with the same code and no pause between operations. Here there is a short one:
sixteen threads that never rest keep the rotation itself from coming to its turn.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
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
PAUSE_S = 0.002
STRATEGIES = [Strategy.BLUE_GREEN, Strategy.CANARY, Strategy.GRADUAL]


def unhurried(use: Callable[[], None]) -> Callable[[], None]:
    def then_rest() -> None:
        use()
        time.sleep(PAUSE_S)

    return then_rest


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rotations_of_a_postgresql_login_disturb_nobody(postgres, strategy):
    with load.at_postgres(postgres) as (store, target, generator), load.postgres_users(store) as uses:
        work = partial(load.rotate, store, load.plan_of(target, generator), strategy, ROTATIONS)
        row = load.measure("PostgreSQL", strategy.value, ROTATIONS, [*map(unhurried, uses)], work)
    assert row["failed"] == 0, row["reasons"]
    assert row["ok"] > ROTATIONS * load.WORKERS


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rotations_of_a_redis_password_disturb_nobody(redis_server, strategy):
    with load.at_redis(redis_server) as (store, plan), load.redis_users(store) as uses:
        work = partial(load.rotate, store, plan, strategy, ROTATIONS)
        row = load.measure("Redis", strategy.value, ROTATIONS, [*map(unhurried, uses)], work)
    assert row["failed"] == 0, row["reasons"]
    assert row["ok"] > ROTATIONS * load.WORKERS


@pytest.mark.parametrize("wrong", [load.published_late, load.revoked_at_once])
def test_the_wrong_ways_are_seen_to_fail(postgres, wrong):
    with load.at_postgres(postgres) as (store, target, generator), load.postgres_users(store, helper=False) as uses:
        work = partial(wrong, store, target, generator, 1, admin=lambda: Secret(postgres.admin_url))
        rows = (load.measure("PostgreSQL", "wrong", 1, uses, work) for _ in range(ROTATIONS))
        assert any(row["failed"] for row in rows)
