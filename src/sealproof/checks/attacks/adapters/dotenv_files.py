"""Plain dotenv files in a directory, one a tenant, as many teams keep them today: read by python-dotenv."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import TYPE_CHECKING

import dotenv

from sealproof.checks.attacks.interface import NotApplicable, OwnedFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class DotenvStore:
    """`envs/<tenant>.env` below a directory, written and read as the library's own documentation shows."""

    name = f"plain files, python-dotenv {version('python-dotenv')}"
    refusals = (OSError, ValueError, KeyError)

    def __init__(self, directory: str) -> None:
        self.envs = os.path.join(directory, "envs")

    def make(self, tenants: Mapping[str, Mapping[str, str]]) -> None:
        """Write a file for each tenant."""
        os.makedirs(self.envs)
        for tenant, values in tenants.items():
            for name, value in values.items():
                self.put(tenant, name, value)

    def put(self, tenant: str, name: str, value: str) -> None:
        """Set one value in the tenant's file."""
        dotenv.set_key(self._path(tenant), name, value)

    def get(self, tenant: str, name: str) -> str:
        """Read one value; KeyError where there is none."""
        return self.load(tenant)[name]

    def load(self, tenant: str) -> Mapping[str, str]:
        """Read the tenant's file, expansions and all: the library's default."""
        return {name: value or "" for name, value in dotenv.dotenv_values(self._path(tenant)).items()}

    def rotate(self, tenant: str) -> None:  # noqa: ARG002 - the shape of an adapter
        """Refuse: there are no keys."""
        message = "plain files have no keys that could be rotated"
        raise NotApplicable(message)

    def reopen(self) -> None:
        """Do nothing: nothing is kept between calls."""

    def files(self) -> Sequence[OwnedFile]:
        """List the tenants' files."""
        names = sorted(name for name in os.listdir(self.envs) if name.endswith(".env") and name != ".env")
        return [OwnedFile(os.path.join(self.envs, name), "data", name.removesuffix(".env")) for name in names]

    def writes_in_process(self) -> bool:
        """Return True: the library writes a temporary file and moves it."""
        return True

    def _path(self, tenant: str) -> str:
        return os.path.join(self.envs, f"{tenant}.env")
