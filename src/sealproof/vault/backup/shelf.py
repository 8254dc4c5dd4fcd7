"""A directory of containers: which there are, whether another is due, and which may go.

Names say what a container is of and when it was made; what counts is its own header. Anybody may look: no key
is needed, so nothing here proves that a container opens. `verify` does.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import CallerError, DataError
from sealproof.loader.files import open_root
from sealproof.vault.backup.create import scope_name
from sealproof.vault.backup.opening import container

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.vault.backup.header import Header

SUFFIX = ".spbak"
IN_PLACE = ".env.bak"
"""The container that may lie in a tenant's own directory."""
_DAY = 86_400  # seconds


class Kept(NamedTuple):
    """One container on the shelf."""

    name: str
    header: Header
    size: int


class Shelf:
    """The containers in one directory, made where there is none."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def prepare(self) -> None:
        """Make the directory. Raises FileUnavailable."""
        with open_root(os.path.dirname(os.path.abspath(self.directory))) as parent:
            parent.make(os.path.basename(os.path.abspath(self.directory))).__exit__()

    def kept(self, scope: str = "") -> list[Kept]:
        """Return the containers, of one scope where it is named, newest first. What is no container is left out."""
        if not os.path.isdir(self.directory):
            return []
        return sorted(self._found(scope), key=lambda one: (one.header.created, one.name), reverse=True)

    def is_due(self, scope: str, *, hours: int, now: int) -> bool:
        """Tell whether the newest container of `scope` is older than `hours`, or there is none."""
        if hours < 1:
            message = f"{hours} is no number of hours"
            raise CallerError(message, hint="sealproof backup create --due --every 24")
        kept = self.kept(scope)
        return not kept or now - kept[0].header.created >= hours * 3600

    def prune(self, scope: str, *, count: int, days: int, now: int) -> list[str]:
        """Remove what is beyond the newest `count` of a scope or older than `days`, never the newest; return the names.

        Raises CallerError, FileUnavailable.
        """
        if count < 1 or days < 1:
            message = "at least one backup is kept, for at least one day"
            raise CallerError(message, hint="sealproof backup prune --keep 14 --keep-days 30")
        kept = self.kept(scope)
        gone = [
            one.name for at, one in enumerate(kept) if at and (at >= count or now - one.header.created > days * _DAY)
        ]
        if gone:
            with open_root(self.directory) as directory:
                for name in gone:
                    directory.remove(name)
        return gone

    def _found(self, scope: str) -> Iterator[Kept]:
        with open_root(self.directory) as directory:
            names = [name for name in directory.names() if name.endswith(SUFFIX)]
        for name in names:
            path = f"{self.directory}/{name}"
            try:
                with container(path) as found:
                    if scope in ("", found.header.scope):
                        yield Kept(name, found.header, os.stat(path).st_size)
            except DataError:
                continue  # no container: `list` has nothing to say of it, and nothing here removes it


def name_of(scope: str, now: int, unique: str) -> str:
    """Return a new container's file name: scope, time, and something drawn at random."""
    return f"{scope_name(scope)}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{unique}{SUFFIX}"
