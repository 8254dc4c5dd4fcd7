"""What the tests of custody share: a store as `init` makes it, a manager, and what its log says."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealproof.loader.keys import forget_keys
from sealproof.settings import Settings
from sealproof.vault.audit.export import as_document
from sealproof.vault.audit.home import pinned_key
from sealproof.vault.audit.lines import RECORD, read_record
from sealproof.vault.audit.recent import who_is_who
from sealproof.vault.audit.verify import verify
from sealproof.vault.custody import AdvancedSecretManager
from sealproof.vault.foundation import lay_foundation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

_OURS = ("SEALPROOF_", "GIT_", "MASTER_SECRET_KEY", "CREDENTIALS_DIRECTORY")
TENANT = "acme"
NAMES = ("DB_PASSWORD", "API_TOKEN", "JWT_KEY")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        monkeypatch.delenv(name)
    forget_keys()
    yield
    forget_keys()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one secret, DB_PASSWORD, of acme."""
    root = tmp_path_factory.mktemp("template") / "secrets"
    lay_foundation(str(root), passphrase=None, iterations=100_000, clock=time.time)

    async def fill() -> None:
        async with AdvancedSecretManager(TENANT, root=root, settings=Settings()) as manager:
            await manager.set_secret("DB_PASSWORD", "first-value-of-it")

    asyncio.run(fill())
    return root


@pytest.fixture
def root(tmp_path: Path, template: Path) -> str:
    shutil.copytree(template, tmp_path / "secrets")
    return str(tmp_path / "secrets")


@pytest.fixture
def work(root: str) -> Callable[..., object]:
    """Run a coroutine function on a fresh manager, in an event loop of its own: `work(lambda m: m.get_secret("A"))`."""

    def run(use: Callable[[AdvancedSecretManager], Awaitable[object]], **options: object) -> object:
        async def whole() -> object:
            async with AdvancedSecretManager(TENANT, root=root, **({"settings": Settings()} | options)) as manager:  # type: ignore[arg-type]
                return await use(manager)

        return asyncio.run(whole())

    return run


def records(root: str, tenant: str = TENANT) -> list[tuple[str, str, str, str, int, str]]:
    """Return operation, outcome, established, secret, version and request of every record; the log is verified."""
    pinned = pinned_key(root, tenant)
    verify(root, tenant, pinned)
    known = who_is_who(root, tenant, NAMES)
    lines = (str(line).encode() for line in as_document(root, tenant, pinned)["lines"])  # type: ignore[attr-defined]
    entries = [read_record(line) for line in lines if line.startswith(RECORD)]
    return [
        (entry.operation, entry.outcome, entry.established, known.get(entry.secret, entry.secret), entry.version,
         entry.request)
        for entry in entries
    ]  # fmt: skip


@pytest.fixture
def log(root: str) -> Callable[[], list[tuple[str, str, str, str, int, str]]]:
    return lambda: records(root)


@pytest.fixture
def log_of() -> Callable[[str], list[tuple[str, str, str, str, int, str]]]:
    return records
