"""The catalogue: every check, what it looks at, and the controls that it gives evidence for.

The words stand once, in `data/`; reports and documentation are made from them. `load` refuses data
that is not whole, so that a mapping to another edition's id, or a check that went missing, stops the
build instead of thinning a report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from sealproof.compliance import _data
from sealproof.compliance._frozen import FrozenMapping
from sealproof.compliance._table import Table
from sealproof.compliance.frameworks import Framework, Reach, parse_framework
from sealproof.errors import ConfigurationError
from sealproof.findings import NOTHING_ADDED, Additions, Evidence, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

Suite = Literal["security", "compliance", "rotation", "penetration", "load"]
ScopeKind = Literal["tenant", "store"]
Cost = Literal["fast", "slow", "scratch"]
Need = Literal["custody", "keys", "source", "history"]

NEEDS: Final[tuple[Need, ...]] = ("custody", "keys", "source", "history")
"""What a check may need; a run may leave out the checks that need what is not where it runs."""

RELATION: Final = "supports"
"""How every mapping relates a check to a control. A pass supports a control; it never satisfies one alone."""

SUITE_CHECKS: Final[Mapping[Suite, tuple[str, int]]] = {
    "security": ("SEC", 21),
    "compliance": ("CMP", 18),
    "rotation": ("ROT", 11),
    "penetration": ("PEN", 13),
    "load": ("LOD", 7),
}
"""Each suite's id prefix and number of checks: a check can be retired, but not lost."""

_SCOPES: Final[Mapping[str, ScopeKind]] = {"tenant": "tenant", "store": "store"}
_COSTS: Final[Mapping[str, Cost]] = {"fast": "fast", "slow": "slow", "scratch": "scratch"}
_NEEDS: Final[Mapping[str, Need]] = {need: need for need in NEEDS}
_SINCE: Final = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Check:
    """One check as declared. Its id never changes meaning; a changed check gets the next `version`."""

    id: str
    version: int
    suite: Suite
    title: str
    severity: Severity
    evidence: Evidence
    scope: ScopeKind
    """`tenant`: runs once for each tenant's environment; `store`: runs once for the store."""
    rationale: str
    """What goes wrong where the check fails."""
    looks_at: str
    pass_when: str
    remediation: str
    """One line: what to do about a failure."""
    command: str
    """A command that does or starts it, with placeholders in capitals; empty where there is none."""
    mappings: Mapping[str, tuple[str, ...]]
    """Control ids by framework; the relation is `RELATION`."""
    references: tuple[str, ...]
    """Guidance without an id list, as short forms: see `Catalogue.references`."""
    cost: Cost
    """`fast`: reads a few files; `slow`: seconds to minutes; `scratch`: works on a throw-away copy."""
    needs: tuple[Need, ...]
    """What must be at hand, never a network: `custody` (the store's own `keys/` and audit log, which a clone has not),
    `keys` (a key that opens values), `source` (the tree), `history` (its commits)."""
    since: str
    """The release that brought it."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All checks and frameworks of this release."""

    version: str
    """Rises with every changed mapping."""
    digest: str
    """SHA-256 in hex over all data files; named in every report."""
    checks: Mapping[str, Check]
    """By id: suite by suite, then ascending."""
    frameworks: Mapping[str, Framework]
    references: Mapping[str, str]
    """What a reference's short form stands for; a section number may follow it."""
    added: Additions = NOTHING_ADDED
    """What a store's overlay added to it."""

    def suite(self, name: str) -> tuple[Check, ...]:
        """Return the checks of one suite, in order.

        Raises ConfigurationError if there is no such suite.
        """
        if name not in SUITE_CHECKS:
            raise _unknown("suite", name, tuple(SUITE_CHECKS))
        return tuple(check for check in self.checks.values() if check.suite == name)

    def framework(self, framework_id: str) -> Framework:
        """Return one framework.

        Raises ConfigurationError if there is no such framework.
        """
        if framework_id not in self.frameworks:
            raise _unknown("framework", framework_id, tuple(self.frameworks))
        return self.frameworks[framework_id]

    def mapped(self, framework_id: str) -> Mapping[str, tuple[str, ...]]:
        """Return the checks of each mapped control of a framework, in the framework's order.

        Raises ConfigurationError if there is no such framework.
        """
        framework = self.framework(framework_id)
        found: dict[str, list[str]] = {}
        for check in self.checks.values():
            for control in check.mappings.get(framework_id, ()):
                found.setdefault(control, []).append(check.id)
        return FrozenMapping({control: tuple(found[control]) for control in framework.ids if control in found})

    def reach(self, framework_id: str) -> Reach:
        """Return how many of a framework's controls have at least one check.

        Raises ConfigurationError if there is no such framework.
        """
        framework = self.framework(framework_id)
        mapped = self.mapped(framework_id)
        covered = sum(framework.counts(control) for control in mapped)
        return Reach(covered, framework.reach_total, framework.reach_unit, len(mapped) - covered)


