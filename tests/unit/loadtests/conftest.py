"""A scratch store to serve."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sealproof.checks.scratch import ScratchStore
from sealproof.loader.keys import forget_keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScratchStore]:
    """Two tenants full of canaries, and no key of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith(("SEALPROOF_", "MASTER_SECRET_KEY", "CREDENTIALS_"))]:
        monkeypatch.delenv(name)
    forget_keys()
    yield ScratchStore(os.fspath(tmp_path))
    forget_keys()
