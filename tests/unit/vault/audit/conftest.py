"""A store with nothing in it but keys/, and a clock that stands still until it is told."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from audit_workshop import TENANT, Clock, make_store

from sealproof.vault.audit.log import AuditLog

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory in memory where there is one: thousands of syncs wait for no disk that others use, too."""
    shared = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as directory:
        yield Path(directory)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def root(tmp_path: Path) -> str:
    return make_store(tmp_path)


@pytest.fixture
def log(root: str, clock: Clock) -> Iterator[AuditLog]:
    with AuditLog(root, TENANT, clock=clock) as opened:
        yield opened
