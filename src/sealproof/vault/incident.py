"""Who and what is affected if a key or a secret got out: from public parts, the audit log and the manifests.

Nothing is opened and no value is read, so it works without the keys, and while they are being replaced. With the
store's own `keys/` at hand, the log's pseudonyms are resolved to names.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sealproof.envelope.parse import parse
from sealproof.errors import CallerError, SealproofError, UnknownTenant
from sealproof.vault.audit.lines import LOG
from sealproof.vault.audit.recent import every, who_is_who
from sealproof.vault.declarations import FILE_NAME, of_tenant
from sealproof.vault.inventory import read as read_manifest
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealproof.envelope.parse import Envelope
    from sealproof.vault.declarations import TenantDeclaration
    from sealproof.vault.store.local import LocalStore

_UNDECLARED = (
    'write into {path}: under [tenant.processing] categories = "…", or under [tenant] personal_data = false with '
    'reason = "…"'
)


class Affected(NamedTuple):
    """One secret that the compromise reaches."""

    tenant: str
    environment: str
    name: str
    version: int
    updated: str
    """When this version was sealed, in UTC."""
    owner: str
    purpose: str


class Access(NamedTuple):
    """One recorded call on what is affected."""

    at: str
    """In UTC, to the second."""
    actor: str
    """A name where it can be resolved, else the log's pseudonym."""
    operation: str
    outcome: str
    tenant: str
    environment: str
    name: str
    """Empty where the call was about the tenant as a whole; a digest where the name cannot be resolved."""
    version: int
    request: str


class Unknown(NamedTuple):
    """Something that could not be told."""

    what: str
    fix: str
    """What to type, or to write and where; empty where nobody can tell."""


class Scope(NamedTuple):
    """What a compromise reaches, as far as is known. `unknown` says what is not."""

    declared: str
    """What was declared compromised."""
    affected: tuple[Affected, ...]
    accesses: tuple[Access, ...]
    readers: tuple[str, ...]
    """Files that recipients could open besides the store's own keys, with how many."""
    categories: tuple[str, ...]
    """Of personal data, as each tenant's record of processing has it."""
    unknown: tuple[Unknown, ...]

    @property
    def tenants(self) -> tuple[str, ...]:
        """Return the tenants that are affected, sorted."""
        return tuple(sorted({item.tenant for item in self.affected}))


class _Found:
    """What was gathered so far."""

    def __init__(self) -> None:
        self.affected: list[Affected] = []
        self.accesses: list[Access] = []
        self.readers: list[str] = []
        self.categories: list[str] = []
        self.unknown: list[Unknown] = []


def scope_of(store: LocalStore, tenants: Sequence[str], *, environment: str = "", name: str = "") -> Scope:
    """Return what is affected if the keys of `tenants` got out, narrowed to an environment or to one secret.

    Raises UnknownTenant, CallerError, and what listing the store raises. What cannot be read of one tenant does not
    hide the others: it is named as unknown.
    """
    known = store.tenants()
    missing = [tenant for tenant in tenants if tenant not in known]
    if missing:
        message = f"{store.root} has no tenant {', '.join(missing)}"
        raise UnknownTenant(message, hint="sealproof list", names=tuple(missing))
    found = _Found()
    for tenant in tenants:
        _gather(store, tenant, environment, name, found)
    if name and not found.affected:
        message = f"{', '.join(tenants)} has no secret {name!r:.80}"
        raise CallerError(message, hint=f"sealproof list {tenants[0]}", names=(name,))
    declared = "/".join(part for part in (", ".join(tenants), environment, name) if part)
    return Scope(
        declared,
        tuple(found.affected),
        tuple(sorted(found.accesses)),
        tuple(found.readers),
        tuple(found.categories),
        tuple(found.unknown),
    )


def _gather(store: LocalStore, tenant: str, environment: str, name: str, found: _Found) -> None:
    names: set[str] = set()
    for place in store.environments(tenant):
        if environment in ("", place):
            try:
                names |= _of_file(store, tenant, place, name, found)
            except SealproofError as exc:
                found.unknown.append(Unknown(f"{tenant}/{place}: {exc.message}", exc.hint))
    try:
        found.accesses += _accesses(store.root, tenant, environment, names, narrowed=bool(name))
    except SealproofError as exc:
        found.unknown.append(Unknown(f"who accessed {tenant}: {exc.message}", exc.hint))
    about = f"which personal data is in reach of {tenant}"
    try:
        categories = _categories(of_tenant(store, tenant))
    except SealproofError as exc:
        found.unknown.append(Unknown(f"{about}: {exc.message}", exc.hint))
        return
    if categories:
        found.categories.append(f"{tenant}: {categories}")
    else:
        fix = _UNDECLARED.format(path=f"{store.root}/tenants/{tenant}/{FILE_NAME}")
        found.unknown.append(Unknown(f"{about}: its manifest does not say", fix))


def _categories(declared: TenantDeclaration) -> str:
    """Return what a tenant's manifest says of the data in reach; nothing where it does not say."""
    if declared.personal_data is False and declared.reason:
        return f"none: {declared.reason}"
    return declared.processing.parts.get("categories", "") if declared.processing else ""


def _of_file(store: LocalStore, tenant: str, environment: str, name: str, found: _Found) -> set[str]:
    data = store.read(tenant, environment)
    if data is None:
        return set()
    envelope = parse(data)
    _, entries = read_manifest(store, tenant)
    names = {entry.name for entry in envelope.entries if name in ("", entry.name.partition(".")[0])}
    for entry in envelope.entries:
        if entry.name in names:
            known = entries.get(entry.name.partition(".")[0])
            owner, purpose = (known.owner, known.purpose) if known else ("", "")
            version, updated = int(entry.version), _utc(int(entry.updated))
            found.affected.append(Affected(tenant, environment, entry.name, version, updated, owner, purpose))
    if envelope.readers:
        found.readers.append(_readers(envelope))
    return names


def _readers(envelope: Envelope) -> str:
    count = len(envelope.readers)
    return f"{envelope.tenant}/{envelope.environment}: {counted(count, 'recipient')} of its own"


def _accesses(root: str, tenant: str, environment: str, names: set[str], *, narrowed: bool) -> Iterator[Access]:
    known = who_is_who(root, tenant, sorted(names))
    for entry in every(root, tenant):
        _, _, place = entry.scope.partition("/")
        name = known.get(entry.secret, entry.secret)
        if entry.actor == LOG or (environment and place not in ("", environment)) or (narrowed and name not in names):
            continue
        actor = known.get(entry.actor, entry.actor)
        at, outcome = _utc(entry.at // 1000), entry.outcome
        yield Access(at, actor, entry.operation, outcome, tenant, place, name, entry.version, entry.request)


def _utc(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
