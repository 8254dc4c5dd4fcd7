"""One credential at one target, with a plan to rotate it and a way to see what the target accepts.

A bench travels to other processes as plain data (`spec`), so that real processes can be killed at work on it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealproof.errors import TargetRefused
from sealproof.loader.secret import Secret
from sealproof.rotation import jwk
from sealproof.rotation.engine import Engine
from sealproof.rotation.generators import AlternatingLogin, Password, Token
from sealproof.rotation.plan import Plan
from sealproof.rotation.targets.api_keys import CallableTarget, WebhookTarget
from sealproof.rotation.targets.manual import ClientCredentials, ManualTarget
from sealproof.rotation.targets.postgres import PostgresTarget
from sealproof.rotation.targets.redis_acl import RedisTarget
from sealproof.rotation.targets.signing_keys import KeySetTarget
from sealproof.vault.custodian import Custodian
from sealproof.vault.journal import Journal

from .servers import Postgres, Redis
from .services import CLIENT_ID, SIGNING, KeyService, Person, TokenService

TENANT, ENVIRONMENT = "acme", "development"
FIRST = "first-of-many"
FAST = {"grace_s": 0.0, "soak_s": 0.0, "poll_s": 0.01, "patience_s": 0.5}


@dataclass
class Bench:
    """A store, the name of a secret in it, and its target."""

    root: str
    name: str
    plan: Plan
    valid: Callable[[], int]
    """How many credentials the target accepts now."""
    spec: dict[str, Any]
    person: Person | None = None
    """Who acts where the target asks for somebody."""

    @property
    def custodian(self) -> Custodian:
        return Custodian(self.root)

    def engine(self, **options: Any) -> Engine:
        journal = Journal(self.root, **({"reached": options.pop("reached")} if "reached" in options else {}))
        return Engine(self.custodian, journal, TENANT, ENVIRONMENT, **options)

    def values(self) -> dict[str, Secret]:
        """The values of the secret that stand in the file, by entry name."""
        opened = self.custodian.open(TENANT, ENVIRONMENT).values()
        names = (self.name, f"{self.name}.pending", f"{self.name}.previous")
        return {name: Secret(opened[name].decode()) for name in names if name in opened}

    def current(self) -> Secret:
        return self.values()[self.name]

    def but(self, **changes: Any) -> Bench:
        """The same with another plan."""
        return dataclasses.replace(self, plan=dataclasses.replace(self.plan, **changes))

    def moved(self, root: str) -> Bench:
        """The same credential in another store, whose journal is short: every process reads a journal to its end."""
        _seal(root, self.name, self.current().reveal())
        Journal(root).note("bench.move", "")  # makes the journal's key, which the first rotation would have to make
        return dataclasses.replace(self, root=root, spec={**self.spec, "root": root})


def at_postgres(root: str, server: Postgres, *, seal: bool = True, roles: tuple[str, ...] = ()) -> Bench:
    """PostgreSQL. `roles` are the owner and the logins: two, unless they are given."""
    if not roles:
        roles = server.owner_with_logins(first_password=FIRST)
    owner, *logins = roles
    if seal:
        _seal(root, "DATABASE_URL", server.url(logins[0], FIRST))
    target = PostgresTarget(lambda: Secret(server.admin_url), owner=owner, roles=logins)
    generator = AlternatingLogin(logins) if len(logins) > 1 else Password()
    return Bench(
        root, "DATABASE_URL", Plan(target, generator, **FAST), lambda: len(server.may_log_in() & set(logins)),
        {"kind": "postgres", "root": root, "port": server.port, "log": str(server.log), "roles": list(roles)},
    )  # fmt: skip


def at_redis(root: str, server: Redis, *, seal: bool = True, user: str = "") -> Bench:
    if not user:
        user = server.user(first_password=FIRST)
    if seal:
        _seal(root, "REDIS_URL", server.url(user, FIRST))
    plan = Plan(RedisTarget(lambda: Secret(server.admin_url), user=user), Password(), **FAST)
    return Bench(
        root, "REDIS_URL", plan, lambda: len(server.passwords(user)),
        {"kind": "redis", "root": root, "port": server.port, "log": str(server.log), "user": user},
    )  # fmt: skip


def at_key_set(root: str, path: str, *, seal: bool = True) -> Bench:
    target = KeySetTarget(path, cache_s=0.0, token_s=0.0, skew_s=0.0)
    if seal:
        first = jwk.SigningJwk()(Secret(""))
        _seal(root, "JWT_SIGNING_KEY", first.reveal())
        target.set(first, current=first)
    plan = Plan(target, jwk.SigningJwk(), **FAST)

    def valid() -> int:
        with open(path, encoding="ascii") as file:
            return len(json.load(file)["keys"])

    return Bench(root, "JWT_SIGNING_KEY", plan, valid, {"kind": "key-set", "root": root, "path": path})


def at_callable(root: str, directory: str, *, seal: bool = True) -> Bench:
    """A service that keeps its API keys as empty files named after them."""
    keys = os.path.join(directory, "api-keys")
    os.makedirs(keys, exist_ok=True)

    def accept(value: Secret) -> None:
        with open(os.path.join(keys, value.reveal()), "w", encoding="ascii"):
            pass

    def accepts(value: Secret) -> bool:
        return os.path.exists(os.path.join(keys, value.reveal()))

    def use(value: Secret) -> None:
        if not accepts(value):
            raise TargetRefused("the service refused the key")

    def end(value: Secret) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(keys, value.reveal()))

    if seal:
        _seal(root, "API_KEY", FIRST)
        accept(Secret(FIRST))
    target = CallableTarget(name="our service", is_effective=accepts, set=accept, test=use, revoke=end)
    spec = {"kind": "callable", "root": root, "directory": directory}
    return Bench(root, "API_KEY", Plan(target, Token(), **FAST), lambda: len(os.listdir(keys)), spec)


def at_webhook(root: str, url: str, service: KeyService | None = None) -> Bench:
    """A service that is told of its API keys by webhook; `service` itself where it runs in this process."""
    if service is not None:
        _seal(root, "API_KEY", FIRST)
        service.accept(FIRST)
    plan = Plan(WebhookTarget(url, lambda: Secret(SIGNING)), Token(), **FAST)
    spec = {"kind": "webhook", "root": root, "url": url}
    return Bench(root, "API_KEY", plan, lambda: len(service.accepted) if service else 0, spec)


def at_dashboard(root: str, url: str, *, at_once: int, service: TokenService | None = None) -> Bench:
    """A service whose client secrets a person makes, one or two `at_once`; `service` itself where it runs here."""
    if service is not None:
        _seal(root, "CLIENT_SECRET", FIRST)
        service.secrets.append(FIRST)
    test = ClientCredentials(f"{url}/api/token", lambda: Secret(CLIENT_ID))
    plan = Plan(ManualTarget("the dashboard", test=test, overlap=at_once), **FAST)
    spec = {"kind": "dashboard", "root": root, "url": url, "at_once": at_once}
    return Bench(root, "CLIENT_SECRET", plan, lambda: len(service.secrets) if service else 0, spec, Person(url))


def from_spec(spec: dict[str, Any]) -> Bench:
    """Return the bench that another process made."""
    kind, root = spec["kind"], spec["root"]
    if kind == "postgres":
        return at_postgres(root, Postgres(spec["port"], Path(spec["log"])), seal=False, roles=tuple(spec["roles"]))
    if kind == "redis":
        return at_redis(root, Redis(spec["port"], Path(spec["log"])), seal=False, user=spec["user"])
    if kind == "key-set":
        return at_key_set(root, spec["path"], seal=False)
    if kind == "webhook":
        return at_webhook(root, spec["url"])
    if kind == "dashboard":
        return at_dashboard(root, spec["url"], at_once=spec["at_once"])
    return at_callable(root, spec["directory"], seal=False)


def _seal(root: str, name: str, value: str) -> None:
    Custodian(root).seal(TENANT, ENVIRONMENT, {name: value.encode()})
