"""Rotations under load: 16 workers open fresh and pooled connections to real servers while credentials change.

    python benchmarks/rotation.py [--rotations 100] [--strategy gradual]

Each row is one target and one way to rotate. The last two rows do it wrong, and must fail: or the bench is blind.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "integration" / "rotation"))

import psycopg
import psycopg_pool
import redis
import servers

from sealproof.loader.secret import Secret
from sealproof.rotation.clients.postgres import connection_class
from sealproof.rotation.clients.postgres import connection_pool as postgres_pool
from sealproof.rotation.clients.redis import connection_pool
from sealproof.rotation.consumers import Consumer
from sealproof.rotation.credential import login_of
from sealproof.rotation.engine import Engine
from sealproof.rotation.generators import AlternatingLogin, Generator, Password
from sealproof.rotation.plan import Plan
from sealproof.rotation.states import State
from sealproof.rotation.strategies import Strategy
from sealproof.rotation.targets.postgres import PostgresTarget
from sealproof.rotation.targets.redis_acl import RedisTarget
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation
from sealproof.vault.journal import Journal

if TYPE_CHECKING:
    from sealproof.rotation.targets.interface import Target

WORKERS = 16
REFRESH_S = 0.05
GRACE_S = 0.5  # longer than a refresh and an operation, on a busy machine
LATE_S = 0.2  # what the first wrong way publishes too late
WRONG_ROTATIONS = 10
FIRST = "first-of-many"
TENANT, ENVIRONMENT = "acme", "development"
Use = Callable[[], None]


class Count:
    """Operations that worked and that did not, and the first few reasons."""

    def __init__(self) -> None:
        self.ok = 0
        self.failed = 0
        self.reasons: list[str] = []
        self._lock = threading.Lock()

    def add(self, error: BaseException | None) -> None:
        """Count one operation."""
        with self._lock:
            if error is None:
                self.ok += 1
            else:
                self.failed += 1
                self.reasons.append(f"{type(error).__name__}: {str(error).splitlines()[0][:120]}")


class Store:
    """A store with one credential in it, and the consumers of it."""

    def __init__(self, directory: str, name: str, value: str) -> None:
        self.root = f"{directory}/secrets"
        lay_foundation(self.root, passphrase=None, iterations=100_000, clock=time.time)
        self.custodian = Custodian(self.root)
        self.custodian.seal(TENANT, ENVIRONMENT, {name: value.encode()})
        self.name = name
        self.engine = Engine(self.custodian, Journal(self.root), TENANT, ENVIRONMENT)

    def consumer(self, number: int) -> Consumer:
        """Return a worker's own view of the store."""
        return Consumer(TENANT, consumer_id=f"worker-{number}", root=self.root, refresh_s=REFRESH_S)

    def value(self) -> Secret:
        """Return the present value."""
        return self.engine.shelf.look(self.name).current

    def publish(self, value: Secret) -> None:
        """Seal a value without a rotation."""
        self.custodian.seal(TENANT, ENVIRONMENT, {self.name: value.reveal().encode()})


@contextmanager
def load(uses: list[Use]) -> Iterator[Count]:
    """Let every worker operate without a pause while the block runs."""
    count, ended = Count(), threading.Event()

    def work(use: Use) -> None:
        while not ended.is_set():
            error = None
            try:
                use()
            except (psycopg.Error, redis.RedisError, psycopg_pool.PoolTimeout) as exc:
                error = exc
            count.add(error)

    threads = [threading.Thread(target=work, args=(use,)) for use in uses]
    for thread in threads:
        thread.start()
    try:
        yield count
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@contextmanager
def postgres_users(store: Store, *, helper: bool = True) -> Iterator[list[Use]]:
    """Half of the workers open a connection for each operation, half share pools of kept ones."""
    pools: list[Any] = []

    def fresh(consumer: Consumer) -> Use:
        connections = connection_class(consumer, store.name)

        def use() -> None:
            with connections.connect(connect_timeout=10) as connection:
                connection.execute("SELECT current_user")

        return use

    def pooled(consumer: Consumer) -> Use:
        pool = postgres_pool(consumer, store.name, min_size=1, max_size=2, open=True, timeout=20)
        pools.append(pool)

        def use() -> None:
            with pool.connection() as connection:
                connection.execute("SELECT current_user")

        return use

    def plain(consumer: Consumer) -> Use:
        def use() -> None:
            with psycopg.connect(consumer.get_secret(store.name), connect_timeout=10) as connection:
                connection.execute("SELECT current_user")

        return use

    kinds = (fresh, pooled) if helper else (plain, plain)
    uses = [kinds[number % 2](store.consumer(number)) for number in range(WORKERS)]
    try:
        yield uses
    finally:
        for pool in pools:
            pool.close()


@contextmanager
def redis_users(store: Store) -> Iterator[list[Use]]:
    """As for PostgreSQL: half fresh, half kept."""
    clients = [redis.Redis(connection_pool=connection_pool(store.consumer(n), store.name)) for n in range(WORKERS)]

    def use_of(client: redis.Redis, *, fresh: bool) -> Use:
        def use() -> None:
            client.incr("operations")
            if fresh:
                client.connection_pool.disconnect()

        return use

    try:
        yield [use_of(client, fresh=number % 2 == 0) for number, client in enumerate(clients)]
    finally:
        for client in clients:
            client.close()


