"""Puts the second implementation of the format, `tests/vectors/vector_maker`, within reach."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "vectors"))
