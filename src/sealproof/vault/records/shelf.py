"""`records/` on disk: every record with whether it is to be believed. Reading needs public keys only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sealproof.errors import EvidenceRejected, KeyMissing, MalformedFile, StoreExists
from sealproof.loader.files import open_root, read_public
from sealproof.loader.storekeys import pinned_keys
from sealproof.signing import public_from_pem
from sealproof.vault.records.interface import KINDS, LEAVER, PERSON, POLICY_KEY, Record
from sealproof.vault.records.people import People
from sealproof.vault.records.text import FILE_MAX, claimed, file_name, signed, verified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.signing import SigningKey

DIRECTORY = "records"
POLICY_KEY_VARIABLE = "SEALPROOF_POLICY_KEY_FILE"
_PEM_MAX = 4096  # bytes
_MODE = 0o644  # records are for everybody who may read the repository


class Refused(NamedTuple):
    """A file below `records/` that is not to be believed, and why."""

    path: str
    reason: str


class Shelf:
    """The records of the store at `root`, each read and verified once."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.refused: list[Refused] = []
        """What was found and is not to be believed; filled by `people` and `records`."""
        self._people: People | None = None
        self._records: dict[str, tuple[Record, ...]] = {}

    def __repr__(self) -> str:
        return f"Shelf({self.root!r})"

    def people(self) -> People:
        """Return who the people of this store are.

        Raises KeyMissing where no public policy key is here to verify them with, and what reading raises.
        """
        if self._people is None:
            found = People(policy_keys(self.root))
            people = tuple(self._believed(PERSON, found))
            named = People(found.policy_keys, people)
            for key, names in named.double().items():
                path = next(record.path for record in people if record.text("key") == key.hex())
                self.refused.append(Refused(path, f"{' and '.join(names)} bear one key: they are one person"))
                people = tuple(record for record in people if record.text("key") != key.hex())
            named = People(found.policy_keys, people)
            leavers = tuple(self._believed(LEAVER, named))
            self._records = {PERSON: people, LEAVER: leavers}
            self._people = People(found.policy_keys, people, leavers)
        return self._people

    def records(self, kind: str) -> tuple[Record, ...]:
        """Return the believed records of a kind, oldest first. Raises as `people` does."""
        people = self.people()
        if kind not in self._records:
            self._records[kind] = tuple(self._believed(kind, people))
        return self._records[kind]

    def add(self, record: Record, key: SigningKey) -> str:
        """Sign a record, put it on the shelf and return its path below the root.

        Raises CallerError, InvalidName, EvidenceRejected if this key's signature would not be believed, StoreExists
        if the very record is there already.
        """
        data, name = signed(record, key), file_name(record)
        path = f"{DIRECTORY}/{record.kind}/{name}"
        _check_signer(self.people(), record, key)
        with open_root(self.root) as root, root.make(DIRECTORY) as shelf, shelf.make(record.kind) as kind:
            kind.lock()
            kind.sweep()
            if name in kind.names():
                message = f"{path} is there already"
                raise StoreExists(message, hint=f"cat {self.root}/{path}")
            kind.replace(name, data, mode=_MODE)
        self._people, self._records, self.refused = None, {}, []
        return path

    def _believed(self, kind: str, people: People) -> Iterator[Record]:
        found = []
        for path, data in self._files(kind):
            try:
                record = _in_its_place(claimed(data, path=path), kind)
                found.append(verified(data, people.keys_for(record), path=path))
            except (MalformedFile, EvidenceRejected) as exc:
                self.refused.append(Refused(path, exc.message))
        yield from sorted(found, key=lambda record: (record.at, record.path))

    def _files(self, kind: str) -> Iterator[tuple[str, bytes]]:
        with open_root(self.root) as root:
            shelf = root.enter(DIRECTORY)
            if shelf is None:
                return
            with shelf:
                directory = shelf.enter(kind)
                if directory is None:
                    return
                with directory:
                    for name in directory.names():
                        if not name.startswith("."):
                            data = directory.read(name, limit=FILE_MAX, private=False)
                            yield f"{DIRECTORY}/{kind}/{name}", data or b""


def policy_keys(root: str) -> tuple[bytes, ...]:
    """Return the public keys that vouch for a store's people: a file that was named, else those of its own `keys/`.

    Raises KeyMissing where there is none, MalformedFile, UnsafeFile.
    """
    named = os.environ.get(POLICY_KEY_VARIABLE, "")
    if named:
        text = read_public(named, limit=_PEM_MAX)
        if text is None:
            message = f"{POLICY_KEY_VARIABLE} names {named}, and there is no such file"
            raise KeyMissing(message, hint=f"{POLICY_KEY_VARIABLE}=FILE, the store's public policy key in PEM")
        return (public_from_pem(text, name=named),)
    found = _own_policy_keys(root)
    if not found:
        message = f"no public policy key of {root} is here: nobody vouches for its people"
        raise KeyMissing(message, hint=f"{POLICY_KEY_VARIABLE}=FILE, or work where keys/ is")
    return found


def every_record(root: str) -> tuple[list[Record], list[Refused]]:
    """Return all believed records of a store, and what is not to be believed."""
    shelf = Shelf(root)
    records = [record for kind in KINDS for record in shelf.records(kind)]
    return records, shelf.refused


def _in_its_place(record: Record, kind: str) -> Record:
    if record.kind != kind or os.path.basename(record.path) != file_name(record):
        message = f"{record.path} does not lie where it belongs"
        raise MalformedFile(message)
    return record


def _own_policy_keys(root: str) -> tuple[bytes, ...]:
    with open_root(root) as store:
        keys = store.enter("keys")
        if keys is None:
            return ()
        with keys:
            return pinned_keys(keys, POLICY_KEY) + pinned_keys(keys, f"former-{POLICY_KEY}")


def _check_signer(people: People, record: Record, key: SigningKey) -> None:
    if key.public in people.keys_for(record):
        return
    if record.by == POLICY_KEY:
        message = "the key is not this store's policy key"
        raise EvidenceRejected(message, hint="work where the store's keys/ are")
    person = people.person(record.by, record.at)
    if person is None:
        message = f"{record.by} is nobody's name in this store"
        raise EvidenceRejected(message, hint=f"sealproof record person {record.by} --public FILE", names=(record.by,))
    reason = "the key is another's" if person.key != key.public else f"{record.kind} is none of their duties"
    message = f"{record.by} cannot sign this: {reason}"
    raise EvidenceRejected(message, hint="sealproof record list", names=(record.by,))