def rotate(store: Store, plan: Plan, strategy: Strategy, rotations: int) -> None:
    """Rotate again and again, and insist that each came to its end."""
    for _ in range(rotations):
        result = store.engine.rotate(store.name, plan, strategy=strategy)
        if result.state is not State.DONE:
            message = f"a rotation ended as {result.state.value}: {result.why}"
            raise SystemExit(message)


def plan_of(target: Target, generator: Generator) -> Plan:
    return Plan(target, generator, grace_s=GRACE_S, soak_s=0.1, poll_s=0.02, patience_s=20.0)


def published_late(
    store: Store, target: PostgresTarget, generator: AlternatingLogin, rotations: int, *, admin: Callable[[], Secret]
) -> None:
    """The first wrong way: one user, whose password is changed first and published a moment later."""
    del target, generator  # two users would be the right way
    role = login_of(store.value()).user
    single = PostgresTarget(admin, owner=role.removesuffix("_a"), roles=[role])
    for _ in range(rotations):
        value = Password()(store.value())
        single.set(value, current=store.value())
        time.sleep(LATE_S)
        store.publish(value)
        time.sleep(GRACE_S)


def revoked_at_once(
    store: Store, target: PostgresTarget, generator: AlternatingLogin, rotations: int, *, admin: Callable[[], Secret]
) -> None:
    """The second wrong way: two users, but the old one ends the moment the new one is published."""
    del admin  # the target has it
    for _ in range(rotations):
        old = store.value()
        value = generator(old)
        target.set(value, current=old)
        store.publish(value)
        target.revoke(old, current=value)
        time.sleep(GRACE_S)


def measure(label: str, scheme: str, rotations: int, uses: list[Use], work: Callable[[], None]) -> dict[str, Any]:
    begun = time.monotonic()
    with load(uses) as count:
        time.sleep(0.3)
        work()
    seconds = time.monotonic() - begun
    return {
        "target": label, "scheme": scheme, "rotations": rotations, "ok": count.ok, "failed": count.failed,
        "seconds": seconds, "reasons": count.reasons[:3],
    }  # fmt: skip


def run(rotations: int, strategies: list[Strategy]) -> Iterator[dict[str, Any]]:
    """Yield a row for each strategy at each server, and the two that must fail."""
    with servers.postgres() as pg, servers.redis_server() as rs:
        for strategy in strategies:
            with at_postgres(pg) as (store, target, generator), postgres_users(store) as uses:
                work = partial(rotate, store, plan_of(target, generator), strategy, rotations)
                yield measure("PostgreSQL", strategy.value, rotations, uses, work)
            with at_redis(rs) as (store, plan), redis_users(store) as uses:
                yield measure(
                    "Redis", strategy.value, rotations, uses, partial(rotate, store, plan, strategy, rotations)
                )
        wrong = min(rotations, WRONG_ROTATIONS)
        for scheme, way in (("single user, published late", published_late), ("old revoked at once", revoked_at_once)):
            with at_postgres(pg) as (store, target, generator), postgres_users(store, helper=False) as uses:
                work = partial(way, store, target, generator, wrong, admin=lambda: Secret(pg.admin_url))
                yield measure("PostgreSQL", f"WRONG: {scheme}", wrong, uses, work)


@contextmanager
def at_postgres(server: servers.Postgres) -> Iterator[tuple[Store, PostgresTarget, AlternatingLogin]]:
    """Give a store with a login that works, its target and its generator."""
    owner, first, second = server.owner_with_logins(first_password=FIRST)
    target = PostgresTarget(lambda: Secret(server.admin_url), owner=owner, roles=[first, second])
    with _directory() as directory:
        yield Store(directory, "DATABASE_URL", server.url(first, FIRST)), target, AlternatingLogin((first, second))


@contextmanager
def at_redis(server: servers.Redis) -> Iterator[tuple[Store, Plan]]:
    """Give a store with a password that works, and the plan to rotate it."""
    user = server.user(first_password=FIRST)
    target = RedisTarget(lambda: Secret(server.admin_url), user=user)
    with _directory() as directory:
        yield Store(directory, "REDIS_URL", server.url(user, FIRST)), plan_of(target, Password())


@contextmanager
def _directory() -> Iterator[str]:
    directory = tempfile.mkdtemp(prefix="sealproof-bench-")
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rotations", type=int, default=100)
    watched = [Strategy.BLUE_GREEN, Strategy.CANARY, Strategy.GRADUAL]
    parser.add_argument("--strategy", choices=[one.value for one in watched], action="append")
    args = parser.parse_args()
    chosen = [Strategy(name) for name in args.strategy] if args.strategy else watched
    bad = 0
    print("| target | way | rotations | operations ok | failed | seconds |\n|---|---|---|---|---|---|")
    for row in run(args.rotations, chosen):
        cells = (row["target"], row["scheme"], row["rotations"], row["ok"], row["failed"], f"{row['seconds']:.0f}")
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        wrong = row["scheme"].startswith("WRONG")
        if wrong != bool(row["failed"]):
            bad += 1
            print(f"  unexpected: {row['reasons']}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
