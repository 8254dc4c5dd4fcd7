"""What the tests of access control share: a store as `init` makes it, a clock, and short ways to make rules."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealproof.loader.keys import forget_keys
from sealproof.settings import Settings
from sealproof.vault.access import AccessControl, Conditions, Operation, Rule, Subject
from sealproof.vault.access.editor import PolicyEditor
from sealproof.vault.audit.interface import Established
from sealproof.vault.foundation import lay_foundation
from sealproof.vault.keys.keyring import Keyring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OURS = ("SEALPROOF_", "GIT_", "MASTER_SECRET_KEY", "CREDENTIALS_DIRECTORY")
ALICE = Subject("alice", Established.UID, "uid:1001")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        monkeypatch.delenv(name)
    forget_keys()
    yield
    forget_keys()


class Clock:
    """A clock that stands until it is moved. 2026-11-24 was a Tuesday."""

    def __init__(self) -> None:
        self.now = 1_795_564_800.0  # 2026-11-25 00:00:00 UTC, a Wednesday

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "secrets"
    lay_foundation(str(root), passphrase=None, iterations=100_000, clock=time.time)
    return root


@pytest.fixture
def root(tmp_path: Path, _template: Path) -> str:
    shutil.copytree(_template, tmp_path / "secrets")
    return str(tmp_path / "secrets")


@pytest.fixture
def owner() -> Subject:
    return Subject.this_user()


@pytest.fixture
def control(root: str, clock: Clock) -> AccessControl:
    return AccessControl(root, settings=Settings(), clock=clock)


@pytest.fixture
def editor(control: AccessControl, owner: Subject, clock: Clock) -> PolicyEditor:
    return PolicyEditor(control, owner, clock=clock)


@pytest.fixture
def policy_key(root: str):
    return Keyring(root).signing_key("policy")


def rule(rule_id: str = "r1", **parts: object) -> Rule:
    """Allow alice to read everything of acme, but for what `parts` says."""
    conditions = {name: parts.pop(name) for name in list(parts) if name in Conditions.__dataclass_fields__}
    operations = parts.pop("operations", ("read",))
    defaults = {"allows": True, "subject": "alice", "tenant": "acme", "environment": "*", "name": "*"}
    return Rule(
        rule_id,
        **(defaults | parts),  # type: ignore[arg-type]
        operations=tuple(Operation(operation) for operation in operations),  # type: ignore[union-attr]
        conditions=Conditions(**conditions),  # type: ignore[arg-type]
        created=1_795_000_000,
        by="root",
    )


@pytest.fixture
def make_rule() -> Callable[..., Rule]:
    return rule
