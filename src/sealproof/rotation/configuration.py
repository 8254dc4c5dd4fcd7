"""`tenants/<tenant>/rotation.toml`: how each secret is rotated, a table by environment and name.

    [production.DATABASE_URL]
    target = "postgresql"
    owner = "acme"
    roles = ["acme_a", "acme_b"]
    admin = "rotator/PG_ADMIN_URL"        # environment/NAME of a sealed secret of the same tenant

No secret stands here. What a target needs one for is named, and is best sealed in an environment of the rotator's own.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from sealproof.envelope.grammar import is_environment, is_name
from sealproof.errors import ConfigurationError, RotationRefused, UnknownSecret
from sealproof.loader.secret import Secret
from sealproof.rotation.generators import AlternatingLogin, Password, Token
from sealproof.rotation.jwk import SigningJwk
from sealproof.rotation.plan import DAY_S, Plan, is_duration
from sealproof.rotation.strategies import Strategy
from sealproof.rotation.targets.api_keys import WebhookTarget
from sealproof.rotation.targets.interface import Capabilities
from sealproof.rotation.targets.manual import ClientCredentials, ManualTarget
from sealproof.rotation.targets.nothing import NoTarget
from sealproof.rotation.targets.postgres import PostgresTarget
from sealproof.rotation.targets.redis_acl import RedisTarget
from sealproof.rotation.targets.signing_keys import KeySetTarget
from sealproof.rotation.windows import parse as parse_window
from sealproof.vault import inventory, manifest
from sealproof.vault.manifest import SecretClass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealproof.rotation.generators import Generator
    from sealproof.rotation.targets.interface import Target
    from sealproof.vault.custodian import Custodian

FILE_NAME = "rotation.toml"
_FILE_MAX = 1024 * 1024  # bytes
_HOUR_S = 3600.0
_NEEDED = {
    "postgresql": ("owner", "roles", "admin"),
    "redis": ("user", "admin"),
    "key-set": ("path",),
    "webhook": ("url", "signing"),
    "manual": ("where",),
}
_ALONE = "none"
"""The target of a secret that nothing outside knows, such as a key that one application signs its cookies with."""
_GENERATOR = {"token": ("bits",), "password": ("length",), "jwk": ("algorithm",)}
_TARGET = {
    "postgresql": ("owner", "roles", "admin", "probe", "connection_life_s", "deadline_s"),
    "redis": ("user", "admin", "probe", "save", "connection_life_s", "deadline_s"),
    "key-set": ("path", "url", "cache_s", "token_s", "skew_s", "deadline_s"),
    "webhook": ("url", "signing", "send", "overlap", "settle_s", "life_s", "deadline_s"),
    "manual": ("where", "token_url", "client_id", "overlap", "deadline_s"),
    _ALONE: (),
}


class Configuration:
    """The plans of one tenant, as `rotation.toml` and the manifest have them."""

    def __init__(self, custodian: Custodian, tenant: str) -> None:
        self._custodian = custodian
        self._tenant = tenant
        self._path = f"{custodian.store.root}/tenants/{tenant}/{FILE_NAME}"
        text = custodian.store.read_beside(tenant, FILE_NAME, limit=_FILE_MAX) or b""
        self._tables = _parsed(text, self._path)
        _, self._manifest = inventory.read(custodian.store, tenant)

    def __repr__(self) -> str:
        return f"Configuration({self._path!r})"

    def entry(self, name: str) -> manifest.Entry | None:
        """Return the manifest's entry of a secret."""
        return self._manifest.get(name)

    def kind(self, name: str) -> SecretClass:
        """Return a secret's class: from the manifest, else guessed from its name."""
        entry = self._manifest.get(name)
        return (entry.kind if entry else None) or manifest.classify(name)

    def expiries(self) -> dict[str, str]:
        """Return the last day of each secret that has one, as the manifest says it."""
        return {name: entry.expires for name, entry in self._manifest.items() if entry.expires not in ("", "never")}

    def every_s(self, environment: str, name: str) -> float:
        """Return the seconds between rotations that `rotation.toml` sets; 0 for none. Raises ConfigurationError."""
        days = self._tables.get(environment, {}).get(name, {}).get("every_days", 0)
        if not is_duration(days) or not is_duration(days * DAY_S):
            raise self._wrong(environment, name, "every_days", "days, such as 30")
        return days * DAY_S

    def is_by_hand(self, environment: str, name: str) -> bool:
        """Tell whether nobody has said what `name` unlocks, not even that it unlocks nothing (`target = "none"`).

        A drawn value of it might be one that no server knows, in the place of the only copy of one that works.
        """
        return not self._tables.get(environment, {}).get(name, {}).get("target")

    def plan(self, environment: str, name: str, *, handed: bool = False) -> Plan:
        """Return how `name` is rotated. `handed` is a value that comes from elsewhere: then nothing has to be drawn.

        Raises ConfigurationError, RotationRefused for what has no target and cannot be drawn.
        """
        table = dict(self._tables.get(environment, {}).get(name, {}))
        if not table and not handed:
            return Plan(generator=self._default_generator(name))
        kind = table.pop("target", "")
        if kind and kind not in _TARGET:
            raise self._wrong(environment, name, "target", " or ".join(_TARGET))
        known = (
            *_CONVERSIONS,
            "generator",
            *(_TARGET[kind] if kind else ()),
            *_GENERATOR.get(str(table.get("generator", "")), ()),
        )
        kind = "" if kind == _ALONE else kind
        unknown = [key for key in table if key not in known]
        if unknown:
            raise self._wrong(environment, name, unknown[0], f"known are {', '.join(known)}")
        missing = [key for key in _NEEDED.get(kind, ()) if key not in table]
        if missing:
            raise self._wrong(environment, name, missing[0], f"a {kind} target needs {', '.join(_NEEDED[kind])}")
        try:
            target = self._target(kind, environment, table)
            chosen = self._generator(name, kind, table, handed=handed)
            return Plan(target, chosen, **_options(table))
        except (KeyError, TypeError, ValueError) as exc:
            key = str(exc.args[0]) if isinstance(exc, KeyError) else "a value"
            raise self._wrong(environment, name, key, "see docs/rotation.md") from None

    def _target(self, kind: str, environment: str, table: dict[str, Any]) -> Target:
        given = {key: table[key] for key in _TARGET.get(kind, ()) if key in table}
        if kind == "postgresql":
            return PostgresTarget(self._sealed(environment, given.pop("admin")), **given)
        if kind == "redis":
            if "probe" in given:
                given["probe"] = tuple(str(given["probe"]).split())
            return RedisTarget(self._sealed(environment, given.pop("admin")), **given)
        if kind == "key-set":
            return KeySetTarget(given.pop("path"), **given)
        if kind == "webhook":
            settle, life = float(given.pop("settle_s", 0)), float(given.pop("life_s", 0))
            can = Capabilities(overlap=int(given.pop("overlap", 2)), settle_s=settle, life_s=life)
            signing = self._sealed(environment, given.pop("signing"))
            return WebhookTarget(given.pop("url"), signing, capabilities=can, **given)
        if kind == "manual":
            test = None
            if "token_url" in given:
                client = self._sealed(environment, given["client_id"])
                test = ClientCredentials(given["token_url"], client, deadline_s=float(given.get("deadline_s", 10)))
            return ManualTarget(given["where"], test=test, overlap=int(given.get("overlap", 1)))
        return NoTarget()

    def _generator(self, name: str, kind: str, table: dict[str, Any], *, handed: bool) -> Generator:
        chosen = table.get("generator", "")
        if chosen == "jwk" or (kind == "key-set" and not chosen):
            return SigningJwk(table.get("algorithm", "EdDSA"))
        password = Password(table["length"]) if "length" in table else Password()
        if kind == "postgresql":
            roles = table["roles"]
            return AlternatingLogin(roles, password) if len(roles) > 1 else password
        if kind == "redis" or chosen == "password":
            return password
        if kind or chosen == "token":
            return Token(table.get("bits", 256))
        if chosen:
            raise ValueError(chosen)
        return Token() if handed else self._default_generator(name)

    def _default_generator(self, name: str) -> Generator:
        kind = self.kind(name)
        if kind is SecretClass.PASSWORD:
            return Password()
        if kind in (SecretClass.TOKEN, SecretClass.KEY):
            return Token()
        what = "a connection string" if kind is SecretClass.CONNECTION else "configuration, and no secret"
        message = f"{name} is {what}, so no value of it can be drawn without a target"
        raise RotationRefused(message, hint=f"name its target in {self._path}, or hand a value over with --paste")

    def _sealed(self, environment: str, reference: str) -> Callable[[], Secret]:
        """Return what reads a sealed secret of this tenant when it is needed: `NAME`, or `environment/NAME`."""
        place, _, name = str(reference).rpartition("/")
        if not is_name(name) or (place and not is_environment(place)):
            raise ValueError(reference)

        def read() -> Secret:
            values = self._custodian.open(self._tenant, place or environment).values()
            if name not in values:
                message = f"{self._tenant}/{place or environment} has no secret {name}, which {FILE_NAME} names"
                raise UnknownSecret(message, hint=f"sealproof set {self._tenant} {name} --environment {place}")
            return Secret(values[name].decode())

        return read

    def _wrong(self, environment: str, name: str, key: str, allowed: str) -> ConfigurationError:
        message = f"{self._path}: {environment}.{name}.{key} cannot be used"
        return ConfigurationError(message, hint=allowed, names=(f"{environment}.{name}.{key}",))


