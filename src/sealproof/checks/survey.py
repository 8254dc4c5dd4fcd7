"""Learn over all tenants at once which values stand in two places, without ever comparing values.

Each value becomes a digest under a key that is drawn for the run and dropped with it, so digests of
another run, or a guess, tell nothing. Only collisions are kept: cost and memory grow with the
number of tenants, never with their square.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealproof.checks.target import Target, TargetSpec
from sealproof.checks.tenant import NoEvidence, TenantView
from sealproof.vault.manifest import SecretClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Executor

    from sealproof.findings import Scope

GUARDED = frozenset((SecretClass.PASSWORD, SecretClass.TOKEN, SecretClass.KEY))
"""Classes whose values may not be shared."""
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Survey:
    """Where equal values stand: for each place (scope text, secret name) the other places."""

    shared: Mapping[tuple[str, str], tuple[tuple[str, str], ...]] = field(default_factory=dict)


def survey(spec: TargetSpec, scopes: Iterable[Scope], executor: Executor) -> Survey:
    """Return the collisions among `scopes`, each scope digested by one worker."""
    key = os.urandom(_KEY_BYTES)
    places: defaultdict[bytes, list[tuple[str, str]]] = defaultdict(list)
    for future in [executor.submit(digests_of, spec, scope, key) for scope in scopes]:
        for digest, place in future.result():
            places[digest].append(place)
    collisions = [tuple(found) for found in places.values() if len(found) > 1]
    return Survey({place: tuple(other for other in found if other != place) for found in collisions for place in found})


def digests_of(spec: TargetSpec, scope: Scope, key: bytes) -> list[tuple[bytes, tuple[str, str]]]:
    """Return keyed digests of a scope's guarded values with their places; none where it does not open."""
    view = TenantView(Target(spec), scope)
    try:
        values = view.values
        guarded = [name for name in values if "." not in name and view.kind(name) in GUARDED and values[name]]
    except NoEvidence:
        return []  # the check itself will say so for this scope
    return [(hmac.new(key, values[name], hashlib.sha256).digest(), (str(scope), name)) for name in guarded]
