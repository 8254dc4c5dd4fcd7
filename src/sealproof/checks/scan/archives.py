"""Look into archives as into directories: members in memory, one after the other, nothing on disk.

Told by their first bytes, never by their names: zip (and what is one: wheels, jars, office documents), tar, and gzip,
bzip2 and xz around a tar or a single file; archives in archives, to a depth. Bounded in members, in bytes that come
out, in what comes out of how little, and in depth; what a bound kept from being looked at is said.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

MEMBERS_MAX = 10_000
UNPACKED_MAX = 256 << 20  # bytes that come out of one archive and of all in it
RATIO_MAX = 200
"""Bytes out of one byte in, once more than `RATIO_FROM` came out. Text packs to a tenth; deflate's limit is 1,032."""
RATIO_FROM = 16 << 20  # bytes
DEPTH_MAX = 3  # archives in archives
_XZ_MEMORY_MAX = 128 << 20  # bytes; the strongest preset needs 65 MiB
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_ENTRY = b"PK\x01\x02"  # head of a central directory entry (APPNOTE.TXT, 4.3.12)
_ENCRYPTED = 0x1  # general purpose bit 0 (APPNOTE.TXT, 4.4.4)
_GZIP, _BZIP2, _XZ = b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0"
_CLOSED = {b"7z\xbc\xaf\x27\x1c": "7z", b"\x28\xb5\x2f\xfd": "zstd", b"Rar!\x1a\x07": "rar"}
_TAR_AT, _TAR = 257, b"ustar"
_HEAD = 512  # bytes of a tar header
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError,
    NotImplementedError,
)  # fmt: skip


class Member(NamedTuple):
    """A regular file of an archive."""

    name: str
    """As the archive has it; of an archive in an archive both names, with `!` between them."""
    data: bytes


class Gap(NamedTuple):
    """Why an archive was not looked at to its end."""

    reason: str
    is_limit: bool
    """True for a bound of ours; False for what is broken, encrypted or of a kind that is not looked into."""


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""


class _TooMuch(Exception):
    """A bound was reached."""


