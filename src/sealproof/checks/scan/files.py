"""Which files of a source tree are looked at, and why each of the others is not.

In a git work tree: tracked files, and untracked ones that are not ignored, of the repository and of
every repository nested in it (submodules, clones). The work tree is read, not the index. Of ignored files plain
environment files by their names (`.env*`, `*.env`): nobody shares them, and the values in them are plain all the same.

Elsewhere (no git, a directory that its repository ignores as a whole, a repository that git refuses to
read): every file below the directory. Ignore files are not interpreted there, so more is looked at, never
less. Left out by name: the version control's own directory, virtual environments, `node_modules`,
`__pycache__`, and the `keys/` of the store itself, where keys belong (SEC-006 and SEC-007 judge it).
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter, defaultdict
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.scan import git
from sealproof.errors import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_VERSION_CONTROL = frozenset((".git", ".hg", ".svn", ".jj"))
_GENERATED = frozenset(("node_modules", "__pycache__"))
_ENVIRONMENT_FILE = re.compile(r".*\.env(?:[.~_-].*)?|\.env.*", re.IGNORECASE)
_SAMPLES = 10  # names kept a reason, for the report


class Skip(Enum):
    """Why a file was not looked at, or not in full."""

    IGNORED = "ignored by version control"
    SEALED = "sealed"
    BINARY = "binary (searched for live values and key files only)"
    LARGE = "larger than the limit"
    LINK = "symbolic link"
    IRREGULAR = "no regular file"
    MISSING = "in the index, not in the work tree"
    UNREADABLE = "unreadable"
    SUBMODULE = "submodule that is not checked out"
    GENERATED = "installed or generated directory"
    KEYS = "the store's own keys/"
    PACKED = "archive that is encrypted, broken or of a kind not looked into"


class Skipped:
    """How many paths were left out for each reason, with the first few names."""

    def __init__(self) -> None:
        self.counts: Counter[Skip] = Counter()
        self.samples: defaultdict[Skip, list[str]] = defaultdict(list)

    def add(self, reason: Skip, path: str) -> None:
        """Count one path."""
        self.counts[reason] += 1
        if len(self.samples[reason]) < _SAMPLES:
            self.samples[reason].append(path)


class Entry(NamedTuple):
    """A file to look at: its path below the source, and whether version control tracks it."""

    path: str
    tracked: bool
    ignored: bool = False
    """Whether version control was told to pass it over."""
    member: str = ""
    """Which file of the archive at `path`, as the archive has it; empty for the file itself."""

    @property
    def name(self) -> str:
        """Return the path by which to tell what the file is for."""
        return self.member or self.path


class Listing:
    """The files of one source tree."""

    def __init__(self, source: str, *, keys: str = "") -> None:
        self.source = source
        self.keys = os.path.realpath(keys) if keys else ""
        """The `keys/` of the store, left out where no version control says what is shared."""
        self.entries: list[Entry] = []
        self.skipped = Skipped()
        self.notes: list[str] = []
        """Why a part was listed without version control."""


def list_files(source: str, *, keys: str = "") -> Listing:
    """Return every file below `source` that is to be looked at."""
    listing = Listing(source, keys=keys)
    _list(listing, "")
    return listing


def read(path: str, *, limit: int) -> bytes | Skip:
    """Return the bytes of a regular file of up to `limit` bytes, or why it was not read. No link is followed."""
    try:
        fd = os.open(path, _OPEN)
    except FileNotFoundError:
        return Skip.MISSING
    except OSError:
        return Skip.LINK if os.path.islink(path) else Skip.UNREADABLE
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return Skip.IRREGULAR
        if status.st_size > limit:
            return Skip.LARGE
        with open(fd, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError:
        return Skip.UNREADABLE
    finally:
        os.close(fd)
    return data if len(data) <= limit else Skip.LARGE


def _list(listing: Listing, prefix: str) -> None:
    directory = os.path.join(listing.source, prefix)
    try:
        if git.work_tree(directory) is None:
            listing.notes.append(f"{prefix or '.'} is in no git work tree: all its files were looked at")
        elif git.is_ignored(directory):
            listing.notes.append(
                f"{prefix or '.'} is ignored as a whole by its repository: all its files were looked at"
            )
        else:
            _from_git(listing, prefix)
            return
    except ToolFailed as exc:
        listing.notes.append(f"{prefix or '.'}: {exc.message}, so all its files were looked at")
    _walk(listing, prefix)


def _from_git(listing: Listing, prefix: str) -> None:
    directory = os.path.join(listing.source, prefix)
    # One name stands once a stage while a merge is under way.
    tracked = dict.fromkeys(git.names(directory, "ls-files", "-z", "--cached"))
    others = git.names(directory, "ls-files", "-z", "--others", "--exclude-standard")
    ignored = git.names(directory, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    for path, is_tracked in [*((path, True) for path in tracked), *((path, False) for path in others)]:
        whole = os.path.join(prefix, path.rstrip("/"))
        place = os.path.join(listing.source, whole)
        if not os.path.isdir(place) or os.path.islink(place):
            listing.entries.append(Entry(whole, is_tracked))
        elif os.path.lexists(os.path.join(place, ".git")):
            _list(listing, whole)
        else:
            listing.skipped.add(Skip.SUBMODULE, whole)
    # A directory that holds ignored files alone is named, and they may be named as well.
    found = [entry for path in ignored for entry in _ignored(listing, os.path.join(prefix, path))]
    listing.entries += dict.fromkeys(found)


def _ignored(listing: Listing, path: str) -> Iterator[Entry]:
    """Yield the plain environment files in what is ignored, and count the rest."""
    place = os.path.join(listing.source, path.rstrip(os.sep))
    if not os.path.isdir(place) or os.path.islink(place):
        if is_environment_file(path):
            yield Entry(path, tracked=False, ignored=True)
        else:
            listing.skipped.add(Skip.IGNORED, path)
        return
    listing.skipped.add(Skip.IGNORED, path)
    if left_out(place, os.path.basename(place), listing.keys) is not None:
        return
    for where, directories, names in os.walk(place):
        directories[:] = sorted(
            name for name in directories if left_out(os.path.join(where, name), name, listing.keys) is None
        )
        base = os.path.relpath(where, listing.source)
        for name in filter(is_environment_file, sorted(names)):
            yield Entry(os.path.join(base, name), tracked=False, ignored=True)


def is_environment_file(path: str) -> bool:
    """Tell by its name whether a file is there to hold environment variables."""
    return _ENVIRONMENT_FILE.fullmatch(os.path.basename(path)) is not None


def _walk(listing: Listing, prefix: str) -> None:
    def unreadable(exc: OSError) -> None:
        listing.skipped.add(Skip.UNREADABLE, os.path.relpath(os.fsdecode(exc.filename), listing.source))

    for where, directories, names in os.walk(os.path.join(listing.source, prefix), onerror=unreadable):
        inside = os.path.relpath(where, listing.source)
        base = "" if inside == os.curdir else inside
        directories[:] = sorted(_entered(listing, where, base, directories))
        listing.entries += [Entry(os.path.join(base, name), tracked=False) for name in sorted(names)]


def _entered(listing: Listing, where: str, base: str, directories: list[str]) -> Iterator[str]:
    """Yield the directories to go into, and count the others."""
    for name in directories:
        reason = left_out(os.path.join(where, name), name, listing.keys)
        if reason is None:
            yield name
        elif name not in _VERSION_CONTROL:
            listing.skipped.add(reason, os.path.join(base, name))


def left_out(path: str, name: str, keys: str = "") -> Skip | None:
    """Return why a walk does not go into the directory `path`, which is called `name`, or None."""
    if os.path.islink(path):
        return Skip.LINK
    if keys and os.path.realpath(path) == keys:
        return Skip.KEYS
    if name in _VERSION_CONTROL or name in _GENERATED or os.path.lexists(os.path.join(path, "pyvenv.cfg")):
        return Skip.GENERATED
    return None
