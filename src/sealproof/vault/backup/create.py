"""Make a backup: stream the files into a container, read it back, put it in place, or leave nothing."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.grammar import FILE_MAX
from sealproof.errors import FileUnavailable, OperationUnderWay, SealproofError, UnsafeFile
from sealproof.loader.files import PRIVATE_FILE, open_root, temporary_of, unavailable
from sealproof.vault.backup import header as headers
from sealproof.vault.backup.entries import MANIFEST, Manifest, Sealed, head_line
from sealproof.vault.backup.header import WHOLE_STORE
from sealproof.vault.backup.source import Reading, items, sealed_of
from sealproof.vault.backup.stream import Sealer, opened
from sealproof.vault.keys import master
from sealproof.vault.keys.holds import beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealproof.loader.files import Directory
    from sealproof.vault.backup.header import Header, Recipients
    from sealproof.vault.backup.source import Item
    from sealproof.vault.custodian import Custodian
    from sealproof.vault.journal import Journal, Operation

CREATE = "backup.create"
_SEGMENT = re.compile(r"audit/[^/]+/[0-9]+\.jsonl").fullmatch
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class Made(NamedTuple):
    """A container that is in place."""

    path: str
    header: Header
    manifest: Manifest
    size: int
    """Bytes."""


def scope_name(scope: str) -> str:
    """Return a scope as it stands in journal lines and file names."""
    return "store" if scope == WHOLE_STORE else scope


def create(
    custodian: Custodian,
    scope: str,
    recipients: Recipients,
    *,
    directory: str,
    name: str,
    advance: Callable[[str], None] = lambda _: None,
) -> Made:
    """Put a container of `scope` (a tenant, or `*`) at `directory/name`, in one step. What was there is replaced.

    The bytes are read back and proved before they are put in place. Memory: one sealed file, two chunks.

    Raises ConfigurationError, UnknownTenant, UnsafeFile, DataError if a sealed file is malformed, FileUnavailable.
    """
    journal = custodian.keyring.journal
    with journal.lease(f"backup/{scope_name(scope)}"), _at_rest(journal, scope), open_root(directory) as place:
        place.lock()
        place.sweep()
        for broken_off in journal.unfinished(CREATE, scope_name(scope)):
            give_up(broken_off)
        header, key = headers.make(scope, int(custodian.keyring.clock()), recipients, random=custodian.keyring.random)
        operation = journal.begin(CREATE, scope_name(scope), container=header.identifier, name=name)
        try:
            manifest, size = _write(_Job(custodian, header, key, operation, advance), place, name)
        except SealproofError:
            give_up(operation)
            raise
        operation.done(bytes=size, files=len(manifest.files))
    return Made(f"{directory}/{name}", header, manifest, size)


def give_up(operation: Operation) -> None:
    """End a backup that was broken off. The next one sweeps what it may have left half written."""
    placed = operation.has("place")
    operation.abandon("broken off as it was put in place" if placed else "broken off before anything was in place")


@contextmanager
def _at_rest(journal: Journal, scope: str) -> Iterator[None]:
    """Keep the tenant from being erased while it is copied, or the master from being changed while `keys/` is.

    Raises OperationUnderWay if that is going on.
    """
    if scope != WHOLE_STORE:
        with beside(journal, scope):
            yield
        return
    with journal.lease(master.SCOPE):
        if journal.unfinished(master.ROTATE):
            message = "a change of the master is not finished, so a copy of keys/ would be half old and half new"
            raise OperationUnderWay(message, hint="sealproof key resume")
        yield


class _Job(NamedTuple):
    custodian: Custodian
    header: Header
    key: bytes
    operation: Operation
    advance: Callable[[str], None]


def _write(job: _Job, place: Directory, name: str) -> tuple[Manifest, int]:
    temporary = temporary_of(name)
    path = f"{place.path}/{name}"
    try:
        fd = os.open(temporary, _CREATE, PRIVATE_FILE, dir_fd=place.fd)
        try:
            written = sha256()

            def write(data: bytes) -> None:
                written.update(data)
                view = memoryview(data)
                while view:
                    view = view[os.write(fd, view) :]

            write(job.header.data)
            manifest = _fill(job, Sealer(job.key, job.header.data, write))
            os.fsync(fd)
            size = os.fstat(fd).st_size
            _read_back(fd, job, written.digest(), path)
            job.operation.step("place")
            os.rename(temporary, name, src_dir_fd=place.fd, dst_dir_fd=place.fd)
            temporary = ""
            os.fsync(place.fd)
        finally:
            os.close(fd)
            if temporary:
                os.unlink(temporary, dir_fd=place.fd)
    except OSError as exc:
        raise unavailable(path, exc) from exc
    return manifest, size


def _fill(job: _Job, sealer: Sealer) -> Manifest:
    files: dict[str, str] = {}
    sealed: list[Sealed] = []
    audit: dict[str, str] = {}
    for item in items(job.custodian, job.header.scope):
        files[item.path], found, last = _add(job.custodian.store.root, item, sealer)
        if found is not None:
            sealed.append(found)
        if last:
            audit[item.path.split("/")[1]] = last  # segments come in their order: the newest one's stays
        job.operation.reached("file")
        job.advance(item.path)
    manifest = Manifest(job.header.scope, job.header.created, files, tuple(sealed), audit)
    data = manifest.to_bytes()
    sealer.feed(head_line(MANIFEST, len(data), 0o600))
    sealer.feed(data)
    sealer.finish()
    return manifest


def _add(root: str, item: Item, sealer: Sealer) -> tuple[str, Sealed | None, str]:
    """Feed one file; return its hash, what it is if it is sealed, and its last line's hash if it is a log."""
    reading = Reading(root, item)
    try:
        sealer.feed(head_line(reading.path, reading.size, reading.mode))
        digest = sha256()
        is_sealed = reading.path.startswith("tenants/") and reading.path.endswith(".enc")
        if is_sealed and reading.size > FILE_MAX:
            message = f"{root}/{reading.path} is over the limit of {FILE_MAX} bytes"
            raise UnsafeFile(message, hint=f"ls -la {root}/{reading.path}")
        whole: list[bytes] = []
        tail = b""
        is_log = bool(_SEGMENT(reading.path))
        for chunk in reading.chunks():
            digest.update(chunk)
            sealer.feed(chunk)
            if is_sealed:
                whole.append(chunk)
            elif is_log:
                tail = (tail + chunk)[-_LINE_MAX:]
        last = sha256(tail.rstrip(b"\n").rpartition(b"\n")[2]).hexdigest() if tail else ""
        return digest.hexdigest(), sealed_of(reading.path, b"".join(whole)) if is_sealed else None, last
    finally:
        reading.close()


_LINE_MAX = 64 * 1024  # bytes of an audit log's last line


def _read_back(fd: int, job: _Job, written: bytes, path: str) -> None:
    """Open what lies on the disk, chunk by chunk, before it is put in place. Raises FileUnavailable, CannotOpen."""
    os.lseek(fd, 0, os.SEEK_SET)
    digest = sha256()

    def read(size: int) -> bytes:
        data = os.read(fd, size)
        digest.update(data)
        return data

    read(len(job.header.data))
    for _ in opened(job.key, job.header.data, read):
        pass
    if digest.digest() != written:
        message = f"{path} did not read back as written"
        raise FileUnavailable(message, hint="check the disk: dmesg | tail")
