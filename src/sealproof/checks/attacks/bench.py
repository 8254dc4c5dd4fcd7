"""The bench that one attack works at: a disposable store full of canaries, and what became of each attempt.

Failing closed means three things at once here: a documented exception, nothing changed in the process
environment, and every file as it was. Whatever comes back, an object or an exception, is searched for
canaries; the harness searches what was printed, logged and left behind.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from sealproof.checks.attacks import _said
from sealproof.checks.attacks.interface import NotApplicable
from sealproof.checks.scratch import NAMES, leaks
from sealproof.checks.specimen import canaries
from sealproof.checks.trials import Trials, control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sealproof.checks.attacks.interface import AttackAdapter, OwnedFile

    Make = Callable[[str], AttackAdapter]

FIRST, SECOND = "alpha", "beta"
WHOLE = 16 * 1024  # bytes of a file that are tried one by one; above, places are drawn evenly
PLACES = 4096
_SHARE = 0.5  # of the time limit may go into one kind of attempt
_HEARD_MAX = 3  # exceptions of one kind and text that are searched, frames and all
_ENOUGH = 12  # attempts that got through: the rest would say the same
Part = TypeVar("Part")


class Decided(BaseException):
    """Enough got through. Not an Exception: no attempt may take it for a refusal."""


class Bench:
    """One row's disposable store: tenants `alpha` and `beta`, each secret a unique random canary."""

    def __init__(self, make: Make, directory: str, *, seconds: int) -> None:
        self.directory = directory
        self.seconds = seconds
        self.trials = Trials()
        self.shown: list[str] = []
        """Where a canary showed, and in which encoding."""
        self.notes: list[str] = []
        self.values: dict[str, dict[str, str]] = {tenant: canaries(NAMES) for tenant in (FIRST, SECOND)}
        self.hidden = [value for values in self.values.values() for value in values.values()]
        """Canaries that may show nowhere."""
        self.environment = dict(os.environ)
        """As it was before there was a store."""
        self._make = make
        self._stores: list[AttackAdapter] = []
        self._mine: set[str] = set()
        self._heard: dict[tuple[str, str], int] = {}
        self.store = self.another("store", self.values)
        self._original = _tree(self.store_directory)
        self.load_seconds = self._timed_control()

    @property
    def store_directory(self) -> str:
        """Return where the store is."""
        return os.path.join(self.directory, "store")

    def another(self, name: str, values: Mapping[str, Mapping[str, str]] | None = None) -> AttackAdapter:
        """Return one more store beside the first, made with `values` unless that is None."""
        place = os.path.join(self.directory, name)
        os.mkdir(place, 0o700)
        store = self._make(place)
        self._stores.append(store)
        if values is not None:
            store.make(values)
        return store

    def mine(self, path: str) -> str:
        """Tell that a file is the attack's own copy: what stands in it was not left behind by the store."""
        self._mine.add(path)
        return path

    def owned(self) -> list[str]:
        """Return the files that may hold values as they are kept: those that loads read, and the attack's own."""
        found = list(self._mine)
        for store in self._stores:
            with suppress(OSError, *store.refusals):  # a store that was never made has no files
                found += [file.path for file in store.files()]
        return found

    def part(self, kind: type[Part], without: str) -> Part:
        """Return the store as one of its optional parts. Raises NotApplicable where it has none."""
        if not isinstance(self.store, kind):
            message = f"the adapter has no part {kind.__name__}: {without}"
            raise NotApplicable(message)
        return self.store

    def plant(self, value: str) -> str:
        """Hide one more canary from now on."""
        self.hidden.append(value)
        return value

    # Attempts.

    def refuses(self, what: str, call: Callable[[], object], *, wrote: bool = False) -> None:
        """Try something that has to fail closed.

        `wrote`: the caller's own value stands in frames, so texts alone count.
        """
        self.trials.count += 1
        before, environment = _stamps(self.store_directory), dict(os.environ)
        try:
            self.see(call())
            self.broke(f"{what}: accepted")
        except NotApplicable:
            raise
        except self.store.refusals as exc:
            self.hear(exc, frames=not wrote)
        except Exception as exc:  # noqa: BLE001 - whatever a strange store throws is a result, by its class
            self.hear(exc, frames=not wrote)
            self.broke(f"{what}: {type(exc).__name__} is no documented refusal")
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
            self.broke(f"{what}: the process environment was changed")
        if _stamps(self.store_directory) != before:
            self.broke(f"{what}: files were changed")

    def holds(self, what: str, condition: object) -> None:
        """Record an attempt by what has to be true after it."""
        self.trials.count += 1
        if not condition:
            self.broke(what)

    def broke(self, what: str) -> None:
        """Record that an attempt got through. Raises Decided when enough have."""
        self.trials.broken.append(what)
        if len(self.trials.broken) >= _ENOUGH:
            raise Decided

    def answer(self, call: Callable[[], Part]) -> Part | Exception:
        """Return what a call gives, or the documented exception by which it refuses."""
        try:
            return call()
        except NotApplicable:
            raise
        except self.store.refusals as exc:
            return exc

    def rotates(self, tenant: str) -> bool:
        """Rotate, and tell whether this store can. A refusal counts as what it is elsewhere."""
        try:
            self.answer(lambda: self.store.rotate(tenant))
        except NotApplicable as exc:
            self.notes.append(str(exc))
            return False
        return True

    # What came back.

    def see(self, thing: object) -> None:
        """Search the text of an object that was handed back. A mapping is what was asked for; its text is not."""
        if not isinstance(thing, (dict, str, bytes, list, tuple)):
            self.search(f"repr of {type(thing).__name__}", repr(thing))

    def hear(self, exc: BaseException, *, frames: bool = True) -> None:
        """Search an exception: text, chain, and the locals of the store's own frames."""
        kind = (type(exc).__name__, str(exc)[:80])
        self._heard[kind] = self._heard.get(kind, 0) + 1
        if self._heard[kind] <= _HEARD_MAX:
            self.search(f"{type(exc).__name__}", _said.text_of(exc, frames=frames))

    def search(self, where: str, text: str | bytes) -> None:
        """Look for every hidden canary in every encoding."""
        self.shown += [f"{where} ({found.partition(' of ')[0]})" for found in leaks(text, self.hidden)]

    # Files.

    def files(self, *kinds: str, tenant: str = "") -> list[OwnedFile]:
        """Return the store's files of these kinds (default: all), of one tenant or of all."""
        return [
            file
            for file in self.store.files()
            if (not kinds or file.kind in kinds) and tenant in ("", file.tenant or tenant)
        ]

    def data_file(self, tenant: str = FIRST) -> OwnedFile:
        """Return the file that holds a tenant's values."""
        return self.files("data", tenant=tenant)[0]

    @contextmanager
    def changed(self, path: str, data: bytes) -> Iterator[None]:
        """Let a file hold something else for a block, and put its bytes back."""
        original = read(path)
        write(path, data)
        try:
            yield
        finally:
            write(path, original)

    @contextmanager
    def moved_away(self, path: str) -> Iterator[None]:
        """Free a path for a block; whatever is put there is removed after it."""
        aside = os.path.join(self.directory, "aside")
        os.rename(path, aside)
        try:
            yield
        finally:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.unlink(path)
            os.rename(aside, path)

    def places(self, size: int, *, among: int = 1) -> list[int]:
        """Return which of `size` places to try: all of a small file, as many as the time allows of a large one.

        `among` is how many such lists share the time. Places are spread evenly, the ends included.
        """
        allowed = int(self.seconds * _SHARE / among / self.load_seconds)
        wanted = min(size if size <= WHOLE else PLACES, max(allowed, 16))
        if wanted >= size:
            return list(range(size))
        self.notes.append(f"{wanted} of {size} places")
        return sorted({round(number * (size - 1) / (wanted - 1)) for number in range(wanted)})

    def restore(self) -> None:
        """Put every file of the store back as it was made, and reopen it."""
        shutil.rmtree(self.store_directory)
        _plant(self.store_directory, self._original)
        self.store.reopen()

    def control(self, what: str = "the untouched store loads") -> None:
        """Insist that the store as it stands loads to its values."""
        for tenant, values in self.values.items():
            control(f"{what} ({tenant})", dict(self.store.load(tenant)) == values)

    def control_others(self) -> None:
        """Insist that values which nobody wrote meanwhile are as they were."""
        for tenant, values in self.values.items():
            loaded = self.store.load(tenant)
            control(f"the other values ({tenant})", all(loaded.get(name) == value for name, value in values.items()))

    def left_behind(self) -> list[str]:
        """Return the files below the store that no load reads and that were not there when it was made."""
        owned = {file.path for file in self.store.files()}
        return [path for path in _walk(self.store_directory) if path not in owned]

    def _timed_control(self) -> float:
        started = time.perf_counter()
        self.control()
        return max((time.perf_counter() - started) / len(self.values), 1e-5)


