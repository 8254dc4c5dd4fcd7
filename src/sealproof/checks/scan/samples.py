"""Paths that hold secrets in every store and project sooner or later: what ignore rules are tried on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.loader.tenant import DEFAULT_ENVIRONMENT, file_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealproof.checks.target import Target

KEYS, PLAIN, COPIES, EXPORTS = "the store's keys", "plain environment files", "editors' copies", "exported keys"
_KEY_FILES = (
    "master.key",
    "tenant_keys/any-tenant.key",
    "signing/writer.key",
    "signing/report.key",
    "rotation_log.json",
)
_PLAIN = (".env", ".env.local", ".env.production")
_COPIES = (".env.swp", ".env.swo", ".env~", "#.env#", ".host.key.swp")
_EXPORTS = ("host.key", "any-tenant.key")

Samples = dict[str, list[str]]
"""Paths by kind, relative to one directory."""


def samples(target: Target, base: str, *, beside: Iterable[str] = (), with_store: bool = True) -> Samples:
    """Return sample paths below `base`: its own, those of the directories `beside`, the store's if it is there."""
    places = dict.fromkeys((base, *beside))
    found: Samples = {
        KEYS: [],
        PLAIN: [os.path.join(place, name) for place in places for name in _PLAIN],
        COPIES: [os.path.join(place, name) for place in places for name in _COPIES],
        EXPORTS: [os.path.join(place, name) for place in places for name in _EXPORTS],
    }
    root = os.path.realpath(target.root)
    if with_store and below(root, base):
        _add_store(found, target, root)
    return {kind: sorted({os.path.relpath(path, base) for path in paths}) for kind, paths in found.items()}


def sealed_files(target: Target, base: str) -> list[str]:
    """Return the sealed files below `base`, which must travel, and one of an environment that is still to come."""
    root = os.path.realpath(target.root)
    names = {("any-tenant", "production"), *((scope.tenant, scope.environment) for scope in target.scopes)}
    paths = [os.path.join(root, "tenants", tenant, file_name(environment)) for tenant, environment in sorted(names)]
    return [os.path.relpath(path, base) for path in paths if below(path, base)]


def below(path: str, base: str) -> bool:
    """Tell whether `path` is `base` or lies below it; both without links."""
    return os.path.commonpath((path, base)) == base


def _add_store(found: Samples, target: Target, root: str) -> None:
    found[KEYS] += [os.path.join(root, "keys", name) for name in _KEY_FILES]
    found[EXPORTS] += [os.path.join(root, name) for name in _EXPORTS]
    scopes = [(scope.tenant, scope.environment) for scope in target.scopes]
    for tenant in dict.fromkeys(("any-tenant", *(tenant for tenant, _ in scopes))):
        directory = os.path.join(root, "tenants", tenant)
        found[PLAIN] += [os.path.join(directory, name) for name in _PLAIN]
        found[COPIES] += [os.path.join(directory, name) for name in _COPIES]
    for tenant, environment in scopes:
        if environment != DEFAULT_ENVIRONMENT:
            found[PLAIN].append(os.path.join(root, "tenants", tenant, f".env.{environment}"))
