"""What the user chose: an option, else the environment, else the ini key, else the default."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.gate import Gate
from sealproof.checks.runner import Selection
from sealproof.errors import ConfigurationError
from sealproof.findings import Severity
from sealproof.vault.foundation import work_tree

if TYPE_CHECKING:
    import pytest

_DEFAULT_ROOT = "secrets"


def gate_of(config: pytest.Config) -> Gate:
    """Return the gate that this session runs. Raises ConfigurationError."""
    root = store_root(config)
    return Gate(
        root=root,
        source=_source(config, root),
        profile=_one(config, "profile"),
        tenants=_several(config, "tenant"),
        selection=Selection(
            suites=_several(config, "suite"),
            frameworks=_several(config, "framework"),
            without=_several(config, "without"),
        ),
        level=_level(config, "gate", Severity.HIGH),
        report_level=_level(config, "report_level", Severity.INFO),
        report_dir=_path(config, "report_dir"),
        sign_key=_path(config, "sign_key"),
        waivers=_path(config, "waivers"),
        previous=_path(config, "previous"),
        previous_key=_path(config, "previous_key"),
        shard=_one(config, "shard"),
        run_id=_one(config, "run_id"),
    )


def store_root(config: pytest.Config) -> str:
    """Return the store's directory, whether it is there or not."""
    named = config.getoption("secrets_root") or os.environ.get("SEALPROOF_ROOT")
    if named:
        return _shown(config, os.path.normpath(config.invocation_params.dir / named))
    return _path(config, "root") or _shown(config, str(config.rootpath / _DEFAULT_ROOT))


def _one(config: pytest.Config, name: str) -> str:
    return str(config.getoption(f"secrets_{name}") or config.getini(f"secrets_{name}"))


def _several(config: pytest.Config, name: str) -> tuple[str, ...]:
    return tuple(config.getoption(f"secrets_{name}") or config.getini(f"secrets_{name}"))


def _path(config: pytest.Config, name: str) -> str:
    """Return a path: as typed on the command line, or relative to the ini file; empty where there is none."""
    typed = config.getoption(f"secrets_{name}")
    if typed:
        return str(typed)
    written = config.getini(f"secrets_{name}")
    beside = config.inipath.parent if config.inipath else config.rootpath
    return _shown(config, os.path.normpath(beside / written)) if written else ""


def _level(config: pytest.Config, name: str, default: Severity) -> Severity:
    text = _one(config, name)
    try:
        return Severity(text) if text else default
    except ValueError:
        message = f"secrets_{name} is no severity: {text!r:.40}"
        hint = f"one of {', '.join(level.value for level in Severity)}"
        raise ConfigurationError(message, hint=hint, names=(f"secrets_{name}",)) from None


def _shown(config: pytest.Config, path: str) -> str:
    """Return a path as one would type it where pytest was started: relative, where it lies below."""
    relative = os.path.relpath(path, config.invocation_params.dir)
    return path if relative.startswith(os.pardir) else relative


def _source(config: pytest.Config, root: str) -> str:
    """Return the source tree: as named, or the root directory where it holds the store and no repository does.

    Empty leaves it to the target.
    """
    named = _path(config, "source")
    if named:
        if not os.path.isdir(named):
            message = f"there is no source directory {named}"
            raise ConfigurationError(message, hint="--secrets-source DIR", names=("secrets_source",))
        return named
    directory = str(config.rootpath)
    holds = os.path.commonpath((directory, os.path.abspath(root))) == directory
    return directory if holds and os.path.isdir(root) and work_tree(root) is None else ""
