"""Keep a tenant's manifest in step with its sealed files: every secret described, no orphan left."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

from sealproof.envelope.parse import parse
from sealproof.errors import ConfigurationError, LimitExceeded, MalformedFile, UnsupportedFormat
from sealproof.loader.tenant import malformed
from sealproof.vault import manifest

if TYPE_CHECKING:
    from collections.abc import Collection

    from sealproof.vault.manifest import Entry, SecretClass
    from sealproof.vault.store.local import LocalStore


def describe_missing(
    store: LocalStore, tenant: str, names: Collection[str], *, owner: str, purpose: str, rotation_days: int
) -> dict[str, SecretClass]:
    """Add an entry for each of `names` that has none, and return what was added with its class."""
    added: dict[str, SecretClass] = {}

    def describe(text: bytes) -> bytes:
        entries = manifest.parse(text, path=_path(store, tenant))
        missing = [name for name in names if "." not in name and name not in entries]
        data, classes = manifest.appended(text, missing, owner=owner, purpose=purpose, rotation_days=rotation_days)
        added.update(classes)
        return data

    if any("." not in name for name in names):
        store.rewrite_beside(tenant, manifest.FILE_NAME, describe, limit=manifest.MANIFEST_MAX)
    return added


def described(store: LocalStore, tenant: str, name: str, *, owner: str, purpose: str, rotation_days: int) -> Entry:
    """Return a secret's entry in the manifest, added if it has none."""
    entry = read(store, tenant)[1].get(name)
    if entry is None:
        describe_missing(store, tenant, [name], owner=owner, purpose=purpose, rotation_days=rotation_days)
        text, _ = manifest.appended(b"", [name], owner=owner, purpose=purpose, rotation_days=rotation_days)
        entry = manifest.parse(text, path=_path(store, tenant))[name]
    return entry


def prune_orphans(store: LocalStore, tenant: str, among: Collection[str] | None = None) -> list[str]:
    """Drop the entries whose secret is in no environment of the tenant, and return their names.

    Of `among` alone, where names are given. Raises ConfigurationError if the text does not let them be dropped.
    """
    orphans: list[str] = []

    def prune(text: bytes) -> bytes:
        entries = manifest.parse(text, path=_path(store, tenant))
        unused = entries.keys() - set(secret_names(store, tenant))
        orphans.extend(sorted(unused if among is None else unused.intersection(among)))
        return _pruned(_path(store, tenant), text, entries, orphans)

    names = read(store, tenant)[1].keys()
    if names if among is None else not names.isdisjoint(among):
        store.rewrite_beside(tenant, manifest.FILE_NAME, prune, limit=manifest.MANIFEST_MAX)
    return orphans


def _path(store: LocalStore, tenant: str) -> str:
    return f"{store.root}/tenants/{tenant}/{manifest.FILE_NAME}"


def _pruned(path: str, text: bytes, entries: dict[str, Entry], orphans: list[str]) -> bytes:
    kept = manifest.without(text, orphans)
    try:
        exact = manifest.parse(kept, path=path) == {name: entries[name] for name in entries if name not in orphans}
    except ConfigurationError:
        exact = False
    if not exact:  # a table in another spelling, or a text over several lines that looks like one
        message = f"{path} is not written table by table, so {', '.join(orphans)} cannot be dropped from it"
        raise ConfigurationError(message, hint=f"remove {orphans[0]} by hand: $EDITOR {path}", names=tuple(orphans))
    return kept


def secret_names(store: LocalStore, tenant: str) -> list[str]:
    """Return every plain secret name of the tenant, over all its environments. Needs no key."""
    names: set[str] = set()
    for environment in store.environments(tenant):
        data = store.read(tenant, environment)
        if data is not None:
            names.update(name for name in _entry_names(store, tenant, environment, data) if "." not in name)
    return sorted(names)


def _entry_names(store: LocalStore, tenant: str, environment: str, data: bytes) -> list[str]:
    try:
        return [entry.name for entry in parse(data).entries]
    except (MalformedFile, UnsupportedFormat, LimitExceeded) as exc:
        raise malformed(store.root, tenant, environment, exc) from None


def read(store: LocalStore, tenant: str) -> tuple[bytes, dict[str, Entry]]:
    """Return the manifest's text and its entries; both empty where there is none. Raises ConfigurationError."""
    text = store.read_beside(tenant, manifest.FILE_NAME, limit=manifest.MANIFEST_MAX) or b""
    return text, manifest.parse(text, path=_path(store, tenant))


def this_user() -> str:
    """Return the operating-system user's name: who owns what nobody was named for."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid-{os.geteuid()}"
