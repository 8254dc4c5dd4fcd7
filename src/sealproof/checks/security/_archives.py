"""Look into archives without unpacking them: bounded in entries and bytes, nothing written to disk."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING, cast

from sealproof.checks.security._key_text import KEY_TEXT_MAX, key_in

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRIES_MAX = 10_000
UNPACKED_MAX = 256 * 1024 * 1024  # bytes
LOOKED_INTO = (".tar", ".tar.gz", ".tgz", ".zip")
NOT_LOOKED_INTO = (".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".7z", ".rar", ".cpio")
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError)
_ZIP_ENTRY = b"PK\x01\x02"  # head of a central directory entry (APPNOTE.TXT, 4.3.12)
_ENCRYPTED = 0x1  # general purpose bit 0 (APPNOTE.TXT, 4.4.4)


@dataclass(slots=True)
class Contents:
    """What an archive holds: key texts by entry name, how many sealed files, and why it was not read to its end."""

    keys: list[tuple[str, str]] = field(default_factory=list)
    sealed: int = 0
    unread: str = ""
    entries: int = 0

    def count(self) -> None:
        """Count one entry of any kind."""
        self.entries += 1
        if self.entries > ENTRIES_MAX:
            message = f"it has more than {ENTRIES_MAX} entries"
            raise _TooMuch(message)

    def take(self, name: str, read: Callable[[], bytes]) -> None:
        """Look at one regular file of the archive."""
        if name.endswith(".enc"):
            self.sealed += 1
            return
        if name.lower().endswith(LOOKED_INTO + NOT_LOOKED_INTO):
            self.unread = "it holds another archive"
            return
        what = key_in(read())
        if what:
            self.keys.append((name, what))


class _TooMuch(Exception):
    """A limit was reached."""


def look_into(path: str) -> Contents:
    """Return what the archive at `path` holds; `unread` says what kept it from being read to its end."""
    contents = Contents()
    if path.lower().endswith(NOT_LOOKED_INTO):
        contents.unread = "archives of this kind are not looked into"
        return contents
    try:
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > UNPACKED_MAX:
                contents.unread = f"it is no regular file of at most {UNPACKED_MAX} bytes"
            elif path.lower().endswith(".zip"):
                _zip(file, contents)
            elif path.lower().endswith(".tar"):
                _tar(_Meter(file), contents)
            else:
                with gzip.open(file) as unpacked:
                    _tar(_Meter(unpacked), contents)
    except _TooMuch as exc:
        contents.unread = str(exc)
    except _BROKEN as exc:
        contents.unread = f"it cannot be read ({type(exc).__name__})"
    return contents


class _Meter:
    """A stream that stops at the limit of unpacked bytes, whatever the archive says its sizes are."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile) -> None:
        self._source = source
        self._left = UNPACKED_MAX

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self.spend(len(data))
        return data

    def spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            message = f"it unpacks to more than {UNPACKED_MAX} bytes"
            raise _TooMuch(message)


def _tar(stream: _Meter, contents: Contents) -> None:
    # Read as a stream: the meter sees every byte that is unpacked, headers and skipped files included.
    with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive:
        for member in archive:
            contents.count()
            if member.isreg():
                contents.take(member.name, partial(_of_tar, archive, member))


def _of_tar(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return b"" if file is None else file.read(KEY_TEXT_MAX)


def _zip(file: IO[bytes], contents: Contents) -> None:
    _count_zip_entries(file)
    meter = _Meter(file)
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            contents.count()
            if entry.flag_bits & _ENCRYPTED and not entry.filename.endswith(".enc"):
                contents.unread = "it holds encrypted entries"
            elif not entry.is_dir():
                contents.take(entry.filename, partial(_of_zip, archive, entry, meter))


def _count_zip_entries(file: IO[bytes]) -> None:
    """Count before the standard library makes an object of each: a directory of millions would fill the memory."""
    entries = 0
    while chunk := file.read(1 << 20):
        entries += chunk.count(_ZIP_ENTRY)
    file.seek(0)
    if entries > ENTRIES_MAX:
        message = f"it has more than {ENTRIES_MAX} entries"
        raise _TooMuch(message)


def _of_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, meter: _Meter) -> bytes:
    with archive.open(entry) as file:
        data = file.read(KEY_TEXT_MAX)
    meter.spend(len(data))
    return data