def _parsed(text: bytes, path: str) -> dict[str, dict[str, dict[str, Any]]]:
    try:
        tables = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as exc:
        message = f"{path} is no TOML: {exc}"
        raise ConfigurationError(message, hint="see the line named above", names=(path,)) from exc
    for environment, secrets in tables.items():
        good = is_environment(environment) and isinstance(secrets, dict)
        if not good or not all(is_name(name) and isinstance(table, dict) for name, table in secrets.items()):
            message = f"{path}: {environment!r:.80} holds no tables by secret name"
            raise ConfigurationError(message, hint="[production.DATABASE_URL]", names=(environment,))
    return tables


def _options(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a plan. Raises KeyError naming the key whose value is of the wrong kind."""
    options: dict[str, Any] = {}
    for key, (field, convert) in _CONVERSIONS.items():
        if key in table:
            try:
                options[field] = convert(table[key])
            except (ValueError, TypeError):
                raise KeyError(key) from None
    return options


def _number(value: object) -> float:
    if not is_duration(value):
        raise ValueError
    return float(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError
    return tuple(value)


_CONVERSIONS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "grace_s": ("grace_s", _number),
    "patience_s": ("patience_s", _number),
    "soak_s": ("soak_s", _number),
    "poll_s": ("poll_s", _number),
    "canary_count": ("canary_count", lambda value: int(_number(value))),
    "users": ("users", lambda value: int(_number(value))),
    "failures": ("failures", lambda value: int(_number(value))),
    "audited": ("audited", _flag),
    "strategy": ("strategy", Strategy),
    "every_days": ("every_s", lambda value: _number(value) * DAY_S),
    "notify_before_hours": ("notify_before_s", lambda value: _number(value) * _HOUR_S),
    "canaries": ("canaries", _texts),
    "windows": ("windows", lambda value: tuple(parse_window(text) for text in _texts(value))),
}
"""What `rotation.toml` calls each field of a plan, and how its value is read."""
