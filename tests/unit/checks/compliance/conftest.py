"""What people would have signed: two of them, registered in the store, and how to write a waiver."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from sealproof.compliance import waivers
from sealproof.signing import SEED_BYTES, SigningKey
from sealproof.vault.keys.keyring import Keyring
from sealproof.vault.records.interface import PERSON, POLICY_KEY, Record
from sealproof.vault.records.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOON = 1_800_014_400  # 2027-01-15 12:00 UTC
DAY = 86_400
DANA = SigningKey(bytes([7]) * SEED_BYTES)
SAM = SigningKey(bytes([8]) * SEED_BYTES)


def register(root: Path, name: str, key: SigningKey, *duties: str, at: int | None = None) -> None:
    """Name a person, vouched for by the store's own policy key."""
    fields = {"name": name, "key": key.public.hex(), "duties": tuple(duties)}
    when = int(time.time()) if at is None else at
    Shelf(str(root)).add(Record(PERSON, POLICY_KEY, when, fields), Keyring(str(root)).signing_key(POLICY_KEY))


@pytest.fixture
def people(store: Path) -> Path:
    """The store, with Dana, who approves nothing, and Sam, who approves and reviews."""
    register(store, "dana", DANA, at=NOON - 300 * DAY)
    register(store, "sam", SAM, "approver", "reviewer", at=NOON - 300 * DAY)
    return store


FIELDS = {
    "check": '"ROT-001"',
    "tenant": '"aurora"',
    "environment": '"development"',
    "resource": '"aurora/development/DB_PASSWORD"',
    "reason": '"the partner changes in February"',
    "owner": '"dana"',
    "approver": '"sam"',
    "created": "2027-01-10",
    "expires": "2027-02-05",
    "reference": '"CHG-7"',
}


def waiver_text(waiver_id: str = "W-1", **changes: str) -> str:
    """Return one waiver's table; a field changed to nothing is left out."""
    fields = {name: value for name, value in (FIELDS | changes).items() if value}
    return f"[{waiver_id}]\n" + "".join(f"{name} = {value}\n" for name, value in fields.items())


@pytest.fixture
def waive(people: Path) -> Callable[..., Path]:
    """Write `waivers.toml` with one waiver, signed by Sam unless `key` says otherwise (None: by nobody)."""

    def write(waiver_id: str = "W-1", *, key: SigningKey | None = SAM, **changes: str) -> Path:
        path = people / "waivers.toml"
        text = (path.read_bytes() if path.exists() else b"") + waiver_text(waiver_id, **changes).encode()
        if key is not None:
            acceptance = waivers.parse(text, path="waivers.toml")[waiver_id]
            text = waivers.with_signature(text, waiver_id, acceptance.signed_by(key), path="waivers.toml")
        path.write_bytes(text)
        return path

    return write
