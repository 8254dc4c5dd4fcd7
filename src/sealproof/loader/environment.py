"""`load_environment_secrets()`: a tenant's secrets into the process environment, all or nothing."""

from __future__ import annotations

import os
from _thread import allocate_lock
from typing import TYPE_CHECKING

from sealproof.envelope.grammar import is_name
from sealproof.errors import AnotherTenantLoaded, CallerError, MissingSecrets
from sealproof.loader.files import Directory, open_root, read_public
from sealproof.loader.keys import take_keys
from sealproof.loader.names import refuse_dangerous
from sealproof.loader.tenant import Opened, Place, open_tenant, read_beside

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from typing import TypeAlias

    from sealproof.loader.source import Source

    Required: TypeAlias = str | os.PathLike[str] | Iterable[str] | None

_EXAMPLE_MAX = 1024 * 1024  # bytes

environment_lock = allocate_lock()
"""Held while this package changes `os.environ`."""

_loaded: list[tuple[str, str]] = []


class LoadedEnvironment:
    """What a load did: names, never values. Awaiting it gives itself, so a load reads well either way."""

    __slots__ = ("environment", "generation", "names", "rollback", "skipped", "tenant")

    def __init__(
        self, place: Place, *, names: tuple[str, ...], skipped: tuple[str, ...], generation: int, rollback: str
    ) -> None:
        self.tenant = place.tenant
        self.environment = place.environment
        self.names = names
        """Names that were set, sorted."""
        self.skipped = skipped
        """Names that were set already and stayed as they were."""
        self.generation = generation
        """The file's generation; +1 a save."""
        self.rollback = rollback
        """Which anchor guards against an older file, or "not protected"."""

    def __repr__(self) -> str:
        return (
            f"LoadedEnvironment({self.tenant}/{self.environment} generation {self.generation}: "
            f"{len(self.names)} set, {len(self.skipped)} skipped, rollback {self.rollback})"
        )

    def __await__(self) -> Generator[None, None, LoadedEnvironment]:
        yield from ()
        return self


def load_environment_secrets(
    tenant_id: str | None = None,
    *,
    environment: str | None = None,
    root: str | os.PathLike[str] | None = None,
    override: bool = False,
    required: Required = None,
    allow: Iterable[str] = (),
    expand: bool = False,
    source: Source | None = None,
) -> LoadedEnvironment:
    """Open the tenant's `.env.enc` and set the process environment: everything or nothing.

    A name that is already set stays and is listed as skipped, unless `override`. `required` is names,
    or the path of a file of names (default: `.env.example` beside the sealed file, where there is
    one). `allow` names the dangerous variables that may be set. `expand` resolves `${…}` over the
    tenant's own names. `source` gives the sealed bytes where they are not in a store on this host.

    Raises a SealproofError: UnknownTenant, KeyMissing, CannotOpen, StaleFile, MissingSecrets,
    DangerousName, and whatever reading and parsing raise. The environment is then as it was.
    """
    take_keys()  # before anything can fail: the application that catches the error does not see them either
    place = Place(tenant_id, environment, root)
    opened, wanted = _open(place, source, required)
    # Names are readable without the values. What is refused by name is refused before there is a value in any frame.
    names = {entry.name for entry in opened.unlocked.envelope.entries if "." not in entry.name}
    missing = tuple([name for name in wanted if name not in names])
    if missing:
        message = f"{place.tenant}/{place.environment} lacks {', '.join(missing)}"
        hint = f"sealproof set {place.tenant} {missing[0]} --environment {place.environment}"
        raise MissingSecrets(message, hint=hint, names=missing)
    refuse_dangerous(names, allow=allow)
    _refuse_another(place)
    values = plain_names(opened.unlocked.values())
    if expand:
        from sealproof.loader.expand import expand as expand_values  # noqa: PLC0415 - brings python-dotenv

        values = expand_values(values)
    with environment_lock:
        skipped = put(place, values, override=override)
    return LoadedEnvironment(
        place,
        names=tuple(sorted(values.keys() - set(skipped))),
        skipped=skipped,
        generation=opened.unlocked.envelope.generation,
        rollback=opened.rollback,
    )


