"""The shipped data, as a copy that a test may break."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sealproof.compliance import _data

Data = dict[str, dict[str, Any]]


@pytest.fixture
def data() -> Data:
    """Every data file's tables by path, this test's own to change."""
    return copy.deepcopy({path: dict(tables) for path, tables in _data.read().items()})
