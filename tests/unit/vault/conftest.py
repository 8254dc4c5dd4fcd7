"""A bare store for the tests of what lies at the vault's heart: made once, copied for each test, with its own clock."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from sealproof.loader.keys import forget_keys
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OURS = ("SEALPROOF_", "GIT_", "MASTER_SECRET_KEY", "CREDENTIALS_DIRECTORY")
_SETTINGS = ("KEY_DERIVATION_ITERATIONS", "ROTATION_INTERVAL_DAYS")
START = 1_790_000_000  # unix seconds
VALUES = {"DB_PASSWORD": b"fjord-anvil-9037-mosaic", "LOG_LEVEL": b"INFO"}


class Clock:
    """Unix seconds that stand until they are moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the caller's own settings and keys out of a test."""
    for name in [name for name in os.environ if name.startswith((*_OURS, *_SETTINGS))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", "/")
    forget_keys()
    yield
    forget_keys()


@pytest.fixture(scope="session")
def _foundation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("foundation") / "secrets"
    lay_foundation(str(root), passphrase=None, iterations=100_000, clock=lambda: START)
    return root


@pytest.fixture
def root(bare: None, _foundation: Path, tmp_path: Path) -> Path:
    """Return the root of an empty store of this test's own."""
    shutil.copytree(_foundation, tmp_path / "secrets")
    return tmp_path / "secrets"


@pytest.fixture
def clock() -> Clock:
    """Return the clock that `keeper` reads."""
    return Clock()


@pytest.fixture
def keeper(root: Path, clock: Clock) -> Custodian:
    """Return the custodian of a store that holds acme/development."""
    custodian = Custodian(str(root), clock=clock)
    custodian.seal("acme", "development", VALUES)
    return custodian
