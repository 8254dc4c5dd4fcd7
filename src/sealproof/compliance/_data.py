"""The data files as they are read: TOML below `data/`, by name, not yet judged."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING

from sealproof.errors import ConfigurationError
from sealproof.signing import canonical, sha256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

FRAMEWORKS = ("gdpr", "soc2", "hipaa", "iso27001", "nist-csf", "nist-800-53", "pci", "asvs")
"""The framework ids, in the order of every report."""

FILES = (
    "catalogue.toml",
    "parameters.toml",
    "profiles.toml",
    "levels.toml",
    *(f"checks/{suite}.toml" for suite in ("security", "compliance", "rotation", "penetration", "load")),
    *(f"frameworks/{framework}.toml" for framework in FRAMEWORKS),
)
"""Every data file there is, by its path below `data/`."""


def read(root: Traversable | None = None) -> Mapping[str, Mapping[str, object]]:
    """Return each data file's tables by its path; `root` stands in for the packaged `data/`.

    Raises ConfigurationError if a file is missing or is no TOML.
    """
    below = resources.files("sealproof.compliance").joinpath("data") if root is None else root
    return {path: _tables(below, path) for path in FILES}


def digest(data: Mapping[str, Mapping[str, object]]) -> str:
    """Return SHA-256 in hex over what the files say; comments, spacing and table order do not count."""
    return sha256(canonical(data)).hex()


def _tables(root: Traversable, path: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(root.joinpath(*path.split("/")).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"the catalogue's file {path} cannot be read",
            hint="install sealproof again: its data files belong to the package",
            names=(path,),
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no TOML: {error}", names=(path,)) from error
