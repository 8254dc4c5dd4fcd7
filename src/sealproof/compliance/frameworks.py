"""A framework in one edition: all its ids, and own-words titles of those that a check speaks to.

The publishers' sentences are not in here: ISO, AICPA and PCI texts are copyrighted, and the ASVS is
under a share-alike licence. Ids are facts; titles are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealproof.compliance._frozen import FrozenMapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.compliance._table import Table


@dataclass(frozen=True, slots=True)
class Framework:
    """One edition of a framework, as far as this product knows it."""

    id: str
    title: str
    edition: str
    publisher: str
    licence: str
    """What of the publisher's text may be shipped, and what is."""
    checked: str
    """Day on which the ids were last compared with a list of the edition, YYYY-MM-DD."""
    ids: tuple[str, ...]
    """Every id of the edition that is known here, in the order of its publication."""
    titles: Mapping[str, str]
    """Own-words titles by id, of all mapped ids."""
    unverified: tuple[str, ...]
    """Ids that are known but were in no machine-readable list."""
    outside: tuple[str, ...]
    """What the framework asks that software cannot show, named in every report."""
    reach_unit: str
    """What `Reach.covered` counts."""
    reach_series: tuple[str, ...]
    """The id prefixes that reach counts; empty means all ids."""
    reach_total: int | None
    """How many ids there are to reach; None where no total is claimed."""

    def counts(self, control: str) -> bool:
        """Tell whether reach counts `control`, rather than listing it beside."""
        return not self.reach_series or control.startswith(self.reach_series)


@dataclass(frozen=True, slots=True)
class Reach:
    """How much of a framework has at least one check: little, and every report says so."""

    covered: int
    total: int | None
    """None where no total is claimed."""
    unit: str
    beside: int
    """Mapped ids outside the counted series."""


def parse_framework(table: Table, name: str) -> Framework:
    """Read one framework file; `name` is the id that its file name promises.

    Raises ConfigurationError on a wrong count, a repeated title, or a title or mark of an id that
    the edition does not have.
    """
    framework = Framework(
        id=table.choice("id", {name: name}),
        title=table.text("title"),
        edition=table.text("edition"),
        publisher=table.text("publisher"),
        licence=table.text("licence"),
        checked=table.day("checked").isoformat(),
        ids=_counted_ids(table),
        titles=_titles(table.table("titles")),
        unverified=table.optional_texts("unverified"),
        outside=table.texts("outside"),
        reach_unit=table.text("reach_unit"),
        reach_series=table.optional_texts("reach_series"),
        reach_total=table.optional_integer("reach_total"),
    )
    table.done()
    _judge(table, framework)
    return framework


def _judge(table: Table, framework: Framework) -> None:
    known = frozenset(framework.ids)
    for field, ids in (("titles", tuple(framework.titles)), ("unverified", framework.unverified)):
        foreign = [control for control in ids if control not in known]
        if foreign:
            raise table.error(f"{field} names {', '.join(foreign)}, which is not in ids", *foreign)
    if not framework.outside:
        raise table.error("outside must name something that software cannot show", "outside")
    counted = sum(framework.counts(control) for control in framework.ids)
    if framework.reach_total not in (None, counted):
        raise table.error(f"reach_total is {framework.reach_total}, but {counted} ids count", "reach_total")


def _counted_ids(table: Table) -> tuple[str, ...]:
    count = table.integer("count")
    ids = table.texts("ids")
    if len(ids) != count:
        raise table.error(f"count is {count}, but ids holds {len(ids)}", "count")
    return ids


def _titles(table: Table) -> Mapping[str, str]:
    titles: dict[str, str] = {}
    owner: dict[str, str] = {}
    for control in table.names():
        title = table.text(control)
        first = owner.setdefault(title.casefold(), control)
        if first != control:
            raise table.error(f"{first} and {control} carry one title, {title!r}", first, control)
        titles[control] = title
    return FrozenMapping(titles)
