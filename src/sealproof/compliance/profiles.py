"""Limits by name, and the three profiles that set them.

A profile, a framework's overlay and a setting may only tighten a limit. Loosening one is a waiver:
somebody else approves it, it ends, and every report shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from sealproof.compliance import _data, catalogue
from sealproof.compliance._frozen import FrozenMapping
from sealproof.compliance._table import Table
from sealproof.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

KeysBesideStore = Literal["allowed", "forbidden"]

DEVELOPMENT: Final = "development"
PRODUCTION: Final = "production"
STRICT: Final = "strict"

_HIGHEST: Final = 2**53 - 1  # the largest integer that every JSON reader of a report keeps exact
_KEYS_BESIDE_STORE: Final[Mapping[str, KeysBesideStore]] = {"allowed": "allowed", "forbidden": "forbidden"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One limit that checks apply. A `ceiling` makes lower values stricter, a `floor` higher ones."""

    id: str
    title: str
    unit: str
    default: int
    ceiling: int | None
    """The loosest value that any profile may set, where lower is stricter."""
    floor: int | None
    """The loosest value that any profile may set, where higher is stricter."""
    source: str
    """Where the default and its bound come from."""
    checks: tuple[str, ...]
    """The checks that apply it."""

    @property
    def loosest(self) -> int:
        """The loosest value that any profile may set."""
        return self.ceiling if self.ceiling is not None else self.floor or 0

    def at_least_as_strict(self, value: int, than: int) -> bool:
        """Tell whether `value` is no looser a limit than the value `than`."""
        return value <= than if self.ceiling is not None else value >= than

    def sensible(self, value: int) -> bool:
        """Tell whether `value` is a limit at all: not under 1 (0 where the default is 0), and exact in JSON."""
        return min(self.default, 1) <= value <= _HIGHEST


@dataclass(frozen=True, slots=True)
class Profile:
    """The limits and allowances that one run applies."""

    name: str
    parameters: Mapping[str, int]
    """Every parameter's value by its id."""
    optional: Mapping[str, str]
    """Checks whose missing evidence does not gate, each with the reason."""
    keys_beside_store: KeysBesideStore
    """Whether `keys/` may lie under the store's own root (SEC-007)."""
    algorithms: tuple[str, ...]
    """Algorithms that may be read and written (SEC-002, PEN-004)."""
    formats: tuple[str, ...]
    """File formats that may be read and written (SEC-002, PEN-004)."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """Every parameter and profile of this release."""

    parameters: Mapping[str, Parameter]
    profiles: Mapping[str, Profile]


@cache
def load() -> Profiles:
    """Return the parameters and profiles of this release, read and validated once a process.

    Raises ConfigurationError naming what is wrong with the data.
    """
    return build_profiles(_data.read(), tuple(catalogue.load().checks))


def parameters() -> Mapping[str, Parameter]:
    """Return every parameter by its id."""
    return load().parameters


def profile(name: str) -> Profile:
    """Return a shipped profile.

    Raises ConfigurationError if there is none of this name.
    """
    known = load().profiles
    if name not in known:
        raise ConfigurationError(f"there is no profile {name!r}", hint=f"known: {', '.join(known)}", names=(name,))
    return known[name]


def profile_for(environment: str) -> Profile:
    """Return the profile that an environment gets unless another is asked for.

    Only the environment called `development` gets the development profile; any other name, however
    much it looks like a test environment's, gets production's.
    """
    return profile(DEVELOPMENT if environment == DEVELOPMENT else PRODUCTION)


def tighten(base: Profile, overrides: Mapping[str, int]) -> Profile:
    """Return `base` with the limits of `overrides`, each at least as strict as `base` has it.

    Raises ConfigurationError on an unknown parameter, and on a value that would loosen its limit or
    is no limit at all.
    """
    known = load().parameters
    for name, value in overrides.items():
        if name not in known:
            raise ConfigurationError(
                f"there is no parameter {name!r}",
                hint=f"known: {', '.join(known)}",
                names=(name,),
            )
        _judge_override(known[name], value, base.parameters[name])
    return replace(base, parameters=FrozenMapping({**base.parameters, **overrides}))


def stricter(base: Profile, overrides: Mapping[str, int]) -> Profile:
    """Return `base` with each limit of `overrides` that is stricter than the profile's own; the others stay."""
    known = load().parameters
    chosen = {
        name: value if known[name].at_least_as_strict(value, base.parameters[name]) else base.parameters[name]
        for name, value in overrides.items()
    }
    return replace(base, parameters=FrozenMapping({**base.parameters, **chosen}))


