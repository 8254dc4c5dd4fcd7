"""What the loader's tests share: a real store, made once and copied, and a process environment given back exactly."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealproof.loader import environment
from sealproof.loader.keys import forget_keys
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OURS = ("SEALPROOF_", "MASTER_SECRET_KEY", "CREDENTIALS_DIRECTORY", "GIT_")

VALUES = {
    "DB_PASSWORD": b"fjord-anvil-9037-mosaic",
    "EMPTY": b"",
    "GREETING": "snö, ${DB_PASSWORD} and $(id)".encode(),
    "SPOTIFY_CLIENT_ID": b"0f3b8a6d2c5e4f7181920a3b4c5d6e7f",
    "SPOTIFY_CLIENT_SECRET": b"a81f0c4472de4b3c9f55ab02d1e6c7f0",
    "SPOTIFY_REDIRECT_URI": b"http://127.0.0.1:8888/callback",
}
GLOBEX = {"DB_PASSWORD": b"globex-lantern-5512-quartz", "ONLY_GLOBEX": b"1"}
PRODUCTION = {"DB_PASSWORD": b"production-heron-2281-slate"}


@pytest.fixture(autouse=True)
def _environment_given_back() -> Iterator[None]:
    """Take the caller's own settings away, and give everything back: variables, held keys, held tenant."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(_OURS) or name in VALUES or name in GLOBEX]:
        del os.environ[name]
    forget_keys()
    environment._loaded.clear()
    yield
    os.environ.clear()
    os.environ.update(before)
    forget_keys()
    environment._loaded.clear()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tenants, one of them with two environments, and the key files that hosts of each would hold."""
    directory = tmp_path_factory.mktemp("template")
    directory.chmod(0o755)
    (directory / "hosts").mkdir(mode=0o700)
    root = directory / "secrets"
    lay_foundation(str(root), passphrase=None, iterations=100_000, clock=time.time)
    custodian = Custodian(str(root))
    for tenant, place, values in (
        ("acme", "development", VALUES),
        ("acme", "production", PRODUCTION),
        ("globex", "development", GLOBEX),
    ):
        custodian.seal(tenant, place, values)
        lines = custodian.keyring.key_lines(tenant, place)
        key_file = directory / "hosts" / f"{tenant}.{place}.key"
        key_file.write_text("".join(line.to_line() + "\n" for line in lines), encoding="ascii")
        key_file.chmod(0o600)
    forget_keys()
    return directory


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Path:
    """Return the root of a store of this test's own, keys included."""
    shutil.copytree(template / "secrets", tmp_path / "secrets")
    return tmp_path / "secrets"


@pytest.fixture
def custodian(store: Path) -> Custodian:
    """Return who keeps `store`."""
    return Custodian(str(store))


@pytest.fixture
def key_file(template: Path, tmp_path: Path) -> Path:
    """Return the key file of acme/development, as a host holds it."""
    copy = tmp_path / "host" / "acme.key"
    copy.parent.mkdir(mode=0o700)
    shutil.copy(template / "hosts" / "acme.development.key", copy)
    return copy


@pytest.fixture
def host(template: Path, tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of a deployed store: sealed files, no keys; the host's key file is named in the environment."""
    root = tmp_path / "deployed"
    shutil.copytree(template / "secrets" / "tenants", root / "tenants")
    monkeypatch.setenv("SEALPROOF_KEY_FILE", str(key_file))
    return root


@pytest.fixture
def host_key(template: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Name other scopes' key files in the environment: `host_key("globex/development", …)`."""

    def name(*scopes: str) -> None:
        texts = [(template / "hosts" / f"{scope.replace('/', '.')}.key").read_text() for scope in scopes]
        monkeypatch.setenv("SEALPROOF_KEY", "".join(texts).removesuffix("\n"))

    return name


@pytest.fixture
def sealed(host: Path) -> Path:
    """Return the sealed file of acme/development on the host."""
    return host / "tenants" / "acme" / ".env.enc"


@pytest.fixture
def values() -> dict[str, str]:
    """Return what the store holds for acme/development."""
    return {name: value.decode() for name, value in VALUES.items()}
