"""What the rotation tests share: real servers, a store, and one credential at each target."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sealproof.loader.keys import forget_keys
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation

from . import servers, services
from .bench import FIRST, Bench, at_callable, at_dashboard, at_key_set, at_postgres, at_redis, at_webhook

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many schedules of two kills were tried where all are (`make crash`)."""
    tried: dict[str, list[float]] = {}
    for report in terminalreporter.getreports("passed"):
        for name, schedules in report.user_properties:
            if name == "schedules" and report.when == "call" and os.environ.get("SEALPROOF_CRASH") == "every":
                row = tried.setdefault(report.nodeid.partition("[")[2].rpartition("-")[0], [0, 0.0])
                row[0] += schedules
                row[1] += report.duration
    for way, (schedules, seconds) in sorted(tried.items()):
        terminalreporter.write_line(f"{way:32} {schedules:5} schedules {seconds:7.0f} s")


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
def new_store(place: Path, _template: Path) -> Callable[[], str]:
    """The root of another fresh store at each call, each with the tenant acme."""

    def make() -> str:
        return shutil.copytree(_template, os.path.join(tempfile.mkdtemp(dir=place), "secrets"))

    return make


@pytest.fixture
def store(new_store: Callable[[], str]) -> str:
    """The root of a fresh store with the tenant acme."""
    return new_store()


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


@pytest.fixture
def start() -> Iterator[Callable[[services.Answer], str]]:
    """Start a loopback service and return its address; it ends with the test."""
    with ExitStack() as running:
        yield lambda answer: running.enter_context(services.serving(answer))


@pytest.fixture(params=["postgres", "redis", "key-set", "callable", "webhook"])
def bench(request: pytest.FixtureRequest, at: Callable[[str], Bench]) -> Bench:
    """A credential that works, at each kind of target in turn."""
    return at(request.param)


@pytest.fixture
def at(request: pytest.FixtureRequest, store: str, place: Path) -> Callable[[str], Bench]:
    """A credential at a target of one's choice: `at("postgres")`."""

    def postgres() -> Bench:
        return at_postgres(store, request.getfixturevalue("postgres"))

    def postgres_one() -> Bench:
        server = request.getfixturevalue("postgres")
        owner, login, _ = server.owner_with_logins(first_password=FIRST)
        return at_postgres(store, server, roles=(owner, login))

    def webhook() -> Bench:
        service = services.KeyService()
        return at_webhook(store, request.getfixturevalue("start")(service), service)

    def dashboard(at_once: int) -> Bench:
        service = services.TokenService(at_once=at_once)
        return at_dashboard(store, request.getfixturevalue("start")(service), at_once=at_once, service=service)

    benches = {
        "postgres": postgres,
        "postgres-one": postgres_one,
        "redis": lambda: at_redis(store, request.getfixturevalue("redis_server")),
        "key-set": lambda: at_key_set(store, str(place / "jwks.json")),
        "callable": lambda: at_callable(store, str(place)),
        "webhook": webhook,
        "manual": lambda: dashboard(1),
        "manual-two": lambda: dashboard(2),
    }
    return lambda kind: benches[kind]()
