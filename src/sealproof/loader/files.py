"""Read and replace files without being led astray: no links, no odd files, no open modes, bounded sizes.

Everything below a root is opened component by component from the root's own descriptor, so that a
link put in the way is refused rather than followed.
"""

from __future__ import annotations

import os
import stat
from errno import ENXIO
from typing import TYPE_CHECKING

from sealproof.errors import DataError, FileUnavailable, LimitExceeded, StoreNotFound, UnsafeFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW

_TEMPORARY = ".sealproof-tmp"
_READ_TRIES = 100  # times that a reader follows a file that is replaced while it is read

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700


class Directory:
    """An open directory below a root, entered without following links. A context manager."""

    __slots__ = ("_fd", "path")

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    @property
    def fd(self) -> int:
        """Return the descriptor, for flock and fsync."""
        return self._fd

    def names(self) -> list[str]:
        """Return the names in it, sorted. Raises FileUnavailable."""
        try:
            return sorted(os.listdir(self._fd))
        except OSError as exc:
            raise unavailable(self.path, exc) from exc

    def directories(self) -> list[str]:
        """Return the names of the directories in it, sorted; a link to one is none. Raises FileUnavailable."""
        try:
            with os.scandir(self._fd) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError as exc:
            raise unavailable(self.path, exc) from exc

    def lock(self) -> None:
        """Hold this directory for this process alone until it is closed. Raises FileUnavailable."""
        from fcntl import LOCK_EX, flock  # noqa: PLC0415 - a plain load locks nothing

        try:
            flock(self._fd, LOCK_EX)
        except OSError as exc:
            raise unavailable(self.path, exc) from exc

    def sweep(self) -> None:
        """Remove the temporaries that a writer left who was killed. Hold the lock: every other writer is then gone."""
        for name in self.names():
            if is_temporary(name):
                self.remove(name)

    def enter(self, name: str) -> Directory | None:
        """Open a directory in it; None if there is none. Raises UnsafeFile on a link, FileUnavailable."""
        path = f"{self.path}/{name}"
        try:
            return Directory(path, os.open(name, _DIRECTORY, dir_fd=self._fd))
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise _refused(path, exc, os.path.islink(path)) from exc

    def make(self, name: str) -> Directory:
        """Open a directory in it, made 0700 if there was none."""
        path = f"{self.path}/{name}"
        try:
            os.mkdir(name, PRIVATE_DIRECTORY, dir_fd=self._fd)
        except FileExistsError:
            pass  # the usual case; what is there is checked on entering
        except OSError as exc:
            raise unavailable(path, exc) from exc
        made = self.enter(name)
        if made is None:
            message = f"{path} vanished while it was being made"
            raise FileUnavailable(message, hint=f"ls -la {self.path}")
        return made

    def read(self, name: str, *, limit: int, private: bool) -> bytes | None:
        """Return a regular file's bytes; None if there is none.

        `private` asks for what a key file needs: this user's, and nobody else may read it. A sealed
        file may be read by others, never written. A file that was replaced meanwhile is read anew: what lost
        its name may be overwritten where it lies (`vault.keys.overwrite`), and half of that was read perhaps.

        Raises UnsafeFile, LimitExceeded, FileUnavailable.
        """
        path = f"{self.path}/{name}"
        data, stands, tries = b"", False, _READ_TRIES
        while not stands and tries:
            tries -= 1
            try:
                fd = os.open(name, _READ, dir_fd=self._fd)
            except FileNotFoundError:
                return None
            except OSError as exc:
                raise _refused(path, exc, os.path.islink(path)) from exc
            data, stands = _read_and_close(fd, path, limit=limit, private=private)
        return data

    def replace(self, name: str, data: bytes, *, mode: int = PRIVATE_FILE) -> None:
        """Put `data` at `name` in one step: temporary file, fsync, re-read, rename, fsync of the directory.

        Raises FileUnavailable; no temporary is left then, and the earlier file is still the one in place. Only where
        the directory itself could not be made durable, as the last step, it is the new one, whole.
        """
        path = f"{self.path}/{name}"
        temporary = temporary_of(name)
        try:
            fd = os.open(temporary, _CREATE, PRIVATE_FILE, dir_fd=self._fd)
            try:
                _write_all(fd, data)
                os.fchmod(fd, mode)
                os.fsync(fd)
                closing, fd = fd, -1  # a close that fails has closed all the same
                os.close(closing)
                if self.read(temporary, limit=len(data), private=False) != data:
                    message = f"{path} did not read back as written"
                    raise FileUnavailable(message, hint="check the disk: dmesg | tail")
                os.rename(temporary, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
                temporary = ""
                os.fsync(self._fd)
            finally:
                if fd >= 0:
                    os.close(fd)
                if temporary:
                    os.unlink(temporary, dir_fd=self._fd)
        except OSError as exc:
            raise unavailable(path, exc) from exc

    def remove(self, name: str) -> None:
        """Remove a file and make its absence durable. Raises FileUnavailable."""
        try:
            os.unlink(name, dir_fd=self._fd)
            os.fsync(self._fd)
        except OSError as exc:
            raise unavailable(f"{self.path}/{name}", exc) from exc

    def check_private(self) -> None:
        """Refuse a directory that anyone else may look into. Raises UnsafeFile, FileUnavailable."""
        try:
            status = os.fstat(self._fd)
        except OSError as exc:
            raise unavailable(self.path, exc) from exc
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            message = f"{self.path} is not private to this user (mode {stat.S_IMODE(status.st_mode):04o})"
            own = status.st_uid == os.geteuid()
            raise UnsafeFile(message, hint=f"{'chmod 700' if own else f'chown {os.geteuid()}'} {self.path}")


def temporary_of(name: str) -> str:
    """Return a new name for what shall become `name`, or was it, and is to be swept away if its owner is killed."""
    return f".{name}.{os.urandom(8).hex()}{_TEMPORARY}"


def is_temporary(name: str) -> bool:
    """Tell whether `name` is one of `temporary_of`."""
    return name.startswith(".") and name.endswith(_TEMPORARY)


def open_root(root: str) -> Directory:
    """Open a store's root. Links are followed up to the root itself, never below it.

    Raises StoreNotFound, FileUnavailable.
    """
    try:
        return Directory(root, os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY))
    except (FileNotFoundError, NotADirectoryError):
        message = f"no store at {root}"
        raise StoreNotFound(message, hint=f"sealproof init --root {root}") from None
    except OSError as exc:
        raise unavailable(root, exc) from exc


