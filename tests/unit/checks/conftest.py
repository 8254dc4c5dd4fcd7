"""What the tests of checks share: a real store with two tenants, real git, and one check run through the runner."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealproof.checks.attacks import evidence
from sealproof.checks.runner import SURVEYED, Item, run_item
from sealproof.checks.survey import Survey, survey
from sealproof.checks.target import Target, TargetSpec
from sealproof.checks.tenant import TenantView
from sealproof.findings import CheckResult, Finding, Scope, Status
from sealproof.loader.keys import forget_keys
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import lay_foundation
from sealproof.vault.inventory import describe_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TENANTS = ("aurora", "borealis")
_OURS = ("SEALPROOF_", "GIT_", "MASTER_SECRET_KEY", "CREDENTIALS_DIRECTORY")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No key, setting or git configuration of whoever runs the tests reaches them."""
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        monkeypatch.delenv(name)
    for name, value in {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Test",
        "GIT_AUTHOR_EMAIL": "test@localhost",
        "GIT_COMMITTER_NAME": "Test",
        "GIT_COMMITTER_EMAIL": "test@localhost",
    }.items():
        monkeypatch.setenv(name, value)
    forget_keys()
    yield
    forget_keys()


def strong_values() -> dict[str, bytes]:
    """One secret of each class, each value drawn at random."""
    return {
        "API_TOKEN": secrets.token_urlsafe(32).encode(),
        "DATABASE_URL": f"postgresql://app:{secrets.token_urlsafe(24)}@db.internal:5432/app".encode(),
        "DB_PASSWORD": secrets.token_urlsafe(24).encode(),
        "JWT_SECRET_KEY": secrets.token_hex(32).encode(),
        "LOG_LEVEL": b"INFO",
    }


@pytest.fixture(scope="session")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store that `store` copies: key stretching is paid once."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(_OURS)]:
            patch.delenv(name)
        forget_keys()
        project = tmp_path_factory.mktemp("template") / "project"
        project.mkdir()
        root = str(project / "secrets")
        lay_foundation(root, passphrase=None, iterations=100_000, clock=time.time)
        custodian = Custodian(root)
        for tenant in TENANTS:
            values = strong_values()
            custodian.seal(tenant, "development", values)
            describe_missing(custodian.store, tenant, values, owner="platform", purpose="tests", rotation_days=90)
    return project


@pytest.fixture
def store(tmp_path: Path, _project: Path) -> Path:
    """The root of a fresh store at `project/secrets`: tenants aurora and borealis, development only, all clean."""
    shutil.copytree(_project, tmp_path / "project")
    return tmp_path / "project" / "secrets"


@pytest.fixture
def run_check() -> Callable[..., CheckResult]:
    """Run one check: `run_check(root, "SEC-001", Scope("aurora", "development"), now=…, profile=…)`."""

    def run(root: Path | str, check_id: str, scope: Scope | str = "", **spec: object) -> CheckResult:
        if isinstance(scope, str):
            scope = Scope(scope, "development") if scope else Scope()
        target = Target(TargetSpec(root=os.fspath(root), **spec))  # type: ignore[arg-type]
        learnt = Survey()
        if check_id in SURVEYED:
            with ThreadPoolExecutor(1) as executor:
                learnt = survey(target.spec, target.scopes, executor)
        view = TenantView(target, scope) if scope.tenant else None
        return run_item(Item(check_id, scope), target, view, learnt)

    return run


@pytest.fixture
def failures() -> Callable[[CheckResult], dict[str, Finding]]:
    """Return a result's failing findings by resource."""

    def failing(result: CheckResult) -> dict[str, Finding]:
        return {finding.resource: finding for finding in result.findings if finding.status is Status.FAIL}

    return failing


@pytest.fixture
def failure(failures: Callable[[CheckResult], dict[str, Finding]]) -> Callable[[CheckResult], Finding]:
    """Return a result's only failing finding."""

    def only(result: CheckResult) -> Finding:
        (finding,) = failures(result).values()
        return finding

    return only


@pytest.fixture
def git() -> Callable[..., str]:
    """Run git in a directory and return its output: `git(directory, "add", "-A")`."""

    def run(directory: Path | str, *words: str) -> str:
        answer = subprocess.run(["git", "-C", os.fspath(directory), *words], capture_output=True, text=True, check=True)
        return answer.stdout

    return run


@pytest.fixture(autouse=True)
def _no_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the rows of the attack table to their own tests: here each check's own attempts are in question."""
    if "attacks" not in request.path.parts[-2:]:
        monkeypatch.setattr(evidence, "rows_of", lambda _check: ())
