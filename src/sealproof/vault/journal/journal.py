"""The journal of one store: begin, continue, find and verify operations. Threads and processes may share it."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from sealproof.errors import JournalBroken, OperationUnderWay
from sealproof.signing import fingerprint, sha256
from sealproof.vault.journal import entry as entries
from sealproof.vault.journal import file as files
from sealproof.vault.journal.entry import BEGIN, FIRST, NOTE, Entry
from sealproof.vault.journal.lease import lease
from sealproof.vault.journal.operation import Operation, nothing
from sealproof.vault.journal.signer import PURPOSE, first_signer, is_begun, publics, signer
from sealproof.vault.keys_directory import keys_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sealproof.envelope.cipher import Random
    from sealproof.loader.files import Directory
    from sealproof.signing import SigningKey
    from sealproof.vault.journal.entry import Fact
    from sealproof.vault.journal.file import JournalFile
    from sealproof.vault.journal.operation import Reached

    _Pen = tuple[Directory, JournalFile]

_ID_BYTES = 16
KEY_MADE, RECOVERED = "key.make", "journal.recover"


class Journal:
    """`keys/rotation_log.json` of the store at `root`. `clock` gives unix seconds; `random` gives bytes.

    `reached` is told of every named point; tests crash in it, production leaves it alone.
    """

    def __init__(
        self,
        root: str,
        *,
        clock: Callable[[], float] = time.time,
        random: Random = os.urandom,
        reached: Reached = nothing,
        roll_at: int = files.ROLL_AT,
    ) -> None:
        self.root = root
        self.reached = reached
        self._clock = clock
        self._random = random
        self._roll_at = roll_at
        self._mutex = Lock()
        self._read = _Reading(self)

    def __repr__(self) -> str:
        return f"Journal({self.root!r})"

    def begin(self, kind: str, scope: str, **facts: Fact) -> Operation:
        """Write the first line of an operation and return it.

        Raises OperationUnderWay if one of this kind and scope is unfinished, InvalidRecord, KeyMissing,
        JournalBroken, FileUnavailable.
        """
        with self._writing() as pen:
            for other in self._read.open.values():
                if (other.kind, other.scope) == (kind, scope):
                    message = f"{kind} of {scope} was begun before and is not finished (at {other.last})"
                    raise OperationUnderWay(message, hint="sealproof key resume", names=(other.id,))
            written = self._append(pen, BEGIN, facts, kind=kind, scope=scope)
            return self._read.open[written.operation].copy()

    def note(self, kind: str, scope: str, **facts: Fact) -> Entry:
        """Write a single line about something that is no operation of several steps. Raises as `begin` does."""
        with self._writing() as pen:
            return self._append(pen, NOTE, facts, kind=kind, scope=scope)

    def write(self, operation: Operation, event: str, facts: Mapping[str, Fact]) -> Entry:
        """Write the next line of `operation`: see `Operation.step`."""
        with self._writing() as pen:
            known = self._read.open.get(operation.id)
            if known is None or known.fence != operation.fence:
                message = f"{operation.kind} of {operation.scope} was taken further by another process"
                raise OperationUnderWay(message, hint="look where it stands: sealproof key ledger")
            kind, scope = operation.kind, operation.scope
            return self._append(pen, event, facts, kind=kind, scope=scope, operation=operation.id)

    def unfinished(self, kind: str = "", scope: str = "") -> list[Operation]:
        """Return what was begun and is neither done nor abandoned, oldest first.

        Raises KeyMissing without `keys/`, JournalBroken, FileUnavailable.
        """
        with self._keys() as keys, self._mutex, self._read.opened(keys):
            found = [operation.copy() for operation in self._read.open.values()]
        return [one for one in found if kind in ("", one.kind) and scope in ("", one.scope)]

    def history(self, kind: str = "", scope: str = "") -> list[Operation]:
        """Return every operation and note there ever was, finished or not, oldest first, its lines taken together."""
        found: dict[str, Operation] = {}
        for line in self.entries():
            if kind in ("", line.kind) and scope in ("", line.scope):
                if line.operation in found:
                    found[line.operation].take(line)
                else:
                    found[line.operation] = Operation(self, line)
        return list(found.values())

    def entries(self) -> Iterator[Entry]:
        """Yield every line, oldest first, its chain and newest signature proved before the first is given out."""
        yield from self._all(every_signature=False)

    def verify(self) -> int:
        """Check every link and every signature, and return the number of lines. Raises JournalBroken."""
        return sum(1 for _ in self._all(every_signature=True))

    @contextmanager
    def lease(self, scope: str, *, shared: bool = False) -> Iterator[None]:
        """Hold `scope` for this worker alone, or `shared`. Raises OperationUnderWay at once if that cannot be had."""
        with self._keys() as keys, lease(keys, scope, shared=shared):
            yield

    def _all(self, *, every_signature: bool) -> Iterator[Entry]:
        with self._keys() as keys, _Reading(self).opened(keys) as file:  # proves before anything is believed
            earlier = files.earlier_files(keys)
            allowed = publics(keys) if every_signature else frozenset()
            if file is not None:
                file.release()  # whoever reads slowly, or writes meanwhile, holds up nobody
            for line, where, _ in _lines(keys, earlier, file, 0):
                found = entries.parse(line, name=where)
                if every_signature and not (found.by in allowed and found.is_signed()):
                    raise _broken(f"{where} is not signed by this store's journal key")
                yield found

    @contextmanager
    def _keys(self) -> Iterator[Directory]:
        with keys_directory(self.root, ", where the rotation journal is kept") as keys:
            yield keys

    @contextmanager
    def _writing(self) -> Iterator[_Pen]:
        with self._keys() as keys, self._mutex:
            with self._taken_up(keys) as file:
                if file.size < self._roll_at:
                    yield keys, file
                    return
                file.put_by(self._read.first)
            with self._taken_up(keys) as file:
                yield keys, file

    @contextmanager
    def _taken_up(self, keys: Directory) -> Iterator[JournalFile]:
        """Open the file to write, where the last writer stopped: its torn end is set aside and noted."""
        begun = _begun(keys)
        with files.to_write(keys) as file:
            self._read.catch_up(keys, file, begun=begun)
            torn = file.set_torn_end_aside(self._read.offset)
            if not self._read.seq:
                key = first_signer(keys, random=self._random)
                made = {"public": fingerprint(key.public)}
                self._append((keys, file), NOTE, made, kind=KEY_MADE, scope=f"signing/{PURPOSE}", key=key)
                signer(keys)  # named from here on: a journal without a line is one that somebody took away
            if torn:
                facts: dict[str, Fact] = {"bytes": len(torn), "sha256": sha256(torn).hex()}
                self._append((keys, file), NOTE, facts, kind=RECOVERED, scope="")
            yield file

    def _append(
        self,
        pen: _Pen,
        event: str,
        facts: Mapping[str, Fact],
        *,
        kind: str,
        scope: str,
        operation: str = "",
        key: SigningKey | None = None,
    ) -> Entry:
        keys, file = pen
        self.reached(f"{kind}:{event}:before")
        made = entries.make(
            key or signer(keys),
            seq=self._read.seq + 1,
            at=int(self._clock()),
            operation=operation or self._random(_ID_BYTES).hex(),
            kind=kind,
            scope=scope,
            event=event,
            facts=facts,
            previous=self._read.head,
        )
        file.append(made.line)
        self._read.take(made, file.size)
        self.reached(f"{kind}:{event}:written")
        return made


class _Reading:
    """What the lines so far amount to, taken in once and then only as they grow."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._forget()

    def _forget(self) -> None:
        self.inode = 0
        self.first = 1
        self.offset = 0
        self.seq = 0
        self.head = FIRST
        self.open: dict[str, Operation] = {}

    @contextmanager
    def opened(self, keys: Directory) -> Iterator[JournalFile | None]:
        """Open the file to read, and take in what was added. Raises JournalBroken."""
        begun = _begun(keys)  # asked first: a writer may begin the journal meanwhile
        with files.to_read(keys) as file:
            self.catch_up(keys, file, begun=begun)
            yield file

    def catch_up(self, keys: Directory, file: JournalFile | None, *, begun: bool) -> None:
        """Take in what was added; the whole chain where the file is another one.

        Raises JournalBroken, also where a journal that was `begun` has no line.
        """
        newest = None
        if file is None or file.inode != self.inode or file.size < self.offset:
            self._forget()
            for line, where, _ in _lines(keys, files.earlier_files(keys), None, 0):
                newest = self._link(line, where, 0)
            self.inode, self.first = 0 if file is None else file.inode, self.seq + 1
        for line, where, offset in _lines(keys, [], file, self.offset):
            newest = self._link(line, where, offset)
        if newest is not None and not (newest.by in publics(keys) and newest.is_signed()):
            self._forget()
            raise _broken(f"{keys.path}/{files.FILE_NAME} does not end in a line of this store's journal key")
        if begun and not self.seq:
            raise _broken(f"{keys.path}/{files.FILE_NAME} is empty, and its key signed lines before")

    def take(self, line: Entry, offset: int) -> None:
        """Take in one line that ends at `offset`."""
        self.seq, self.head, self.offset = line.seq, line.hash, offset
        if line.event == BEGIN:
            self.open[line.operation] = Operation(self._journal, line)
        elif line.operation in self.open:
            operation = self.open[line.operation]
            operation.take(line)
            if operation.is_over:
                del self.open[line.operation]

    def _link(self, line: bytes, where: str, offset: int) -> Entry:
        try:
            found = entries.parse(line, name=where)
            if (found.seq, found.previous) != (self.seq + 1, self.head):
                raise _broken(f"{where} does not follow the line before it")
        except JournalBroken:
            self._forget()
            raise
        self.take(found, offset)
        return found


def _lines(
    keys: Directory, earlier: list[str], file: JournalFile | None, offset: int
) -> Iterator[tuple[bytes, str, int]]:
    """Yield every line of the earlier files and of the one in use, where it stands, and the offset behind it."""
    for name in earlier:
        for number, line in enumerate(files.earlier_lines(keys, name), 1):
            yield line, f"{keys.path}/{name}, line {number}", 0
    if file is not None:
        for line, end in file.lines(offset):
            yield line, f"{file.path}, at byte {end - len(line) - 1}", end


def _begun(keys: Directory) -> bool:
    """Tell whether there has to be a line. Raises JournalBroken where there is not even a file to hold one."""
    begun = is_begun(keys)
    if begun and files.FILE_NAME not in keys.names() and not files.earlier_files(keys):
        raise _broken(f"{keys.path}/{files.FILE_NAME} is gone, and its key signed lines before")
    return begun


def _broken(what: str) -> JournalBroken:
    return JournalBroken(what, hint="restore keys/ from its backup, and find out who changed the journal")
