"""A start-up source other than a file: an object handed in, so that this room imports no provider."""

from __future__ import annotations

from typing import Protocol


class Source(Protocol):
    """Where sealed bytes come from when it is not a file of the store: an object storage, a secret manager."""

    def read(self, tenant: str, environment: str) -> bytes:
        """Return the sealed file's bytes. They are opened and authenticated like any other."""
        ...
