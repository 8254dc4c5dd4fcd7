"""A small store, an offline identity, and containers of both kinds, made once."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from sealproof.envelope import cipher
from sealproof.loader.keys import forget_keys
from sealproof.vault.audit.interface import AuditRecord, Established, Outcome
from sealproof.vault.audit.log import AuditLog
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import Identity, Recipients
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation

PRIVATE = bytes(range(32))
PRODUCTION = {"DB_PASSWORD": b"fjord-anvil-9037-mosaic", "TOKEN": b"a81f0c4472de4b3c"}
GLOBEX = {"DB_PASSWORD": b"globex-lantern-5512-quartz"}
SCOPES = (("acme", "production", PRODUCTION), ("acme", "development", GLOBEX), ("globex", "development", GLOBEX))


@pytest.fixture(autouse=True)
def _keys_forgotten(monkeypatch):
    for name in (
        "MASTER_SECRET_KEY",
        "SEALPROOF_KEY",
        "SEALPROOF_KEY_FILE",
        "SEALPROOF_STATE",
        "SEALPROOF_MIN_GENERATION",
    ):
        monkeypatch.delenv(name, raising=False)
    forget_keys()
    yield
    forget_keys()


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """Two tenants, an audit log, a manifest; `acme.spbak` and `store.spbak` beside the store, made of it."""
    place = tmp_path_factory.mktemp("backup")
    root = place / "secrets"
    lay_foundation(str(root), passphrase=None, iterations=100_000, clock=time.time)
    custodian = Custodian(str(root))
    for tenant, environment, values in SCOPES:
        custodian.seal(tenant, environment, values)
    (root / "tenants/acme/manifest.toml").write_text('[DB_PASSWORD]\nowner = "alice"\n')
    (root / "tenants/acme/manifest.toml").chmod(0o644)
    (root / "tenants/acme/notes").write_text("not ours")
    with AuditLog(str(root), "acme") as log:
        log.append([AuditRecord("user:alice", Established.UID, "read", Outcome.ALLOW, "production", "TOKEN")])
    (root / "audit/.reserve").unlink()
    for scope, name in (("acme", "acme.spbak"), ("*", "store.spbak")):
        create(custodian, scope, offline(), directory=str(place), name=name)
    return place


def offline():
    return Recipients((cipher.reader_public(PRIVATE),))


@pytest.fixture
def identity():
    return Identity((PRIVATE,))


@pytest.fixture
def place(template, tmp_path):
    """A copy of all of it."""
    shutil.copytree(template, tmp_path / "place")
    return tmp_path / "place"


@pytest.fixture
def root(place):
    return place / "secrets"


@pytest.fixture
def custodian(root):
    return Custodian(str(root))


@pytest.fixture
def opens():
    """Prove that every file of a store opens with its values."""

    def check(root, scopes=SCOPES):
        forget_keys()
        custodian = Custodian(os.fspath(root))
        for tenant, environment, values in scopes:
            assert custodian.open(tenant, environment).values() == values
        return custodian

    return check