def build_profiles(data: Mapping[str, Mapping[str, object]], checks: tuple[str, ...]) -> Profiles:
    """Make parameters and profiles of data files by path; `checks` are the ids that they may name.

    Raises ConfigurationError naming what is wrong with the data.
    """
    file = Table("parameters.toml", data["parameters.toml"])
    known = {name: _parameter(file.table(name), name, checks) for name in file.names()}
    file = Table("profiles.toml", data["profiles.toml"])
    profiles = {name: _profile(file.table(name), name, known, checks) for name in (DEVELOPMENT, PRODUCTION, STRICT)}
    file.done()
    _judge_order(known, profiles[PRODUCTION], profiles[DEVELOPMENT])
    _judge_order(known, profiles[STRICT], profiles[PRODUCTION])
    return Profiles(FrozenMapping(known), FrozenMapping(profiles))


def _parameter(table: Table, name: str, checks: tuple[str, ...]) -> Parameter:
    parameter = Parameter(
        id=name,
        title=table.text("title"),
        unit=table.text("unit"),
        default=table.integer("default"),
        ceiling=table.optional_integer("ceiling"),
        floor=table.optional_integer("floor"),
        source=table.text("source"),
        checks=table.texts("checks"),
    )
    table.done()
    if (parameter.ceiling is None) == (parameter.floor is None):
        raise table.error("either ceiling or floor, and not both, says which way is stricter", name)
    if not parameter.at_least_as_strict(parameter.default, parameter.loosest):
        raise table.error(f"default {parameter.default} is looser than {parameter.loosest} allows", name)
    if not parameter.checks:
        raise table.error("no check applies it", name)
    _judge_checks(table, parameter.checks, checks)
    return parameter


def _profile(table: Table, name: str, known: Mapping[str, Parameter], checks: tuple[str, ...]) -> Profile:
    overrides = table.optional_table("parameters")
    optional = table.optional_table("optional")
    result = Profile(
        name=name,
        parameters=_values(overrides, known),
        optional=FrozenMapping({check: optional.text(check) for check in optional.names()}),
        keys_beside_store=table.choice("keys_beside_store", _KEYS_BESIDE_STORE),
        algorithms=table.texts("algorithms"),
        formats=table.texts("formats"),
    )
    table.done()
    _judge_checks(optional, tuple(result.optional), checks)
    if not result.algorithms or not result.formats:
        raise table.error("algorithms and formats must each name one", "algorithms", "formats")
    return result


def _values(table: Table, known: Mapping[str, Parameter]) -> Mapping[str, int]:
    values = {name: parameter.default for name, parameter in known.items()}
    for name in table.names():
        if name not in known:
            raise table.error(f"there is no parameter {name}", name)
        values[name] = table.integer(name)
        if not known[name].at_least_as_strict(values[name], known[name].loosest):
            raise table.error(f"{name} {values[name]} is looser than {known[name].loosest} allows", name)
    return FrozenMapping(values)


def _judge_checks(table: Table, named: tuple[str, ...], checks: tuple[str, ...]) -> None:
    unknown = [check for check in named if check not in checks]
    if unknown:
        raise table.error(f"there is no check {', '.join(unknown)}", *unknown)


def _judge_order(known: Mapping[str, Parameter], stricter: Profile, looser: Profile) -> None:
    """Refuse a profile that is in any way looser than the one it is meant to be stricter than."""
    looser_in = [
        *(
            name
            for name, parameter in known.items()
            if not parameter.at_least_as_strict(stricter.parameters[name], looser.parameters[name])
        ),
        *(check for check in stricter.optional if check not in looser.optional),
        *(name for name in stricter.algorithms if name not in looser.algorithms),
        *(name for name in stricter.formats if name not in looser.formats),
    ]
    if stricter.keys_beside_store == "allowed" and looser.keys_beside_store == "forbidden":
        looser_in.append("keys_beside_store")
    if looser_in:
        raise ConfigurationError(
            f"profiles.toml: {stricter.name} is looser than {looser.name} in {', '.join(looser_in)}",
            names=tuple(looser_in),
        )


def _judge_override(parameter: Parameter, value: int, present: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not parameter.sensible(value):
        raise ConfigurationError(
            f"{parameter.id} {value!r} is no limit in {parameter.unit}",
            hint=f"use {present} or {_direction(parameter)}",
            names=(parameter.id,),
        )
    if not parameter.at_least_as_strict(value, present):
        raise ConfigurationError(
            f"{parameter.id} {value} would loosen the limit of {present} {parameter.unit}",
            hint=f"use {present} or {_direction(parameter)}; to accept a finding, write a waiver",
            names=(parameter.id,),
        )


def _direction(parameter: Parameter) -> str:
    return "less" if parameter.ceiling is not None else "more"
