"""A throw-away store full of canaries: what behaviour is provoked on, so that nobody's files are touched."""

from __future__ import annotations

import base64
import json
import os
import secrets
import urllib.parse
from typing import TYPE_CHECKING

from sealproof.envelope.keytree import TENANT_ITERATIONS
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import SETTINGS_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMES = ("DB_PASSWORD", "API_TOKEN", "SIGNING_KEY")
ENVIRONMENT = "development"


class ScratchStore:
    """A store of `tenants` in a private directory, each secret a unique random canary.

    Its master is random unless `passphrase` is given, and a random master goes with no passphrase in the process: what
    works on a scratch store belongs in a child (`isolation`), where no key or passphrase of this process is either.
    """

    def __init__(
        self,
        directory: str,
        tenants: Iterable[str] = ("scratch-a", "scratch-b"),
        names: Iterable[str] = NAMES,
        *,
        passphrase: str | None = None,
    ) -> None:
        self.root = os.path.join(directory, "secrets")
        os.mkdir(self.root, 0o700)
        self.custodian = Custodian(self.root, iterations=TENANT_ITERATIONS)
        self.custodian.keyring.create(passphrase=passphrase)
        self.custodian.keyring.new_signing_key("writer")
        with open(os.path.join(self.root, "sealproof.toml"), "w", encoding="utf-8") as settings:
            settings.write(SETTINGS_TEXT)
        self.canaries: dict[str, dict[str, str]] = {
            tenant: {name: f"canary-{secrets.token_hex(16)}" for name in names} for tenant in tenants
        }
        for tenant, values in self.canaries.items():
            self.custodian.seal(tenant, ENVIRONMENT, {name: value.encode() for name, value in values.items()})

    def __repr__(self) -> str:
        return f"ScratchStore({len(self.canaries)} tenants)"

    def path(self, tenant: str) -> str:
        """Return the path of a tenant's sealed file."""
        return os.path.join(self.root, "tenants", tenant, ".env.enc")

    def read(self, tenant: str) -> bytes:
        """Return a tenant's sealed file."""
        with open(self.path(tenant), "rb") as file:
            return file.read()

    def write(self, tenant: str, data: bytes) -> None:
        """Put bytes in the place of a tenant's sealed file, as an attacker would."""
        with open(self.path(tenant), "wb") as file:
            file.write(data)

    def export_key(self, tenant: str) -> str:
        """Write the tenant's host key file beside the store and return its path."""
        path = os.path.join(os.path.dirname(self.root), f"{tenant}.key")
        text = "".join(line.to_line() + "\n" for line in self.custodian.keyring.key_lines(tenant, ENVIRONMENT))
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(text)
        return path

    def all_canaries(self) -> list[str]:
        """Return every canary of every tenant."""
        return [value for values in self.canaries.values() for value in values.values()]


def leaks(text: str | bytes, canaries: Iterable[str]) -> list[str]:
    """Return which encodings of which canary stand in `text`, as `encoding of canary N`; never the canary."""
    haystack = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    found: list[str] = []
    for number, canary in enumerate(canaries, 1):
        for encoding, needle in encodings(canary).items():
            if needle in haystack:
                found.append(f"{encoding} of canary {number}")
    return found


def encodings(value: str) -> Mapping[str, bytes]:
    """Return the spellings under which a value could leak: raw, base64 (three alignments), hex, URL, JSON, reversed."""
    raw = value.encode()
    spelled = {"raw": raw, "hex": raw.hex().encode(), "reversed": raw[::-1]}
    for shift in range(3):
        # What stands before the value shifts base64 by up to two bytes; the ends depend on neighbours, so cut them.
        body = base64.b64encode(b"\0" * shift + raw)
        spelled[f"base64+{shift}"] = body[4 * bool(shift) : len(body) - 4]
    spelled["percent"] = urllib.parse.quote(value, safe="").encode()
    spelled["json"] = json.dumps(value)[1:-1].encode()
    return spelled
