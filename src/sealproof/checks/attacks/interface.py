"""What an attack needs of a store: a small adapter, and optional parts for attacks that reach further.

An attack never imports a store's internals. Whoever keeps secrets in another way writes a class with the
methods of `AttackAdapter` and gets the same attacks; each optional part that the class also has opens
more of them, and a part it lacks makes its rows `not applicable`, with the reason printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

FileKind = Literal["data", "key"]


class NotApplicable(Exception):
    """An attack cannot be tried on this store; the text says why, and stands in every report."""


@dataclass(frozen=True, slots=True)
class OwnedFile:
    """A file that a load reads."""

    path: str
    kind: FileKind
    """`data` holds values, `key` opens them."""
    tenant: str
    """Whose file it is; empty where all tenants share it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One secret as it lies in a container."""

    name: str
    text: str
    """The record as it stands there, name included."""
    sealed: bytes
    """What the value became, decoded: nonce, ciphertext and tag."""


@dataclass(frozen=True, slots=True)
class Field:
    """One piece of metadata of a container, of whatever line."""

    name: str
    """Unique in the container, for example `header.generation`."""
    text: str


class AttackAdapter(Protocol):
    """A store as attacks see it: made empty in a private directory, used through nothing but these methods.

    A method may raise NotApplicable with a reason. Nothing may be cached beyond what the real store caches. A class
    whose operations are slow by nature may have an attribute `patience`: by how much time limits are stretched.
    """

    name: str
    """The store and its version, as reports print it."""
    refusals: tuple[type[Exception], ...]
    """The documented exceptions by which the store refuses. Any other exception counts as broken."""

    def __init__(self, directory: str) -> None:
        """Take an empty private directory as the place of everything the store keeps."""

    def make(self, tenants: Mapping[str, Mapping[str, str]]) -> None:
        """Make a store with these tenants and their values."""

    def put(self, tenant: str, name: str, value: str) -> None:
        """Write one value; the tenant is made on first use."""

    def get(self, tenant: str, name: str) -> str:
        """Read one value."""

    def load(self, tenant: str) -> Mapping[str, str]:
        """Return all values of a tenant, as an application starts on them."""

    def rotate(self, tenant: str) -> None:
        """Give the tenant new keys; what was sealed under the old ones opens no more."""

    def reopen(self) -> None:
        """Forget everything that a new process would not know."""

    def files(self) -> Sequence[OwnedFile]:
        """List the files that loads read."""


@runtime_checkable
class ContainerEditor(Protocol):
    """Takes a data file apart, and puts it together with one part changed and all else as it was."""

    def records(self, data: bytes) -> Sequence[Record]:
        """Return the secrets of a data file, in order."""

    def with_records(self, data: bytes, records: Sequence[Record]) -> bytes:
        """Return the file with these records in the place of its own."""

    def fields(self, data: bytes) -> Sequence[Field]:
        """Return the file's metadata."""

    def with_field(self, data: bytes, name: str, text: str) -> bytes:
        """Return the file with one piece of metadata reading otherwise."""


@runtime_checkable
class Applied(Protocol):
    """Sets the process environment for the length of a block."""

    def applied(self, tenant: str) -> AbstractContextManager[object]:
        """Set the tenant's values in the environment, and restore it exactly on leaving."""


@runtime_checkable
class Anchored(Protocol):
    """Can tell an older file by something that is kept outside of it."""

    def anchor(self) -> None:
        """Configure the trusted counter or high-water mark, from now on."""

    def notice(self, tenant: str) -> str:
        """Load, and return what the store says about protection against rollback."""


@runtime_checkable
class Aging(Protocol):
    """Has files with an end, and a clock that can be moved."""

    def expire(self, tenant: str, seconds: int) -> None:
        """Write the tenant's file so that it ends in so many seconds."""

    def move_clock(self, seconds: int) -> None:
        """Let loads see a clock that is this far ahead (or behind, below zero)."""


@runtime_checkable
class Deriving(Protocol):
    """Derives keys from names."""

    def derive(self, tenant: str, purpose: str) -> bytes:
        """Return the key for a purpose of a tenant, from one fixed secret."""


@runtime_checkable
class Sealing(Protocol):
    """Shows which nonces were used under which key, each as (what identifies the key, nonce, all that was sealed)."""

    def seals(self) -> Iterable[tuple[bytes, bytes, bytes]]:
        """Return every sealed value as it lies on disk now."""

    def seal(self, count: int) -> Iterable[tuple[bytes, bytes, bytes]]:
        """Seal so many values in memory under the first tenant's present key."""


@runtime_checkable
class Stretching(Protocol):
    """Stretches a passphrase, at a cost that its key file states."""

    def stretched(self, *, cost: int, salt: bytes) -> None:
        """Write the key file with this cost and salt behind the library's back, and derive from it."""

    def write_stretched(self, *, cost: int) -> None:
        """Ask the library itself to write a key file at this cost."""

    def floor(self) -> int:
        """Return the lowest cost that is accepted."""

    def new_salt(self) -> bytes:
        """Return the salt of one more store, made by the library from the same passphrase."""


@runtime_checkable
class Mastered(Protocol):
    """Is made from a master passphrase or key that a person chose."""

    def make_from(self, master: str) -> None:
        """Make another, empty store from this master."""


@runtime_checkable
class Primitive(Protocol):
    """Shows the cryptography it uses as functions over bytes."""

    def primitives(self) -> Mapping[str, Callable[..., object]]:
        """Return functions by name: see `_vectors.FUNCTIONS`. One that verifies raises or returns False to refuse."""


@runtime_checkable
class Viewed(Protocol):
    """Hands objects around values to applications."""

    def views(self, tenant: str) -> Iterable[object]:
        """Return every kind of object that an application is given and that knows a value."""


@runtime_checkable
class Failing(Protocol):
    """Has errors of its own besides refusing a file."""

    def provoke(self, tenant: str) -> Iterable[Callable[[], object]]:
        """Return calls that each end in another documented exception, with values at hand."""

    def failing_test(self, canary: str) -> Sequence[str] | None:
        """Return a pytest command that fails with `canary` in a fixture and a parameter; None without a plugin."""


@runtime_checkable
class Reporting(Protocol):
    """Writes reports about what lies in a store."""

    def report(self, planted: str) -> Iterable[bytes]:
        """Plant a value where a check finds it, and return every report that is made, in every format."""


@runtime_checkable
class Importing(Protocol):
    """Reads archives."""

    def import_archive(self, path: str) -> None:
        """Import a tar or zip archive into the store."""


@runtime_checkable
class Sourced(Protocol):
    """Is written in Python that can be read."""

    def sources(self) -> Iterable[str]:
        """Return the paths of its modules that handle keys, tags and tokens."""


@runtime_checkable
class Scanning(Protocol):
    """Looks for secrets in build and CI files."""

    def scan(self, directory: str) -> Iterable[str]:
        """Return the names of the files below `directory` in which a secret is found."""


@runtime_checkable
class Padded(Protocol):
    """States what the size of a sealed value tells about its length."""

    def step(self) -> int:
        """Return the padding step in bytes that the format document declares."""


@runtime_checkable
class Writing(Protocol):
    """Writes from this process, so that its file operations can be counted and made to fail."""

    def writes_in_process(self) -> bool:
        """Return True."""
