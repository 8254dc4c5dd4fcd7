"""The product installed into an empty environment by the ordinary pip: what production has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import Shell

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items):
    """Keep this folder's tests on one worker: one environment is made for all of them."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("base_install"))


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> Path:
    """Return the `bin` of an environment that `pip install .` was called in, and nothing else."""
    directory = tmp_path_factory.mktemp("base")
    (directory / "source").mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "src"):  # the work tree's build/ is no part of it
        os.symlink(ROOT / name, directory / "source" / name)
    subprocess.run([sys.executable, "-m", "venv", directory / "environment"], check=True)
    bin_directory = directory / "environment" / "bin"
    wheel = [sys.executable, "-m", "build", "--wheel", "--outdir", directory, directory / "source"]
    for command in (wheel, [bin_directory / "python", "-m", "pip", "install", "--quiet"]):
        arguments = command if command is wheel else [*command, *directory.glob("*.whl")]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode:
            stop = pytest.fail if os.environ.get("CI") else pytest.skip
            stop(f"cannot install here: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
    return bin_directory


@pytest.fixture
def shell(installed, tmp_path) -> Shell:
    """Return an empty directory in which `sealproof` is the installed one."""
    directory = tmp_path / "project"
    directory.mkdir()
    shell = Shell(directory)
    path = shell.environment["PATH"].partition(":")[2]  # without this test run's own environment
    shell.environment |= {"PATH": f"{installed}:{path}", "PYTHONDONTWRITEBYTECODE": "1"}
    return shell
