"""POSIX access lists, read from where the kernel keeps them: who may do more than the mode bits say."""

from __future__ import annotations

import errno
import os
import struct

_ACCESS, _DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
# linux/posix_acl_xattr.h: a version, then entries of tag, permissions and id, all little-endian.
_HEAD = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_USER, _GROUP_OF_FILE, _GROUP, _OTHER = 0x02, 0x04, 0x08, 0x20
_NONE = frozenset((errno.ENODATA, errno.ENOTSUP))  # no list, or a file system that has none


def grants_others(path: str, *, directory: bool) -> bool:
    """Tell whether `path` has entries for others beyond its mode, or (a directory) hands such on to new files.

    Raises OSError if the list cannot be read.
    """
    named = any(tag in (_USER, _GROUP) for tag, _ in _entries(path, _ACCESS))
    if named or not directory:
        return named
    handed_on = _entries(path, _DEFAULT)
    return any(tag in (_USER, _GROUP) or (tag in (_GROUP_OF_FILE, _OTHER) and bits) for tag, bits in handed_on)


def _entries(path: str, name: str) -> list[tuple[int, int]]:
    if not hasattr(os, "getxattr"):
        return []  # the kernel keeps no such lists
    try:
        data = os.getxattr(path, name, follow_symlinks=False)
    except OSError as exc:
        if exc.errno in _NONE:
            return []
        raise
    body = data[_HEAD.size :]
    return [(tag, bits) for tag, bits, _ in _ENTRY.iter_unpack(body[: len(body) // _ENTRY.size * _ENTRY.size])]
