"""What tightens a profile: `COMPLIANCE_LEVEL`, the store's settings, and the store's own overlay.

    overlay.toml        [limits] in the store's root: a parameter and a stricter value, each

(The overlay's other tables add to the catalogue: `sealproof.compliance.additions`.)

None of them can loosen anything. Whoever wants a looser limit writes a waiver, which somebody else approves.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from sealproof.compliance import _data, profiles
from sealproof.compliance._frozen import FrozenMapping
from sealproof.compliance._table import Table
from sealproof.errors import ConfigurationError
from sealproof.loader.files import open_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealproof.compliance.profiles import Parameter
    from sealproof.settings import Settings

OVERLAY: Final = "overlay.toml"
LEVELS: Final = ("GDPR", "SOC2", "HIPAA", "ISO27001", "NIST-CSF")
_FILE_MAX: Final = 1024 * 1024  # bytes
_ADDITIONS: Final = ("frameworks", "mappings")
_AGED: Final = ("password", "token", "key", "connection")


@dataclass(frozen=True, slots=True)
class Level:
    """One value of `COMPLIANCE_LEVEL`."""

    name: str
    framework: str
    """The id of the framework that leads the report."""
    parameters: Mapping[str, int]
    """Limits that are stricter than the defaults."""
    source: str
    """Where they come from, or why there are none."""


@cache
def levels() -> Mapping[str, Level]:
    """Return every level by name, validated once a process. Raises ConfigurationError naming what is wrong."""
    return build_levels(_data.read())


def build_levels(data: Mapping[str, Mapping[str, object]]) -> Mapping[str, Level]:
    """Make the levels of data files by path. Raises ConfigurationError naming what is wrong with the data."""
    file = Table("levels.toml", data["levels.toml"])
    made = {name: _level(file.table(name), name) for name in LEVELS}
    file.done()
    return FrozenMapping(made)


def overlay(root: str) -> Mapping[str, int]:
    """Return the limits of the store's overlay; none where there is no such file.

    Raises ConfigurationError on an unknown parameter, a value that would loosen a limit, or a file that is no TOML.
    """
    file = overlay_table(root)
    if file is None:
        return {}
    found = _limits(file.optional_table("limits"))
    for name in _ADDITIONS:  # which `sealproof.compliance.additions` judges
        file.optional_table(name)
    file.done()
    return found


def overlay_table(root: str) -> Table | None:
    """Return the store's overlay as it is written, not yet judged; None where there is no such file.

    Raises ConfigurationError if it is no TOML.
    """
    with open_root(root) as store:
        text = store.read(OVERLAY, limit=_FILE_MAX, private=False)
    if text is None:
        return None
    try:
        return Table(OVERLAY, tomllib.loads(text.decode()))
    except (ValueError, RecursionError) as exc:
        message = f"{OVERLAY} is no TOML: {exc}"
        raise ConfigurationError(message, hint="see the line named above", names=(OVERLAY,)) from exc


def overrides(root: str, settings: Settings) -> dict[str, int]:
    """Return every limit that level, settings and overlay tighten; of several, the strictest.

    Raises ConfigurationError, StoreNotFound.
    """
    known = profiles.parameters()
    level = levels()[settings.compliance_level].parameters if settings.compliance_level else {}
    found: dict[str, int] = {}
    for source in (level, _from_settings(settings, known), overlay(root)):
        for name, value in source.items():
            present = found.get(name, known[name].default)
            found[name] = value if known[name].at_least_as_strict(value, present) else present
    return found


def lead(settings: Settings) -> str:
    """Return the id of the framework that leads the report; empty where no level was chosen."""
    return levels()[settings.compliance_level].framework if settings.compliance_level else ""


def _from_settings(settings: Settings, known: Mapping[str, Parameter]) -> dict[str, int]:
    """Return what the store's settings make stricter; a setting that is looser than its limit changes nothing here."""
    wanted = {f"max_age_days_{kind}": settings.rotation_interval_days for kind in _AGED} | {
        "kdf_iterations_tenant": settings.key_derivation_iterations
    }
    return {
        name: value
        for name, value in wanted.items()
        if value != known[name].default and known[name].at_least_as_strict(value, known[name].default)
    }


def _level(table: Table, name: str) -> Level:
    framework = table.choice("framework", {framework: framework for framework in _data.FRAMEWORKS})
    source = table.text("source")
    limits = _limits(table.optional_table("parameters"))
    table.done()
    return Level(name, framework, FrozenMapping(limits), source)


def _limits(table: Table) -> dict[str, int]:
    limits = {name: table.integer(name) for name in table.names()}
    profiles.tighten(profiles.profile(profiles.PRODUCTION), limits)  # which has every default; refuses what is looser
    return limits
