"""What the rotation tests share: real servers, a store, and one credential at each target."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealproof.loader.keys import forget_keys
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation

from . import servers
from .bench import Bench, at_callable, at_key_set, at_postgres, at_redis

_OURS = ("SEALPROOF_", "MASTER_SECRET_KEY", "CREDENTIALS_DIRECTORY")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No key or setting of whoever runs the tests reaches them."""
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        monkeypatch.delenv(name)
    forget_keys()
    yield
    forget_keys()
    with warnings.catch_warnings():  # clients whose sessions were ended under them go here, not in somebody else's test
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one tenant, copied for each test: keys are stretched once."""
    root = tmp_path_factory.mktemp("template") / "secrets"
    lay_foundation(str(root), passphrase=None, iterations=100_000, clock=time.time)
    Custodian(str(root)).seal("acme", "development", {"COOKIE_KEY": b"fjord-anvil-9037-mosaic", "LOG_LEVEL": b"INFO"})
    return root


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory in memory where there is such a thing: a killed process loses no page cache, so nothing is missed."""
    directory = Path(tempfile.mkdtemp(prefix="sealproof-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def store(place: Path, _template: Path) -> str:
    """The root of a fresh store with the tenant acme."""
    shutil.copytree(_template, place / "secrets")
    return str(place / "secrets")


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    with _running(servers.postgres) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Redis]:
    with _running(servers.redis_server) as server:
        yield server


class _running:  # noqa: N801 - reads as a phrase
    """Enter a server; a missing one skips the test, and fails it where `CI` is set."""

    def __init__(self, server: Callable[[], object]) -> None:
        self._context = server()

    def __enter__(self) -> object:
        try:
            return self._context.__enter__()
        except servers.ServerMissing as exc:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"{exc} is not installed here; CI insists on it")

    def __exit__(self, *problem: object) -> None:
        self._context.__exit__(*problem)


@pytest.fixture(params=["postgres", "redis", "key-set", "callable"])
def bench(request: pytest.FixtureRequest, store: str, place: Path) -> Bench:
    """A credential that works, at each kind of target in turn."""
    return _make(request, request.param, store, place)


@pytest.fixture
def at(request: pytest.FixtureRequest, store: str, place: Path) -> Callable[[str], Bench]:
    """A credential at a target of one's choice: `at("postgres")`."""
    return lambda kind: _make(request, kind, store, place)


def _make(request: pytest.FixtureRequest, kind: str, store: str, place: Path) -> Bench:
    if kind == "postgres":
        return at_postgres(store, request.getfixturevalue("postgres"))
    if kind == "redis":
        return at_redis(store, request.getfixturevalue("redis_server"))
    return at_key_set(store, str(place / "jwks.json")) if kind == "key-set" else at_callable(store, str(place))