@cache
def load() -> Catalogue:
    """Return the catalogue of this release, read and validated once a process.

    Raises ConfigurationError naming what is wrong with the data.
    """
    return build(_data.read())


def build(data: Mapping[str, Mapping[str, object]]) -> Catalogue:
    """Make a catalogue of data files by path, or raise ConfigurationError naming what is wrong with them."""
    head = Table("catalogue.toml", data["catalogue.toml"])
    version = head.text("version")
    references = _texts_by_name(head.table("references"))
    head.done()
    frameworks = {name: _framework(data, name) for name in _data.FRAMEWORKS}
    checks = {check.id: check for suite in SUITE_CHECKS for check in _suite(data, suite)}
    for check in checks.values():
        _judge_mappings(check, frameworks)
        _judge_references(check, references)
    return Catalogue(
        version=version,
        digest=_data.digest(data),
        checks=FrozenMapping(checks),
        frameworks=FrozenMapping(frameworks),
        references=references,
    )


def _framework(data: Mapping[str, Mapping[str, object]], name: str) -> Framework:
    path = f"frameworks/{name}.toml"
    return parse_framework(Table(path, data[path]), name)


def _suite(data: Mapping[str, Mapping[str, object]], suite: Suite) -> tuple[Check, ...]:
    path = f"checks/{suite}.toml"
    prefix, count = SUITE_CHECKS[suite]
    file = Table(path, data[path])
    checks = tuple(_check(file.table(check_id), check_id, suite) for check_id in file.names())
    foreign = [check.id for check in checks if not re.fullmatch(rf"{prefix}-\d{{3}}", check.id)]
    if foreign:
        raise file.error(f"{', '.join(foreign)} is no id of this suite ({prefix}-000)", *foreign)
    if len(checks) != count:
        raise file.error(f"the suite has {count} checks, but {len(checks)} are declared", suite)
    return checks


def _check(table: Table, check_id: str, suite: Suite) -> Check:
    check = Check(
        id=check_id,
        version=table.integer("version"),
        suite=suite,
        title=table.text("title"),
        severity=table.choice("severity", {severity.value: severity for severity in Severity}),
        evidence=table.choice("evidence_class", {evidence.value: evidence for evidence in Evidence}),
        scope=table.choice("scope", _SCOPES),
        rationale=table.text("rationale"),
        looks_at=table.text("looks_at"),
        pass_when=table.text("pass_when"),
        remediation=table.text("remediation"),
        command=table.optional_text("command"),
        mappings=_mappings(table.optional_table("mappings")),
        references=table.optional_texts("references"),
        cost=table.choice("cost", _COSTS),
        needs=_needs(table),
        since=table.text("since"),
    )
    table.done()
    if check.version < 1:
        raise table.error("version counts from 1", "version")
    if not _SINCE.fullmatch(check.since):
        raise table.error(f"since {check.since!r} is no release (such as 0.1.0)", "since")
    return check


def _needs(table: Table) -> tuple[Need, ...]:
    names = table.texts("needs")
    unknown = [name for name in names if name not in _NEEDS]
    if unknown:
        raise table.error(f"needs {', '.join(unknown)} is none of {', '.join(_NEEDS)}", *unknown)
    return tuple(_NEEDS[name] for name in names)


def _mappings(table: Table) -> Mapping[str, tuple[str, ...]]:
    return FrozenMapping({framework_id: table.texts(framework_id) for framework_id in table.names()})


def _texts_by_name(table: Table) -> Mapping[str, str]:
    return FrozenMapping({name: table.text(name) for name in table.names()})


def _judge_mappings(check: Check, frameworks: Mapping[str, Framework]) -> None:
    if not any(check.mappings.values()):
        raise ConfigurationError(f"{check.id} maps to no control", names=(check.id,))
    for framework_id, controls in check.mappings.items():
        if framework_id not in frameworks:
            raise ConfigurationError(
                f"{check.id} maps to unknown framework {framework_id}",
                hint=f"known: {', '.join(frameworks)}",
                names=(check.id, framework_id),
            )
        framework = frameworks[framework_id]
        for control in controls:
            if control not in framework.ids:
                raise ConfigurationError(
                    f"{check.id} maps to {control}, which {framework.title} {framework.edition} does not have",
                    hint="use the id of this edition",
                    names=(check.id, framework_id, control),
                )
            if control not in framework.titles:
                raise ConfigurationError(
                    f"{check.id} maps to {control} of {framework_id}, which has no title",
                    hint=f"add one in our own words to frameworks/{framework_id}.toml",
                    names=(check.id, framework_id, control),
                )


def _judge_references(check: Check, references: Mapping[str, str]) -> None:
    for reference in check.references:
        if reference.partition(" ")[0] not in references:
            raise ConfigurationError(f"{check.id} refers to unknown {reference}", names=(check.id, reference))


def _unknown(kind: str, name: str, known: tuple[str, ...]) -> ConfigurationError:
    return ConfigurationError(f"there is no {kind} {name!r}", hint=f"known: {', '.join(known)}", names=(name,))