def read_public(path: str, *, limit: int) -> bytes | None:
    """Return the bytes of a file that stands alone and is no key; None if there is none.

    Raises UnsafeFile, LimitExceeded, FileUnavailable.
    """
    try:
        directory = open_root(os.path.dirname(path) or ".")
    except StoreNotFound:  # no directory, so no file; and nobody spoke of a store
        return None
    with directory:
        return directory.read(os.path.basename(path), limit=limit, private=False)


def read_private(path: str, *, limit: int) -> bytes | None:
    """Return the bytes of a key file that stands alone; None if there is none.

    Its directory may be listed by others, but not written. Raises UnsafeFile, LimitExceeded, FileUnavailable.
    """
    try:
        fd = os.open(path, _READ)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _refused(path, exc, os.path.islink(path)) from exc
    data, _ = _read_and_close(fd, path, limit=limit, private=True)
    parent = os.stat(os.path.dirname(path) or ".")
    if parent.st_mode & 0o022 and not parent.st_mode & stat.S_ISVTX:
        message = f"{path} lies in a directory that others may write"
        raise UnsafeFile(message, hint=f"chmod go-w {os.path.dirname(path) or '.'}")
    return data


def read_handed_over(path: str, *, limit: int) -> bytes | None:
    """Return the bytes of a file that the service manager put there for this service alone; None if there is none.

    The manager owns the directory and may show an access list as group bits, so the mode says nothing here
    (systemd.exec(5), CREDENTIALS_DIRECTORY). Raises UnsafeFile, LimitExceeded, FileUnavailable.
    """
    try:
        fd = os.open(path, _READ)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _refused(path, exc, os.path.islink(path)) from exc
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            message = f"{path} is no regular file"
            raise UnsafeFile(message, hint=f"ls -la {path}")
        return b"".join(_chunks(fd, path, limit))
    except OSError as exc:
        raise unavailable(path, exc) from exc
    finally:
        os.close(fd)


