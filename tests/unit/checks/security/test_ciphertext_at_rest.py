"""SEC-001: a backup in a tenant's directory is an encrypted container, or it is plain text."""

from __future__ import annotations

import pytest

from sealproof.envelope import cipher
from sealproof.findings import Status
from sealproof.vault.backup.create import create
from sealproof.vault.backup.header import Recipients
from sealproof.vault.backup.shelf import IN_PLACE
from sealproof.vault.custodian import Custodian


@pytest.fixture
def backup(store):
    directory = store / "tenants" / "aurora"
    recipients = Recipients((cipher.reader_public(bytes(range(32))),))
    create(Custodian(str(store)), "aurora", recipients, directory=str(directory), name=IN_PLACE)
    return directory / IN_PLACE


def test_an_encrypted_container_is_no_plain_twin(store, backup, run_check):
    assert run_check(store, "SEC-001", "aurora").status is Status.PASS
    # Whatever assignments a cipher's bytes happen to spell: they are no text.
    backup.write_bytes(backup.read_bytes() + b"\xff\nPASSWORD=x\n")
    assert run_check(store, "SEC-001", "aurora").status is Status.PASS


@pytest.mark.parametrize("front", ["none", "a container's", "a container's, cut"])
def test_a_plain_backup_is_found_whatever_stands_before_it(store, backup, run_check, failure, front):
    data = backup.read_bytes()
    whole = data[: data.index(b"\n", data.index(b'{"mac"')) + 1]
    start = {"none": b"", "a container's": whole, "a container's, cut": whole[:80] + b"\n"}[front]
    backup.write_bytes(start + b"DB_PASSWORD=fjord-anvil-9037-mosaic\nTOKEN=a81f0c4472de4b3c\n")
    finding = failure(run_check(store, "SEC-001", "aurora"))
    assert finding.resource == "tenants/aurora/.env.bak"