class Archive:
    """One file's content, if it is an archive. `limit` is the largest member that is looked at, in bytes."""

    def __init__(self, data: bytes, *, limit: int) -> None:
        self.gaps: list[Gap] = []
        self._data = data
        self._limit = limit
        self._members = 0
        self._out = 0

    def members(self) -> Iterator[Member]:
        """Yield every member; `gaps` then say what was not looked at. Nothing where it is no archive."""
        try:
            yield from self._unpack(self._data, "", 0)
        except _TooMuch as exc:
            self.gaps.append(Gap(str(exc), is_limit=True))

    def _unpack(self, data: bytes, outer: str, depth: int) -> Iterator[Member]:
        try:
            for name, content in self._within(data):
                whole = f"{outer}!{name}" if outer else name
                yield Member(whole, content)
                if is_archive(content):
                    if depth + 1 >= DEPTH_MAX:
                        self.gaps.append(Gap(f"archives lie in it more than {DEPTH_MAX} deep", is_limit=True))
                    else:
                        yield from self._unpack(content, whole, depth + 1)
        except _BROKEN as exc:
            self.gaps.append(Gap(f"it cannot be read ({type(exc).__name__})", is_limit=False))

    def _within(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        closed = next((name for mark, name in _CLOSED.items() if data.startswith(mark)), "")
        if closed:
            self.gaps.append(Gap(f"{closed} archives are not looked into", is_limit=False))
        elif data.startswith(_ZIP):
            yield from self._zip(data)
        elif _is_tar(data):
            yield from self._tar(_Meter(self, BytesIO(data)))
        elif is_archive(data):
            yield from self._compressed(_Meter(self, _decompressed(data)))

    def _compressed(self, stream: _Meter) -> Iterator[tuple[str, bytes]]:
        head = stream.read(_HEAD)
        if _is_tar(head):
            stream.give_back(head)
            yield from self._tar(stream)
        else:
            self._count()
            yield from self._bounded("content", head + stream.read(self._limit + 1 - len(head)))

    def _tar(self, stream: _Meter) -> Iterator[tuple[str, bytes]]:
        # Read as a stream: the meter sees every byte that comes out, headers and skipped members included.
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive:
            for member in archive:
                self._count()
                file = archive.extractfile(member) if member.isreg() else None
                if file is not None:
                    yield from self._bounded(member.name, file.read(self._limit + 1))

    def _zip(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        # Counted before the standard library makes an object of each: a directory of millions would fill the memory.
        if data.count(_ZIP_ENTRY) > MEMBERS_MAX:
            raise _TooMuch(_too_many())
        with zipfile.ZipFile(BytesIO(data)) as archive:
            for entry in archive.infolist():
                self._count()
                if entry.flag_bits & _ENCRYPTED:
                    self.gaps.append(Gap("it holds encrypted entries", is_limit=False))
                elif not entry.is_dir():
                    with archive.open(entry) as file:
                        yield from self._bounded(entry.filename, _Meter(self, file).read(self._limit + 1))

    def _bounded(self, name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
        if len(data) > self._limit:
            self.gaps.append(Gap(f"a member is larger than {self._limit} bytes", is_limit=True))
        yield name, data[: self._limit]

    def _count(self) -> None:
        self._members += 1
        if self._members > MEMBERS_MAX:
            raise _TooMuch(_too_many())

    def spend(self, size: int) -> None:
        """Count bytes that came out. Raises what stops the reading at a bound."""
        self._out += size
        if self._out > UNPACKED_MAX:
            message = f"it unpacks to more than {UNPACKED_MAX} bytes"
            raise _TooMuch(message)
        if self._out > max(RATIO_FROM, RATIO_MAX * len(self._data)):
            message = f"it unpacks to more than {RATIO_MAX} times its size"
            raise _TooMuch(message)


class _Meter:
    """A stream that counts what comes out, whatever the archive says its sizes are."""

    _CHUNK = 1 << 20

    def __init__(self, archive: Archive, source: _Readable) -> None:
        self._archive = archive
        self._source = source
        self._ahead = b""

    def give_back(self, data: bytes) -> None:
        self._ahead = data + self._ahead

    def read(self, size: int = -1) -> bytes:
        parts = [self._ahead[:size] if size >= 0 else self._ahead]
        self._ahead = self._ahead[len(parts[0]) :]
        left = size - len(parts[0])
        while left > 0 or size < 0:
            data = self._source.read(min(left, self._CHUNK) if size >= 0 else self._CHUNK)
            if not data:
                break
            self._archive.spend(len(data))
            parts.append(data)
            left -= len(data)
        return b"".join(parts)


class _Xz:
    """An xz stream, with a bound on the memory that its header may ask for."""

    def __init__(self, data: bytes) -> None:
        self._decompressor = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_MAX)
        self._data = data

    def read(self, size: int = -1, /) -> bytes:
        if self._decompressor.eof:
            return b""
        data, self._data = self._data, b""
        return self._decompressor.decompress(data, size)


def is_archive(data: bytes) -> bool:
    """Tell by the first bytes whether there is something to look into."""
    return data.startswith((*_ZIP, _GZIP, _BZIP2, _XZ, *_CLOSED)) or _is_tar(data)


def _is_tar(data: bytes) -> bool:
    return data.startswith(_TAR, _TAR_AT)


def _decompressed(data: bytes) -> _Readable:
    if data.startswith(_GZIP):
        return gzip.GzipFile(fileobj=BytesIO(data))
    return bz2.BZ2File(BytesIO(data)) if data.startswith(_BZIP2) else _Xz(data)


def _too_many() -> str:
    return f"it has more than {MEMBERS_MAX} members"
