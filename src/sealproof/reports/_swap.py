"""Put a directory in another's place."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2  # linux/fs.h


def swap(fresh: Path, target: Path) -> None:
    """Give `fresh` the name `target`; what had it before is at `fresh` afterwards, or nothing is.

    On Linux this is one step. Where the system or the file system cannot exchange names it is two, and
    between them there is no `target`: never a mixture.
    """
    if not target.exists():
        fresh.rename(target)
    elif not _exchange(fresh, target):
        _in_two_steps(fresh, target)


def _exchange(fresh: Path, target: Path) -> bool:
    # NOTE: renameat2 is Linux only and the standard library does not offer it; glibc has it since 2.28.
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(renameat2(_AT_FDCWD, os.fsencode(fresh), _AT_FDCWD, os.fsencode(target), _RENAME_EXCHANGE) == 0)


def _in_two_steps(fresh: Path, target: Path) -> None:
    aside = fresh.with_name(f"{fresh.name}.old")
    target.rename(aside)
    try:
        fresh.rename(target)
    except OSError:
        aside.rename(target)
        raise
    aside.rename(fresh)
