"""Optional packages, imported where they are used and nowhere else."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sealproof.errors import MissingExtra

if TYPE_CHECKING:
    from types import ModuleType


def extra(package: str) -> ModuleType:
    """Return an optional package.

    Raises MissingExtra, with the line that installs it.
    """
    try:
        return import_module(package)
    except ImportError as exc:
        message = f"reports need the package {package}"
        raise MissingExtra(message, hint="pip install 'sealproof[ci]'", names=(package,)) from exc
