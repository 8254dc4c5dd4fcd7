"""A store that a person made by typing, once a session; every test works on a copy."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from .shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

DOTENV = "DB_PASSWORD=fjord-anvil-9037-mosaic\nJWT_SECRET_KEY=kV9x2QmT7pLr4WzYb8Nc3HdGf6JsEa1U\nLOG_LEVEL=INFO\n"
GLOBEX = "DB_PASSWORD=globex-lantern-5512-quartz\n"


@pytest.fixture
def empty(tmp_path: Path) -> Shell:
    """Return an empty directory."""
    directory = tmp_path / "project"
    directory.mkdir()
    return Shell(directory)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tenants, sealed by typing."""
    shell = Shell(tmp_path_factory.mktemp("template") / "project")
    shell.path.mkdir()
    shell.type("git init --quiet . && sealproof init")
    shell.type("sealproof seal acme", stdin=DOTENV)
    shell.type("sealproof seal globex", stdin=GLOBEX)
    shell.type("git add --all && git commit --quiet --message start")
    return shell.path


@pytest.fixture
def shell(template: Path, tmp_path: Path) -> Shell:
    """Return a project of this test's own."""
    copy = tmp_path / "project"
    shutil.copytree(template, copy, symlinks=True)
    return Shell(copy)
