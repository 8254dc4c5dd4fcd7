"""Values that were live once: out of sealed files of earlier commits, as far as a living key opens them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from sealproof.checks.scan.live_values import CHARACTERS_MIN, Place
from sealproof.checks.tenant import NoEvidence
from sealproof.envelope.freshness import Freshness
from sealproof.envelope.open import open_values
from sealproof.errors import SealproofError
from sealproof.loader.tenant import file_name
from sealproof.vault.manifest import SecretClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealproof.checks.scan.history import History
    from sealproof.checks.tenant import TenantView
    from sealproof.envelope.parse import Envelope


class _AnyTime(Freshness):
    """No anchor at all: an earlier file is old by its nature, and nothing of it is used but to be looked for."""

    def check(self, envelope: Envelope) -> None:
        """Let every file pass."""


def former_values(history: History, views: Sequence[TenantView], *, root: str) -> Iterator[tuple[bytes, Place]]:
    """Yield every earlier value of every scope that is not its present one, with its place."""
    inside = os.path.relpath(os.path.realpath(root), os.path.realpath(history.top))
    for view in views:
        path = f"tenants/{view.scope.tenant}/{file_name(view.scope.environment)}"
        oids = history.with_path(path if inside == "." else f"{re.sub('^[.]/', '', inside)}/{path}")
        if oids:
            yield from _of_scope(history, view, oids)


def _of_scope(history: History, view: TenantView, oids: Sequence[str]) -> Iterator[tuple[bytes, Place]]:
    try:
        keys, present = view.keys, set(view.values.values())
    except NoEvidence:
        return  # the check says so for this scope
    seen: set[bytes] = set()
    for _, data in history.items(oids):
        try:
            values = open_values(
                data,
                tenant=view.scope.tenant,
                environment=view.scope.environment,
                keys=keys,
                freshness=_AnyTime(now=0),
            )
        except SealproofError:
            continue  # of an epoch whose key is gone, or no sealed file
        for name, raw in values.items():
            value = bytes(raw)
            kind = view.kind(name.partition(".")[0])
            if value in present or value in seen or kind is SecretClass.CONFIG:
                continue
            if len(value.decode(errors="replace")) >= CHARACTERS_MIN:
                seen.add(value)
                yield value, Place(view.scope, name, kind)