def read_descriptor(fd: int, name: str, *, limit: int) -> bytes:
    """Return all that an inherited descriptor gives, and close it. Raises LimitExceeded, FileUnavailable."""
    try:
        return b"".join(_chunks(fd, name, limit))
    except OSError as exc:
        raise unavailable(name, exc) from exc
    finally:
        _close_quietly(fd)


def at(path: str, exc: DataError, *, hint: str) -> DataError:
    """Return the same refusal of some bytes, naming the file they came from, with `hint` where it had none."""
    message = exc.message if os.path.basename(path) in exc.message else f"{path}: {exc.message}"
    return type(exc)(message, hint=exc.hint or hint, names=exc.names)


def unavailable(path: str, exc: OSError) -> FileUnavailable:
    """Return the typed error for an operating-system refusal at `path`."""
    reason = (exc.strerror or "input/output error").lower()
    return FileUnavailable(f"{path}: {reason}", hint=f"ls -la {os.path.dirname(path) or '.'}")


def _read_and_close(fd: int, path: str, *, limit: int, private: bool) -> tuple[bytes, bool]:
    """Return a file's bytes, and whether it still had a name once they were read."""
    try:
        status = os.fstat(fd)
        _check_status(path, status, private=private)
        if status.st_size > limit:
            raise _too_large(path, limit)
        return b"".join(_chunks(fd, path, limit)), os.fstat(fd).st_nlink > 0
    except OSError as exc:
        raise unavailable(path, exc) from exc
    finally:
        os.close(fd)


def _check_status(path: str, status: os.stat_result, *, private: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        message = f"{path} is no regular file"
        raise UnsafeFile(message, hint=f"ls -la {path}")
    if status.st_nlink > 1:
        message = f"{path} has a second hard link"
        raise UnsafeFile(message, hint=f"cp --remove-destination {path} {path}.copy && mv {path}.copy {path}")
    mode = stat.S_IMODE(status.st_mode)
    if private and status.st_uid != os.geteuid():
        message = f"{path} belongs to another user (uid {status.st_uid})"
        raise UnsafeFile(message, hint=f"chown {os.geteuid()} {path}")
    if mode & (0o077 if private else 0o022):
        what = "others may read it" if private and not mode & 0o022 else "others may write it"
        message = f"{path} is not safe to use: {what} (mode {mode:04o})"
        raise UnsafeFile(message, hint=f"chmod {'600' if private else 'go-w'} {path}")


def _chunks(fd: int, path: str, limit: int) -> Iterator[bytes]:
    left = limit + 1
    while left and (chunk := os.read(fd, min(left, 1 << 20))):
        left -= len(chunk)
        yield chunk
    if not left:
        raise _too_large(path, limit)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _too_large(path: str, limit: int) -> LimitExceeded:
    return LimitExceeded(f"{path} is over the limit of {limit} bytes", hint=f"ls -la {path}")


def _refused(path: str, exc: OSError, is_link: bool) -> UnsafeFile | FileUnavailable:  # noqa: FBT001 - one call shape
    if is_link:
        return UnsafeFile(f"{path} is a symbolic link", hint=f"ls -la {path}")
    if exc.errno == ENXIO:  # a socket, or a device without a driver
        return UnsafeFile(f"{path} is no regular file", hint=f"ls -la {path}")
    return unavailable(path, exc)


def _close_quietly(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:
        return  # it was never open: the read has said so already
