"""`keys/` of a store, opened for whoever works in it: nobody else may look into it, or nothing is done."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealproof.errors import KeyMissing
from sealproof.loader.files import open_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.loader.files import Directory


@contextmanager
def keys_directory(root: str, what_for: str) -> Iterator[Directory]:
    """Open `keys/` of the store at `root`; `what_for` ends the message where there is none.

    Raises KeyMissing, UnsafeFile, StoreNotFound, FileUnavailable.
    """
    with open_root(root) as directory:
        keys = directory.enter("keys")
        if keys is None:
            message = f"{root} has no keys/{what_for}"
            raise KeyMissing(message, hint="work where the store was made, or restore keys/ from its backup")
        with keys:
            keys.check_private()
            yield keys
