"""A small project with a real store, and pytest run in it: in this process, or in one of its own."""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import time
import warnings
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sealproof
from sealproof.checks import gate, registry  # noqa: F401 - runs inside this process find them imported
from sealproof.loader.keys import forget_keys
from sealproof.pytest_plugin import gatekeeper, leakage, tenants, throwaway  # noqa: F401 - as above
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation
from sealproof.vault.inventory import describe_missing

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANTS = ("acme", "bravo")
SOURCES = Path(sealproof.__file__).parents[1]
OWN_TEST = "def test_of_the_project(): pass\n"
_FOREIGN = ("SEALPROOF_", "PYTEST_", "MASTER_SECRET_KEY", "CREDENTIALS_DIRECTORY", "CI", "GIT_", "COV_CORE")
_INSTALLED = any(entry.name == "sealproof" for entry in entry_points(group="pytest11"))
PLUGIN = () if _INSTALLED else ("-p", "sealproof.pytest_plugin")
QUICK = ("-p", "no:hypothesispytest")  # it imports hypothesis at the end of every run

registry.registered()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No key and no setting of whoever runs the tests reaches them, nor the runs that they start."""
    for name in [name for name in os.environ if name.startswith(_FOREIGN) and name != "PYTEST_CURRENT_TEST"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(SOURCES))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", "/")
    forget_keys()
    yield
    forget_keys()


@pytest.fixture(scope="session")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean store of two tenants, made once."""
    root = tmp_path_factory.mktemp("template") / "secrets"
    lay_foundation(str(root), passphrase=None, iterations=100_000, clock=time.time)
    custodian = Custodian(str(root))
    for tenant in TENANTS:
        values = {name: secrets.token_urlsafe(32).encode() for name in ("DB_PASSWORD", "API_TOKEN")}
        custodian.seal(tenant, "development", {**values, "LOG_LEVEL": b"INFO"})
        names = (*values, "LOG_LEVEL")
        describe_missing(custodian.store, tenant, names, owner="platform", purpose="tests", rotation_days=90)
    return root


class Project:
    """A project in a directory of its own, with a store at `secrets/` and one passing test."""

    def __init__(self, pytester: pytest.Pytester, template: Path) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.root = self.path / "secrets"
        shutil.copytree(template, self.root)
        pytester.makepyfile(test_project=OWN_TEST)

    def run(self, *arguments: str, apart: bool = False) -> pytest.RunResult:
        """Run pytest; `apart` in a process of its own."""
        run = self.pytester.runpytest_subprocess if apart else self.pytester.runpytest_inprocess
        return run(*PLUGIN, *QUICK, *arguments)

    def check(self, *arguments: str, suite: str = "security", apart: bool = False) -> pytest.RunResult:
        """Run pytest with the checks of one suite."""
        return self.run("--secrets-compliance", "--secrets-suite", suite, *arguments, apart=apart)

    @staticmethod
    def counts(result: pytest.RunResult) -> dict[str, int]:
        """Return how many items ended how; what was deselected is as many as there are checks by now."""
        return {state: count for state, count in result.parseoutcomes().items() if state != "deselected"}

    def items(self, *arguments: str) -> list[str]:
        """Return the node ids that pytest would run."""
        return [line for line in self.run(*arguments, "--collect-only", "-q").outlines if "::" in line]

    def value(self, tenant: str, name: str) -> str:
        """Return a secret's value."""
        return Custodian(str(self.root)).open(tenant, "development").values()[name].decode()

    def plant_plain_twin(self, tenant: str) -> None:
        """Make SEC-001 (critical) fail for a tenant."""
        (self.root / "tenants" / tenant / ".env").write_text("DB_PASSWORD=a-value-in-the-open\n")

    def drop_manifest(self, tenant: str) -> None:
        """Make CMP-006 (high) fail for a tenant."""
        (self.root / "tenants" / tenant / "manifest.toml").unlink()

    def drop_key(self, tenant: str) -> None:
        """Leave SEC-018 (high) without evidence for a tenant."""
        (self.root / "keys" / "tenant_keys" / f"{tenant}.key").unlink()

    def put_check(self, check_id: str, body: str) -> None:
        """Let a conftest put a function in the place of a check: a generator with this body. Run it `apart`."""
        self.pytester.makeconftest(
            "import os\n"
            "from sealproof.checks import registry\n"
            "from sealproof.findings import *\n"
            f"def planted(ctx):\n    {body}\n    return\n    yield\n"
            f"registry.registered()[{check_id!r}] = planted\n"
        )


@pytest.fixture
def project(pytester: pytest.Pytester, _store: Path) -> Project:
    """A clean project."""
    return Project(pytester, _store)


@pytest.fixture(autouse=True)
def _nothing_of_other_tests_is_collected_in_a_run():
    """A run inside this process counts warnings, so what other tests left to the collector goes before it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
