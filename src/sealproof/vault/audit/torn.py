"""What a killed writer left behind the last checkpoint: moved aside, kept, and recorded by its hash.

It was acknowledged to nobody. The file is called `.torn.new` until the record of it is durable, so
that a second crash half-way loses neither.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

from sealproof.errors import FileUnavailable
from sealproof.loader.files import unavailable
from sealproof.vault.audit.segments import first_of

if TYPE_CHECKING:
    from sealproof.loader.files import Directory
    from sealproof.vault.audit.segments import Segment

_PENDING = ".torn.new"
_MAX = 1024 * 1024 * 1024  # bytes


def set_aside(directory: Directory, segment: Segment, end: int) -> None:
    """Move a segment's bytes from its accepted size to `end` into a file of their own.

    Raises FileUnavailable, OSError.
    """
    data = segment.read(segment.size, end)
    directory.replace(f"{first_of(segment.name):016}.{segment.size}{_PENDING}", data)
    segment.cut()


def pending(directory: Directory) -> list[str]:
    """Return what was set aside and is perhaps not recorded yet."""
    return [name for name in directory.names() if name.endswith(_PENDING)]


def describe(directory: Directory, name: str) -> tuple[int, str]:
    """Return size and SHA-256, in hex, of what was set aside. Raises UnsafeFile, FileUnavailable."""
    data = directory.read(name, limit=_MAX, private=True)
    if data is None:
        message = f"{directory.path}/{name} vanished"
        raise FileUnavailable(message, hint=f"ls -la {directory.path}")
    return len(data), sha256(data).hexdigest()


def recorded(directory: Directory, name: str) -> None:
    """Give what was set aside its final name. Raises FileUnavailable."""
    try:
        os.rename(name, name.removesuffix(".new"), src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
        os.fsync(directory.fd)
    except OSError as exc:
        raise unavailable(f"{directory.path}/{name}", exc) from exc
