"""A recipient's key that opens nothing here is told when it is added."""

from __future__ import annotations

import pytest

from sealproof.cli.main import dispatch
from sealproof.envelope import cipher
from sealproof.envelope.grammar import encode
from sealproof.envelope.keyfile import parse_keys
from sealproof.errors import CannotOpen
from sealproof.loader import keys as loader_keys
from sealproof.loader.keys import forget_keys
from sealproof.vault.custodian import Custodian
from sealproof.vault.keys.recipients import shortcoming
from sealproof.vault.keys.signers import Signers

from .conftest import GLOBEX


@pytest.fixture
def made(store, tmp_path, capsys):
    """Make an identity by the command; return its file and its public key."""
    path = tmp_path / "reader.key"
    assert dispatch(["key", "init", "--recipient", str(path), "--root", str(store)]) == 0
    return path, capsys.readouterr().out.strip()


def added(store, public, capsys):
    assert dispatch(["recipient", "add", "globex", public, "--root", str(store)]) == 0
    return capsys.readouterr().err


def opens(store, path, monkeypatch):
    forget_keys()
    with monkeypatch.context() as patched:
        patched.setenv("SEALPROOF_KEY_FILE", str(path))
        values = Custodian(str(store)).open("globex", "development").values()
    forget_keys()
    return values


def test_a_key_of_this_store_is_added_without_a_word_and_opens(store, made, capsys, monkeypatch):
    path, public = made
    assert added(store, public, capsys) == ""
    assert opens(store, path, monkeypatch) == GLOBEX


def test_a_key_of_another_store_is_told(store, capsys):
    told = added(store, encode(cipher.reader_public(bytes(range(32)))), capsys)
    assert "this store did not make that key" in told
    assert "sealproof key init --recipient FILE, here" in told


def test_a_key_that_trusts_former_writers_only_is_told_and_opens_nothing(store, custodian, made, capsys, monkeypatch):
    path, public = made
    signers = Signers(custodian)
    signers.roll("writer")
    (line,) = parse_keys(path.read_bytes())
    assert shortcoming(custodian.keyring, cipher.reader_public(line.key)) == ""  # while both writers are pinned
    signers.finish("writer")
    assert "trusts only writers that were replaced since" in added(store, public, capsys)
    with pytest.raises(CannotOpen):
        opens(store, path, monkeypatch)
    assert "SEALPROOF_KEY_FILE" not in loader_keys._taken


def test_removing_a_strangers_key_is_no_reason_to_warn(store, capsys):
    public = encode(cipher.reader_public(bytes(range(32))))
    added(store, public, capsys)
    assert dispatch(["recipient", "remove", "globex", public, "--root", str(store)]) == 0
    assert "did not make" not in capsys.readouterr().err
