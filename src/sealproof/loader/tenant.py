"""Find a tenant's file and key, and open it: the one path that every reader of this room takes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sealproof.envelope.freshness import Freshness, Mark, parse_minimum
from sealproof.envelope.grammar import FILE_MAX, check_environment, check_tenant
from sealproof.envelope.open import Unlocked, unlock
from sealproof.errors import (
    CallerError,
    ConfigurationError,
    DataError,
    LimitExceeded,
    MalformedFile,
    StoreNotFound,
    UnknownTenant,
    UnsupportedFormat,
)
from sealproof.loader.files import Directory, at, open_root
from sealproof.loader.keys import find_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealproof.envelope.keyfile import KeyLine
    from sealproof.envelope.parse import Envelope
    from sealproof.loader.source import Source

DEFAULT_ROOT = "secrets"
DEFAULT_ENVIRONMENT = "development"
_MARK_MAX = 4096  # bytes


class Place:
    """What is asked for: tenant, environment and root, each from its argument or its variable."""

    __slots__ = ("environment", "root", "tenant")

    def __init__(
        self, tenant: str | None = None, environment: str | None = None, root: str | os.PathLike[str] | None = None
    ) -> None:
        named = tenant if tenant is not None else os.environ.get("SEALPROOF_TENANT")
        if named is None:
            message = "no tenant was named"
            raise CallerError(message, hint="name one as the argument, or set SEALPROOF_TENANT")
        place = environment if environment is not None else os.environ.get("SEALPROOF_ENVIRONMENT")
        self.tenant = check_tenant(named)
        self.environment = check_environment(place or DEFAULT_ENVIRONMENT)
        self.root = os.fspath(root) if root is not None else os.environ.get("SEALPROOF_ROOT") or DEFAULT_ROOT


def file_name(environment: str) -> str:
    """Return the name of an environment's file in its tenant's directory."""
    return ".env.enc" if environment == DEFAULT_ENVIRONMENT else f".env.{environment}.enc"


def read_sealed(root: Directory, tenant: str, environment: str) -> bytes:
    """Return the sealed bytes of one tenant's environment.

    Raises UnknownTenant, UnsafeFile, LimitExceeded, FileUnavailable.
    """
    data = find_sealed(root, tenant, environment)
    if data is None:
        message = f"{root.path} has no tenant {tenant} with environment {environment}"
        raise UnknownTenant(message, hint=f"sealproof seal {tenant} --environment {environment} FILE", names=(tenant,))
    return data


def find_sealed(root: Directory, tenant: str, environment: str) -> bytes | None:
    """Return the sealed bytes, or None where there is no such file. Raises as `read_sealed` does otherwise."""
    return read_beside(root, tenant, file_name(environment), limit=FILE_MAX)


def read_beside(root: Directory, tenant: str, name: str, *, limit: int) -> bytes | None:
    """Return a file of the tenant's directory, or None. Raises UnsafeFile, LimitExceeded, FileUnavailable."""
    tenants = root.enter("tenants")
    if tenants is None:
        return None
    with tenants:
        directory = tenants.enter(tenant)
        if directory is None:
            return None
        with directory:
            return directory.read(name, limit=limit, private=False)


class Opened:
    """An unlocked file and the anchor that guards it against rollback, in words."""

    __slots__ = ("rollback", "unlocked")

    def __init__(self, unlocked: Unlocked, rollback: str) -> None:
        self.unlocked = unlocked
        self.rollback = rollback


