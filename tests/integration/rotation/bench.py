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
from typing import Any

from sealproof.errors import TargetRefused
from sealproof.loader.secret import Secret
from sealproof.rotation import jwk
from sealproof.rotation.engine import Engine
from sealproof.rotation.generators import AlternatingLogin, Password, Token
from sealproof.rotation.plan import Plan
from sealproof.rotation.targets.api_keys import CallableTarget
from sealproof.rotation.targets.postgres import PostgresTarget
from sealproof.rotation.targets.redis_acl import RedisTarget
from sealproof.rotation.targets.signing_keys import KeySetTarget
from sealproof.vault.custodian import Custodian
from sealproof.vault.journal import Journal

TENANT, ENVIRONMENT = "acme", "development"
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


def at_postgres(root: str, server: Any, *, seal: bool = True, roles: tuple[str, ...] = ()) -> Bench:
    if not roles:
        owner, *rest = server.owner_with_logins(first_password="first-of-many")
        roles = (owner, *rest)
    owner, *logins = roles
    if seal:
        _seal(root, "DATABASE_URL", server.url(logins[0], "first-of-many"))
    target = PostgresTarget(lambda: Secret(server.admin_url), owner=owner, roles=logins)
    generator = AlternatingLogin(logins) if len(logins) > 1 else Password()
    return Bench(
        root, "DATABASE_URL", Plan(target, generator, **FAST), lambda: len(server.may_log_in() & set(logins)),
        {"kind": "postgres", "root": root, "port": server.port, "log": str(server.log), "roles": list(roles)},
    )  # fmt: skip


def at_redis(root: str, server: Any, *, seal: bool = True, user: str = "") -> Bench:
    if not user:
        user = server.user(first_password="first-of-many")
    if seal:
        _seal(root, "REDIS_URL", server.url(user, "first-of-many"))
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
        _seal(root, "API_KEY", "first-of-many")
        accept(Secret("first-of-many"))
    target = CallableTarget(name="our service", is_effective=accepts, set=accept, test=use, revoke=end)
    spec = {"kind": "callable", "root": root, "directory": directory}
    return Bench(root, "API_KEY", Plan(target, Token(), **FAST), lambda: len(os.listdir(keys)), spec)


def from_spec(spec: dict[str, Any]) -> Bench:
    """Return the bench that another process made."""
    from pathlib import Path  # noqa: PLC0415 - beside their only use

    import servers  # noqa: PLC0415 - a child process has this directory on its path

    if spec["kind"] == "postgres":
        server = servers.Postgres(spec["port"], Path(spec["log"]))
        return at_postgres(spec["root"], server, seal=False, roles=tuple(spec["roles"]))
    if spec["kind"] == "redis":
        return at_redis(spec["root"], servers.Redis(spec["port"], Path(spec["log"])), seal=False, user=spec["user"])
    if spec["kind"] == "key-set":
        return at_key_set(spec["root"], spec["path"], seal=False)
    return at_callable(spec["root"], spec["directory"], seal=False)


def _seal(root: str, name: str, value: str) -> None:
    Custodian(root).seal(TENANT, ENVIRONMENT, {name: value.encode()})