def plain_names(values: Mapping[str, bytes]) -> dict[str, str]:
    """Return what belongs in the environment: everything but values of a rotation under way."""
    return {name: value.decode() for name, value in values.items() if "." not in name}


def put(place: Place, values: Mapping[str, str], *, override: bool) -> tuple[str, ...]:
    """Set `values` in `os.environ` and return the names that were left alone. Hold `environment_lock`.

    Raises AnotherTenantLoaded, and CallerError if the locale cannot carry a value; nothing is set then.
    """
    _refuse_another(place)
    skipped = () if override else tuple(sorted([name for name in values if name in os.environ]))
    left = frozenset(skipped)
    fresh = {name: value for name, value in values.items() if name not in left}
    for name, value in fresh.items():
        if not _locale_carries(value):
            message = f"the locale's encoding cannot carry the value of {name}"
            raise CallerError(message, hint="start Python with PYTHONUTF8=1", names=(name,))
    os.environ.update(fresh)
    _loaded[:] = [(place.tenant, place.environment)]
    return skipped


def _refuse_another(place: Place) -> None:
    scope = (place.tenant, place.environment)
    if _loaded and _loaded[0] != scope:
        held = "/".join(_loaded[0])
        message = f"this process holds the secrets of {held}; loading {'/'.join(scope)} would mix two tenants"
        hint = "start one process a tenant, or use DevelopmentSecretLoader(tenant).secure_context()"
        raise AnotherTenantLoaded(message, hint=hint)


def _locale_carries(value: str) -> bool:
    """Tell whether `value` can be set. The error is raised elsewhere: an encoder's own holds the value."""
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return False
    return True


def loaded_scope() -> list[tuple[str, str]]:
    """Return a copy of which scope this process holds: empty, or one (tenant, environment)."""
    return _loaded.copy()


def restore(snapshot: Mapping[str, str], scope: list[tuple[str, str]]) -> None:
    """Put `os.environ` back exactly as `snapshot` holds it. Hold `environment_lock`."""
    for name in os.environ.keys() - snapshot.keys():
        del os.environ[name]
    for name, value in snapshot.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    _loaded[:] = scope


def _open(place: Place, source: Source | None, required: Required) -> tuple[Opened, Iterable[str]]:
    if source is not None and not os.path.isdir(place.root):  # no store on this host, and none is needed
        return open_tenant(place, None, source=source), _required(required, None, place)
    with open_root(place.root) as root:
        return open_tenant(place, root, source=source), _required(required, root, place)


def _required(required: Required, root: Directory | None, place: Place) -> Iterable[str]:
    if required is None:
        text = None if root is None else read_beside(root, place.tenant, ".env.example", limit=_EXAMPLE_MAX)
        path = f"{place.root}/tenants/{place.tenant}/.env.example"
        return () if text is None else _names_in(text, path)
    if isinstance(required, (str, os.PathLike)):
        return _names_in(_read_example(os.fspath(required)), os.fspath(required))
    names = tuple(required)
    wrong = tuple([name for name in names if not is_name(name)])
    if wrong:
        message = f"required names are outside the grammar: {', '.join(map(repr, wrong))}"
        raise CallerError(message, hint="pass names, or the path of a file of names", names=wrong)
    return names


def _names_in(text: bytes, path: str) -> tuple[str, ...]:
    from sealproof.loader.example import required_names  # noqa: PLC0415 - only where there is such a file

    return required_names(text, path=path)


def _read_example(path: str) -> bytes:
    text = read_public(path, limit=_EXAMPLE_MAX)
    if text is None:
        message = f"there is no file of required names at {path}"
        raise CallerError(message, hint="pass required=() to require nothing")
    return text
