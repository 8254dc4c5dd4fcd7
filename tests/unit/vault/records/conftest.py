"""A store's root with a policy key and two people, one of them an approver and reviewer."""

from __future__ import annotations

import pytest

from sealproof.signing import SigningKey, public_to_pem
from sealproof.vault.records.interface import PERSON, POLICY_KEY, Record
from sealproof.vault.records.shelf import Shelf

NOON = 1_800_014_400  # 2027-01-15 12:00 UTC
DAY = 86_400
POLICY = SigningKey(bytes([1]) * 32)
DANA = SigningKey(bytes([2]) * 32)
SAM = SigningKey(bytes([3]) * 32)


def person(name, key, *duties, at=NOON - 30 * DAY):
    return Record(PERSON, POLICY_KEY, at, {"name": name, "key": key.public.hex(), "duties": tuple(duties)})


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.delenv("SEALPROOF_POLICY_KEY_FILE", raising=False)
    signing = tmp_path / "keys" / "signing"
    signing.mkdir(parents=True, mode=0o700)
    (signing / "policy.pub").write_bytes(public_to_pem(POLICY.public))
    (signing / "policy.pub").chmod(0o600)
    shelf = Shelf(str(tmp_path))
    shelf.add(person("dana", DANA), POLICY)
    shelf.add(person("sam", SAM, "approver", "reviewer"), POLICY)
    return tmp_path
