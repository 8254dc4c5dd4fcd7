"""The live values of a store, gathered once to be looked for elsewhere. They stay in this process' memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.scan.needles import Needles
from sealproof.checks.tenant import NoEvidence
from sealproof.vault.manifest import SecretClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealproof.checks.tenant import TenantView
    from sealproof.findings import Scope

CHARACTERS_MIN = 8
"""A shorter value would be found in every other file: it is listed by name as not looked for."""


class Place(NamedTuple):
    """Where a value is kept."""

    scope: Scope
    name: str
    kind: SecretClass

    def __str__(self) -> str:
        return f"{self.scope.tenant}/{self.scope.environment}/{self.name}"


class Closed(NamedTuple):
    """A scope whose values could not be had, and why."""

    scope: Scope
    reason: str
    hint: str


class LiveValues:
    """Every value that may stand nowhere else, as needles; and which were left out."""

    def __init__(self, views: Iterable[TenantView]) -> None:
        self.places = 0
        self.short: list[str] = []
        self.closed: list[Closed] = []
        self.needles: Needles[Place] = Needles(self._values(views))

    def __repr__(self) -> str:
        return f"LiveValues({self.places} places)"

    def _values(self, views: Iterable[TenantView]) -> Iterator[tuple[bytes, Place]]:
        for view in views:
            try:
                found = list(_of_scope(view))
            except NoEvidence as exc:
                self.closed.append(Closed(view.scope, exc.message, exc.hint))
                continue
            for value, place in found:
                if len(value.decode(errors="replace")) < CHARACTERS_MIN:
                    self.short.append(str(place))
                else:
                    self.places += 1
                    yield value, place


def _of_scope(view: TenantView) -> Iterator[tuple[bytes, Place]]:
    """Yield what is no configuration; a value of a rotation under way is as live as the present one."""
    for name, value in view.values.items():
        kind = view.kind(name.partition(".")[0])
        if value and kind is not SecretClass.CONFIG:
            yield value, Place(view.scope, name, kind)