def open_tenant(
    place: Place,
    root: Directory | None,
    *,
    source: Source | None = None,
    keys: Iterable[KeyLine] | None = None,
    now: int | None = None,
    renewing: bool = False,
) -> Opened:
    """Take the tenant's file through steps 1 to 6, under the host's own anchors.

    `root` may be None where a `source` and a handed-over key make a store on this host unnecessary. `now` is
    the host's clock unless given. `renewing` lets pass an expiry that is over, for whoever sets a new one.
    """
    if source is not None:
        data = source.read(place.tenant, place.environment)
    elif root is not None:
        data = read_sealed(root, place.tenant, place.environment)
    else:
        message = "neither a store nor a source was given"
        raise CallerError(message, hint="pass root=… or source=…")
    if keys is None:
        keys = find_keys(root, place.tenant, place.environment)
    marks = os.environ.get("SEALPROOF_STATE")
    anchors = _Renewing if renewing else Freshness
    freshness = anchors(now=int(time.time()) if now is None else now, minimum=_minimum())
    if not marks:
        unlocked = _unlock(data, place, keys, freshness)
        return Opened(unlocked, freshness.protection(unlocked.envelope))
    return _open_marked(data, place, keys, freshness, marks)


def host_anchors(place: Place, *, now: int) -> Freshness:
    """Return the anchors that this host holds for a file, to judge one by that is not opened: no mark is raised.

    Raises ConfigurationError, MalformedFile, UnsafeFile, FileUnavailable.
    """
    freshness = Freshness(now=now, minimum=_minimum())
    marks = os.environ.get("SEALPROOF_STATE")
    if marks:
        with state_directory(marks) as directory:
            freshness.mark = _mark_in(directory, place)
    return freshness


def _mark_in(directory: Directory, place: Place) -> Mark | None:
    directory.check_private()
    text = directory.read(_mark_name(place), limit=_MARK_MAX, private=True)
    return None if text is None else Mark.parse(text, tenant=place.tenant, environment=place.environment)


def _mark_name(place: Place) -> str:
    return f"{place.tenant}.{place.environment}.mark"


def _open_marked(data: bytes, place: Place, keys: Iterable[KeyLine], freshness: Freshness, marks: str) -> Opened:
    with state_directory(marks) as directory:
        directory.lock()
        freshness.mark = _mark_in(directory, place)
        unlocked = _unlock(data, place, keys, freshness)
        seen = Mark.of(unlocked.envelope)
        if freshness.mark is None or seen.generation > freshness.mark.generation:
            directory.sweep()
            directory.replace(_mark_name(place), seen.to_bytes())
        freshness.mark = seen
    return Opened(unlocked, freshness.protection(unlocked.envelope))


def _unlock(data: bytes, place: Place, keys: Iterable[KeyLine], freshness: Freshness) -> Unlocked:
    try:
        return unlock(data, tenant=place.tenant, environment=place.environment, keys=keys, freshness=freshness)
    except (MalformedFile, UnsupportedFormat, LimitExceeded) as exc:
        raise malformed(place.root, place.tenant, place.environment, exc) from None


def malformed(root: str, tenant: str, environment: str, exc: DataError) -> DataError:
    """Return a refusal of a sealed file's public bytes that names the file."""
    path = f"{root}/tenants/{tenant}/{file_name(environment)}"
    return at(path, exc, hint="restore the file from version control or a backup")


class _Renewing(Freshness):
    """Every anchor but an expiry that is over: the way to a new expiry must not end at the old one."""

    def check(self, envelope: Envelope) -> None:
        now = min(self.now, envelope.expires) if envelope.expires else self.now
        Freshness(now=now, minimum=self.minimum, mark=self.mark).check(envelope)


def state_directory(path: str) -> Directory:
    """Open the directory that `SEALPROOF_STATE` names. Raises ConfigurationError if there is none, FileUnavailable."""
    try:
        return open_root(path)
    except StoreNotFound:
        message = f"SEALPROOF_STATE names {path}, and there is no such directory"
        raise ConfigurationError(message, hint=f"mkdir -m 700 {path}", names=("SEALPROOF_STATE",)) from None


def _minimum() -> int:
    text = os.environ.get("SEALPROOF_MIN_GENERATION")
    if not text:
        return 0
    try:
        return parse_minimum(text)
    except ValueError:
        message = f"SEALPROOF_MIN_GENERATION is no generation: {text!r:.30}"
        hint = "set it to a whole number from 1"
        raise ConfigurationError(message, hint=hint, names=("SEALPROOF_MIN_GENERATION",)) from None
