"""What the journal's tests share: a place with `keys/`, and a way to die at a named point."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from sealproof.vault.journal import Journal

DYING = """
import os, signal, sys
from sealproof.vault.journal import Journal
root, point = sys.argv[1:3]
def reached(name):
    if name == point:
        os.kill(os.getpid(), signal.SIGKILL)
journal = Journal(root, reached=reached)
"""


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "secrets"
    (path / "keys").mkdir(parents=True, mode=0o700)
    path.chmod(0o755)
    return path


@pytest.fixture
def journal(root):
    return Journal(str(root), clock=lambda: 1_764_028_800)


@pytest.fixture
def file(root):
    return root / "keys" / "rotation_log.json"


@pytest.fixture
def dying(root):
    """Run `work`, in a process that kills itself when `journal` reaches `point`."""

    def run(work: str, point: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", DYING + work, str(root), point], env=os.environ, timeout=60, check=False
        )
        assert done.returncode == -signal.SIGKILL, f"{point} was never reached"

    return run
