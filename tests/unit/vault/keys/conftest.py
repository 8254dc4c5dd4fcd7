"""A store made once and copied, and operations that are killed at every point they pass."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sealproof.loader.keys import forget_keys
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation

CRASHING = Path(__file__).parents[1] / "crashing.py"
_spec = importlib.util.spec_from_file_location("crashing", CRASHING)
_crashing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_crashing)
SCENARIOS = _crashing.SCENARIOS

PRODUCTION = {"DB_PASSWORD": b"fjord-anvil-9037-mosaic", "TOKEN": b"a81f0c4472de4b3c"}
GLOBEX = {"DB_PASSWORD": b"globex-lantern-5512-quartz"}


@pytest.fixture(autouse=True)
def _keys_forgotten(monkeypatch):
    for name in ("MASTER_SECRET_KEY", "SEALPROOF_KEY", "SEALPROOF_KEY_FILE", "SEALPROOF_STATE"):
        monkeypatch.delenv(name, raising=False)
    forget_keys()
    yield
    forget_keys()


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """Two tenants, one of them with two environments."""
    root = tmp_path_factory.mktemp("keylife") / "secrets"
    lay_foundation(str(root), passphrase=None, iterations=100_000, clock=time.time)
    custodian = Custodian(str(root))
    custodian.seal("acme", "production", PRODUCTION)
    custodian.seal("acme", "development", GLOBEX)
    custodian.seal("globex", "development", GLOBEX)
    return root


@pytest.fixture
def store(template, tmp_path):
    shutil.copytree(template, tmp_path / "secrets")
    return tmp_path / "secrets"


@pytest.fixture
def custodian(store):
    return Custodian(str(store))


@pytest.fixture
def crashed(tmp_path):
    """Run a scenario on copies of a store; return each point with the copy whose process died there."""

    def run(scenario: str, store: Path, *, pick: int | None = None, **environment: str) -> list[tuple[str, Path]]:
        out = tmp_path / f"{scenario}-{len(list(tmp_path.iterdir()))}"
        more = [] if pick is None else [str(pick)]
        done = subprocess.run(
            [sys.executable, str(CRASHING), scenario, str(store), str(out), *more],
            env=os.environ | environment,
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        points = json.loads(done.stdout)
        if pick is not None:
            return [(points[pick % len(points)] if points else "", out / "0")]
        return [(point, out / str(number)) for number, point in enumerate(points)]

    return run
