"""Lock out who keeps being refused, without handing anybody a way to lock out somebody else.

A lock holds for one subject, as established in one way, from one origin, on one tenant. So whoever merely claims
a name locks out claims of that name from the same origin, and never the person. Failures during a lock do not
prolong it, each lock is at most a quarter of an hour, and a quiet hour forgets them all. Names are cheap to
invent: beyond `ORIGIN_NAMES` of them, an origin's claims are counted as one.

The counts lie in `keys/access/attempts.json`, changed under a lock of their own. In a library this is a guard
rail: whoever may write `keys/` can delete them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import KeyMissing, MalformedFile
from sealproof.loader.files import at, open_root
from sealproof.vault.access.text import fields_of, integer_of, list_of, parsed, require, spelled
from sealproof.vault.audit.interface import Established
from sealproof.vault.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.loader.files import Directory
    from sealproof.vault.access.interface import Subject

WINDOW = 900  # seconds in which failures add up; with the 5 attempts and the ceiling, OpenBao's user lockout defaults
FIRST_LOCK = 60  # seconds; doubled with each further lock
LONGEST_LOCK = 900  # seconds
FORGET = 3600  # quiet seconds after which earlier locks no longer count
ORIGIN_NAMES = 64
_ENTRIES_MAX = 4096
_FILE = "attempts.json"
_FILE_MAX = 4 * 1024 * 1024  # bytes
_FORMAT = "sealproof-attempts/1"
_FIELDS = ("established", "failures", "first", "locks", "origin", "subject", "tenant", "until")
_EVERYBODY = ""

Key = tuple[str, str, str, str]
"""Subject, established, origin, tenant."""


class Count(NamedTuple):
    """The failures of one key. Times are unix seconds."""

    failures: int = 0
    first: int = 0
    locks: int = 0
    until: int = 0

    def is_over(self, now: int) -> bool:
        """Tell whether nothing of it counts any more."""
        return now >= max(self.first + WINDOW, self.until + FORGET if self.until else 0)

    def after_failure(self, now: int, limit: int) -> Count:
        """Return the count with one failure more. During a lock nothing changes."""
        if now < self.until:
            return self
        locks = self.locks if now < self.until + FORGET else 0
        recent = now < self.first + WINDOW
        failures = (self.failures if recent else 0) + 1
        first = self.first if recent and self.failures else now
        if failures < limit:
            return Count(failures, first, locks, self.until)
        lasting = min(FIRST_LOCK << min(locks, 10), LONGEST_LOCK)
        return Count(0, now, locks + 1, now + lasting)


class Attempts:
    """The counts of one store. Several processes may share them; `limit` is `MAX_ACCESS_ATTEMPTS`."""

    def __init__(self, root: str, *, limit: int) -> None:
        self._root = root
        self._limit = limit
        self._path = f"{root}/keys/access/{_FILE}"
        self._held: tuple[Watch, dict[Key, Count]] | None = None  # set at once: threads share it

    def locked_until(self, subject: Subject, tenant: str, now: int) -> int:
        """Return when the lock of this subject ends, in unix seconds; 0 if there is none.

        Raises MalformedFile, UnsafeFile, FileUnavailable.
        """
        counts = self._current()
        if not counts:
            return 0
        until = max(counts[key].until if key in counts else 0 for key in _keys(subject, tenant))
        return until if now < until else 0

    def refused(self, subject: Subject, tenant: str, now: int) -> int:
        """Count a failure, durably, and return when the lock ends that it led to; 0 if it led to none."""
        key, pooled = _keys(subject, tenant)

        def failed(counts: dict[Key, Count]) -> int:
            for over in [old for old, count in counts.items() if count.is_over(now)]:
                del counts[over]
            crowded = sum(old[1:] == key[1:] for old in counts) >= ORIGIN_NAMES
            claimed = subject.established is Established.CLAIMED
            chosen = pooled if crowded and claimed and key not in counts else key
            count = counts[chosen] = counts.get(chosen, Count()).after_failure(now, self._limit)
            while len(counts) > _ENTRIES_MAX:
                del counts[min(counts, key=lambda old: (counts[old].until, counts[old].first))]
            return count.until if now < count.until else 0

        return self._change(failed)

    def unlock(self, name: str) -> int:
        """Forget every count of the subject `name`, and return how many there were."""

        def forget(counts: dict[Key, Count]) -> int:
            keys = [key for key in counts if key[0] == name]
            for key in keys:
                del counts[key]
            return len(keys)

        return self._change(forget)

    def close(self) -> None:
        """Let the watched file go. The next question opens it again."""
        self._held = None

    def _current(self) -> dict[Key, Count]:
        held = self._held
        if held is None or not held[0].holds():
            watch = Watch((self._path,))  # before the reading: what changes during it is noticed
            held = self._held = (watch, self._counts())
        return held[1]

    def _counts(self) -> dict[Key, Count]:
        with open_root(self._root) as root:
            keys = root.enter("keys")
            if keys is None:
                return {}
            with keys:
                directory = keys.enter("access")
                if directory is None:
                    return {}
                with directory:
                    return _read(directory)

    def _change(self, change: Callable[[dict[Key, Count]], int]) -> int:
        with open_root(self._root) as root:
            keys = root.enter("keys")
            if keys is None:
                message = f"{self._root} has no keys/ to count refused attempts in"
                raise KeyMissing(message, hint="work where the store was made, or restore keys/ from its backup")
            with keys, keys.make("access") as directory:
                directory.check_private()
                directory.lock()
                counts = _read(directory)
                before = dict(counts)
                answer = change(counts)
                if counts != before:
                    directory.sweep()
                    directory.replace(_FILE, _text(counts))
        return answer


def _keys(subject: Subject, tenant: str) -> tuple[Key, Key]:
    where = (subject.established.value, subject.origin, tenant)
    return (subject.name, *where), (_EVERYBODY, *where)


def _text(counts: dict[Key, Count]) -> bytes:
    entries = [
        dict(zip(("subject", "established", "origin", "tenant"), key, strict=True)) | count._asdict()
        for key, count in sorted(counts.items())
    ]
    return spelled({"entries": entries, "format": _FORMAT})


def _read(directory: Directory) -> dict[Key, Count]:
    data = directory.read(_FILE, limit=_FILE_MAX, private=True)
    if data is None:
        return {}
    try:
        value = fields_of(parsed(data), ("entries", "format"), "the file")
        counts = dict(_entry(item) for item in list_of(value["entries"], _ENTRIES_MAX, "the counts"))
        require(_text(counts) == data, "not in its only spelling")
    except MalformedFile as exc:
        path = f"{directory.path}/{_FILE}"
        raise at(path, exc, hint=f"nobody is let in; find out who changed it, then: rm {path}") from None
    return counts


def _entry(item: object) -> tuple[Key, Count]:
    parts = fields_of(item, _FIELDS, "a count")
    subject, established, origin, tenant = (str(parts[name]) for name in ("subject", "established", "origin", "tenant"))
    numbers = [integer_of(parts[name], "a count") for name in Count._fields]
    return (subject, established, origin, tenant), Count(*numbers)
