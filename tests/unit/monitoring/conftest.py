"""What the tests of monitoring share: a store with a canary, a real receiver on loopback, and what the log says."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sealproof.errors import AccessDenied
from sealproof.loader.keys import forget_keys
from sealproof.monitoring.custody import AdvancedSecretManager
from sealproof.settings import Settings
from sealproof.vault import canaries
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.recent import Reader, who_is_who
from sealproof.vault.audit.verify import verify
from sealproof.vault.canaries import Canary
from sealproof.vault.foundation import lay_foundation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OURS = ("SEALPROOF_", "GIT_", "MASTER_SECRET_KEY", "CREDENTIALS_DIRECTORY", "ALERT_", "SECURITY_ALERTS", "SSH_")
TENANT, ENVIRONMENT = "acme", "development"
CANARY, ORDINARY = "BACKUP_ADMIN_TOKEN", "DB_PASSWORD"
VALUE = "tk-7h2MqZ9vXs4LwNd8-canary-value"


class Receiver:
    """A webhook on loopback. `answers` holds the status of each call to come; then it is 200."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.calls = 0
        self.answers: list[int] = []
        self.silent = threading.Event()
        self.open = threading.Event()
        self.open.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls += 1
                outer.open.wait(20)
                status = outer.answers.pop(0) if outer.answers else 200
                if status < 300:
                    outer.raw.append(body)
                    outer.got.append(json.loads(body))
                self.send_response(status)
                self.end_headers()
                if status < 300:
                    self.wfile.write(b"ok")  # what many receivers answer, and no JSON

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        monkeypatch.delenv(name)
    forget_keys()
    yield
    forget_keys()


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "secrets"
    lay_foundation(str(root), passphrase=None, iterations=100_000, clock=time.time)

    async def fill() -> None:
        async with AdvancedSecretManager(TENANT, root=root, settings=Settings()) as manager:
            await manager.set_secret(ORDINARY, "fjord-anvil-9037-mosaic")
            await manager.set_secret(CANARY, VALUE)

    asyncio.run(fill())
    canaries.enlist(str(root), TENANT, Canary(ENVIRONMENT, CANARY, int(time.time())))
    return root


@pytest.fixture
def root(tmp_path: Path, _template: Path) -> str:
    shutil.copytree(_template, tmp_path / "secrets")
    return str(tmp_path / "secrets")


@pytest.fixture
def ask(root: str) -> Callable[..., str | None]:
    """Ask the manager for a secret; None if that was refused. It is closed at the end, so alerts have gone out."""

    def run(name: str, *, prepare: Callable[[Any], None] = lambda _: None, **options: Any) -> str | None:
        more = {key: options.pop(key) for key in ("break_glass",) if key in options}

        async def whole() -> str | None:
            async with AdvancedSecretManager(TENANT, root=root, **({"settings": Settings()} | options)) as manager:
                prepare(manager)
                try:
                    return await manager.get_secret(name, **more)
                except AccessDenied:
                    return None

        return asyncio.run(whole())

    return run


def told(root: str) -> list[tuple[str, str, str, str]]:
    """Return operation, outcome, actor and secret of the records, oldest first; the log is verified."""
    verify(root, TENANT, pinned_key(root, TENANT))
    known = who_is_who(root, TENANT, (CANARY, ORDINARY))
    entries = Reader(root, TENANT).newest(100)
    return [
        (one.operation, one.outcome, known.get(one.actor, one.actor), known.get(one.secret, one.secret))
        for one in entries
    ]
