"""Write a file that holds something secret: new, private, on the disk before we say so."""

from __future__ import annotations

import os

from sealproof.errors import CallerError, StoreExists
from sealproof.loader.files import unavailable


def write_private(path: str, text: str) -> None:
    """Write a file that was not there before, readable by this user alone: all of it, or no file.

    Raises StoreExists if something is there, CallerError if its directory is not, FileUnavailable.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        message = f"{path} is there already, and was left as it is"
        raise StoreExists(message, hint=f"name another file, or rm {path}") from None
    except (FileNotFoundError, NotADirectoryError):
        message = f"there is no directory to write {path} in"
        raise CallerError(message, hint=f"mkdir -p {os.path.dirname(path) or '.'}") from None
    except OSError as exc:
        raise unavailable(path, exc) from exc
    try:
        with open(fd, "w", encoding="utf-8") as file:
            os.fchmod(fd, 0o600)
            file.write(text)
            file.flush()
            os.fsync(fd)
    except OSError as exc:
        os.unlink(path)
        raise unavailable(path, exc) from exc
