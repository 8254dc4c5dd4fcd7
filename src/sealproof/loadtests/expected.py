"""Which canary belongs into which answer, known by keyed digests only: nothing here can show one.

The file is JSON, `{"key": hex, "digests": {tenant: {name: hex}}}`, with HMAC-SHA256 under a key that
is drawn for the run. It is written by whoever made the canaries, in a private directory.
"""

from __future__ import annotations

import hmac
import json
import re
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+")


class Verdict(Enum):
    """What one answer was worth. The first that holds."""

    FOREIGN = "foreign"  # a canary of another tenant is in it
    ERROR = "error"  # no answer, or a refusal
    MISSING = "missing"  # an answer that is not exactly its own canary
    OWN = "own"  # exactly its own canary


class Expected:
    """Judges answers. `digests` holds the keyed digest of every tenant's every canary, by tenant and name."""

    def __init__(self, key: bytes, digests: Mapping[str, Mapping[str, str]]) -> None:
        self._key = key
        self._digests = digests
        self._owners = {digest: tenant for tenant, names in digests.items() for digest in names.values()}

    def __repr__(self) -> str:
        return f"Expected({len(self._digests)} tenants)"

    @classmethod
    def read(cls, path: str) -> Expected:
        """Return what the file at `path` says."""
        with open(path, encoding="ascii") as file:
            data = json.load(file)
        return cls(bytes.fromhex(data["key"]), data["digests"])

    @property
    def secrets(self) -> list[tuple[str, str]]:
        """Return every tenant with every name."""
        return [(tenant, name) for tenant, names in self._digests.items() for name in names]

    def judge(self, tenant: str, name: str, *, status: int, headers: str, body: str) -> Verdict:
        """Return what the answer to a request for `name` of `tenant` is worth."""
        owners = {self._owners.get(self._digest(word)) for word in _TOKEN.findall(f"{headers} {body}")}
        if owners - {None, tenant}:
            return Verdict.FOREIGN
        if status != HTTPStatus.OK:
            return Verdict.ERROR
        return Verdict.OWN if self._is_own(tenant, name, body) else Verdict.MISSING

    def _is_own(self, tenant: str, name: str, body: str) -> bool:
        try:
            answered = json.loads(body)
        except ValueError:
            return False
        value = answered.get("value") if isinstance(answered, dict) else None
        if not isinstance(value, str) or answered != {"tenant": tenant, "name": name, "value": value}:
            return False
        return hmac.compare_digest(self._digest(value), self._digests[tenant][name])

    def _digest(self, word: str) -> str:
        return hmac.digest(self._key, word.encode(), "sha256").hex()
