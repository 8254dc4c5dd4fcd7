"""Every object that a repository's refs and stashes reach, each once, in one pass of `git cat-file --batch`.

A value that stood in a hundred commits is one blob, and is read once. Objects over the size limit are counted and
not read; when the time is over, the rest is counted too, so that nothing is passed over in silence.
"""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.scan import git
from sealproof.errors import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

_OID = frozenset("0123456789abcdef")
_FIRST_COMMIT_MAX = 20
"""Finds of which the commit is looked for: git walks the history for each."""


class Item(NamedTuple):
    """One object: a file's content at some time, a commit, or an annotated tag."""

    oid: str
    kind: str
    """`blob`, `commit` or `tag`; trees are known by their names alone."""
    path: str
    """The first path that a blob was found at; empty for the others."""

    def __str__(self) -> str:
        return f"{self.path or self.kind} ({self.oid[:12]})"


class History:
    """The objects of one repository that something still names."""

    def __init__(self, top: str, *, limit: int, seconds: float) -> None:
        self.top = top
        self.large = 0
        """Blobs over the size limit, not read."""
        self.left = 0
        """Objects that were not reached in time."""
        self.read = 0
        self._limit = limit
        self._until = time.monotonic() + seconds
        self._paths = _reached(top)
        self._told = 0

    @property
    def paths(self) -> list[str]:
        """Return every path and name there ever was."""
        return sorted({path for path in self._paths.values() if path})

    @property
    def is_shallow(self) -> bool:
        """Tell whether the clone was cut off: what is behind the cut cannot be looked at."""
        return git.ask(self.top, "rev-parse", "--is-shallow-repository").strip() == b"true"

    def items(self, oids: Sequence[str] = ()) -> Iterator[tuple[Item, bytes]]:
        """Yield every object that is no tree with its content; only `oids`, where some are given."""
        wanted = list(oids or self._paths)
        with git.start(self.top, "cat-file", "--batch") as process:
            if process.stdin is None or process.stdout is None:
                message = "git gave no pipes"
                raise ToolFailed(message, hint="sealproof doctor")
            asking = Thread(target=_ask, args=(process.stdin, wanted), daemon=True)
            asking.start()
            for number, _ in enumerate(wanted):
                if time.monotonic() > self._until:
                    self.left += len(wanted) - number
                    process.kill()
                    break
                yield from self._one(process.stdout)
            asking.join()

    def with_path(self, suffix: str) -> list[str]:
        """Return the objects whose path ends so."""
        return [oid for oid, path in self._paths.items() if path.endswith(suffix)]

    def first_commit(self, item: Item) -> str:
        """Return the oldest commit that brought a blob, shortened; empty past the number of finds that are worth it."""
        if item.kind != "blob":
            return item.oid[:12]
        self._told += 1
        if self._told > _FIRST_COMMIT_MAX:
            return ""
        found = git.ask(self.top, "log", "--all", "-m", "--format=%H", f"--find-object={item.oid}").split()
        return found[-1].decode()[:12] if found else ""

    def _one(self, answers: IO[bytes]) -> Iterator[tuple[Item, bytes]]:
        oid, _, rest = answers.readline().decode(errors="replace").strip().partition(" ")
        kind, _, size = rest.partition(" ")
        if not size.isdecimal():
            return  # missing: a partial clone, or pruned meanwhile
        if int(size) > self._limit or kind == "tree":
            self.large += kind != "tree"
            _skip(answers, int(size) + 1)
            return
        data = answers.read(int(size))
        answers.read(1)
        self.read += 1
        yield Item(oid, kind, self._paths.get(oid, "")), data


def _reached(top: str) -> dict[str, str]:
    """Return every object that refs, HEAD and stashes reach, with the first path it was found at."""
    stashes = git.ask(top, "rev-list", "--walk-reflogs", "refs/stash", good=(0, 128)).decode().split()
    listed = git.ask(top, "rev-list", "--objects", "--all", *stashes)
    found: dict[str, str] = {}
    for line in listed.decode(errors="surrogateescape").split("\n"):
        oid, _, path = line.partition(" ")
        if oid and _OID.issuperset(oid):
            found.setdefault(oid, path)
    return found


def _ask(questions: IO[bytes], oids: Sequence[str]) -> None:
    try:
        for oid in oids:
            questions.write(f"{oid}\n".encode())
        questions.close()
    except BrokenPipeError:
        return  # git was ended because the time was over


def _skip(answers: IO[bytes], size: int) -> None:
    while size > 0:
        size -= len(answers.read(min(size, 1 << 20)) or b"x" * size)