def read(path: str) -> bytes:
    """Return a file's bytes."""
    with open(path, "rb") as file:
        return file.read()


def write(path: str, data: bytes) -> None:
    """Overwrite a file in place, mode and links kept, as an intruder with the right to write would."""
    with open(path, "wb") as file:
        file.write(data)


def _walk(directory: str) -> Iterator[str]:
    for folder, folders, names in os.walk(directory):
        for name in names:
            yield os.path.join(folder, name)
        for name in folders:
            if os.path.islink(os.path.join(folder, name)):
                yield os.path.join(folder, name)


def _stamps(directory: str) -> list[tuple[object, ...]]:
    """Return what tells every file of a tree apart from a later version of itself, cheaply."""
    found: list[tuple[object, ...]] = []
    stack = [directory]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    stack.append(entry.path)
                    found.append((entry.path, status.st_mode))
                else:
                    found.append((entry.path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode))
    return sorted(found, key=lambda stamp: str(stamp[0]))


def _tree(directory: str) -> dict[str, tuple[int, bytes | None]]:
    """Return the mode of every directory and the mode and bytes of every file, by relative path."""
    found: dict[str, tuple[int, bytes | None]] = {"": (_mode(directory), None)}
    for folder, folders, names in os.walk(directory):
        for name in folders:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, directory)] = (_mode(path), None)
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, directory)] = (_mode(path), read(path))
    return found


def _plant(directory: str, tree: Mapping[str, tuple[int, bytes | None]]) -> None:
    for name, (mode, data) in tree.items():
        path = os.path.join(directory, name) if name else directory
        if data is None:
            os.mkdir(path, 0o700)
        else:
            write(path, data)
        os.chmod(path, mode)


def _mode(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)
