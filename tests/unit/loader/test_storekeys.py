"""A store's own keys: master, tenant keys, pinned writers."""

from __future__ import annotations

import os

import pytest

from sealproof.errors import (
    CannotOpen,
    ConfigurationError,
    KeyMissing,
    LimitExceeded,
    MalformedFile,
    UnsafeFile,
    UnsupportedFormat,
)
from sealproof.loader import storekeys
from sealproof.loader.environment import load_environment_secrets
from sealproof.loader.files import open_root
from sealproof.loader.keys import forget_keys
from sealproof.vault.keys.keyring import Keyring

PASSPHRASE = "nine-lanterns-drift-past-the-quiet-harbour-42"


def key_lines(root, tenant="acme", environment="development"):
    with open_root(str(root)) as directory:
        return storekeys.key_lines(directory, tenant, environment)


def test_newest_epoch_first(store, custodian):
    custodian.rotate_epoch("acme", "development")
    lines = key_lines(store)
    assert [line.epoch for line in lines or ()] == [2, 1]
    assert {(line.kind, line.tenant, line.environment) for line in lines or ()} == {("epoch", "acme", "development")}
    assert len({line.key for line in lines or ()}) == 2


def test_scopes_have_keys_of_their_own(store):
    scopes = (("acme", "development"), ("acme", "production"), ("globex", "development"))
    assert len({line.key for scope in scopes for line in key_lines(store, *scope) or ()}) == 3


def test_nothing_for_a_store_without_keys_or_for_another_tenant(host, store, monkeypatch):
    monkeypatch.delenv("SEALPROOF_KEY_FILE")
    assert key_lines(host) is None
    assert key_lines(store, "nobody") is None
    assert key_lines(store, "acme", "staging") == ()
    with pytest.raises(KeyMissing):
        load_environment_secrets("nobody", root=store, source=_Anything())


class _Anything:
    def read(self, *_: str) -> bytes:
        return b"x"


def test_the_tenants_key_is_stretched_once_a_process(store, monkeypatch):
    calls = []
    real = storekeys.TenantFile.kek
    monkeypatch.setattr(storekeys.TenantFile, "kek", lambda self, master: calls.append(1) or real(self, master))
    for _ in range(3):
        key_lines(store)
    assert len(calls) == 1
    forget_keys()
    key_lines(store)
    assert len(calls) == 2


def test_a_store_that_never_made_a_tenants_key_has_none(tmp_path):
    (tmp_path / "keys").mkdir(mode=0o700)
    with open_root(str(tmp_path)) as root:
        assert storekeys.key_lines(root, "acme", "development") is None


def test_the_stretched_keys_held_are_bounded(store, monkeypatch):
    monkeypatch.setattr(storekeys, "_KEKS_MAX", 1)
    first = key_lines(store)
    key_lines(store, tenant="globex")
    assert len(storekeys._keks) == 1
    assert key_lines(store)[0].key == first[0].key


def test_a_changed_key_file_is_stretched_again_and_refused(store):
    path = store / "keys" / "tenant_keys" / "acme.key"
    key_lines(store)
    path.write_text(path.read_text().replace('"state":"active"', '"state":"retired"', 1))
    with pytest.raises(CannotOpen):
        key_lines(store)


@pytest.mark.parametrize("iterations", ["99999", "1", "0", "10000001"])
def test_a_cost_outside_its_limits_is_refused_before_deriving(iterations, store):
    path = store / "keys" / "tenant_keys" / "acme.key"
    path.write_text(path.read_text().replace('"iterations":100000', f'"iterations":{iterations}'))
    with pytest.raises(LimitExceeded, match=f"asks for {iterations} iterations") as refused:
        key_lines(store)
    assert refused.value.hint.startswith("sealproof key rewrap")


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda text: text[:40], MalformedFile),
        (lambda _: "", MalformedFile),
        (lambda text: text.replace('"created":', '"created":0'), MalformedFile),
        (lambda text: text.replace("sealproof-tenant/1", "sealproof-tenant/2"), UnsupportedFormat),
        (lambda text: text.replace('"tenant":"acme"', '"tenant":"globex"'), MalformedFile),
    ],
)
def test_a_broken_tenant_file_is_named_with_a_hint(damage, error, store):
    path = store / "keys" / "tenant_keys" / "acme.key"
    path.write_text(damage(path.read_text()))
    with pytest.raises(error) as refused:
        key_lines(store)
    assert "tenant_keys/acme.key" in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("text", ["", "x", '{"format":"sealproof-master/1","kind":"random","created":00,"key":"x"}\n'])
def test_a_broken_master_file_is_named_with_a_hint(text, store):
    (store / "keys" / "master.key").write_text(text)
    with pytest.raises(MalformedFile) as refused:
        key_lines(store)
    assert "master.key" in refused.value.message
    assert refused.value.hint


def test_keys_under_another_master_do_not_open(store, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Keyring(str(other)).create(passphrase=None)
    (store / "keys" / "master.key").write_bytes((other / "keys" / "master.key").read_bytes())
    with pytest.raises(CannotOpen):
        key_lines(store)


def test_a_store_without_its_master(store):
    (store / "keys" / "master.key").unlink()
    with pytest.raises(KeyMissing, match=r"no master\.key") as refused:
        key_lines(store)
    assert "backup" in refused.value.hint


@pytest.mark.parametrize("gone", ["writer.pub", "the whole directory"])
def test_a_store_without_writers(gone, store):
    signing = store / "keys" / "signing"
    if gone == "writer.pub":
        (signing / gone).unlink()
    else:
        signing.rename(store / "keys" / "elsewhere")
    with pytest.raises(KeyMissing, match="no writer key") as refused:
        key_lines(store)
    assert refused.value.hint == "sealproof key init --writer"


def test_report_keys_are_no_writers(store):
    lines = key_lines(store)
    assert lines
    assert len(lines[0].writers) == 1


def test_a_writer_key_that_is_none_is_named(store):
    (store / "keys" / "signing" / "writer.pub").write_text("no key")
    with pytest.raises(MalformedFile, match=r"signing/writer.pub"):
        key_lines(store)


@pytest.mark.parametrize("path", ["keys", "keys/tenant_keys", "keys/signing"])
def test_an_open_key_directory_is_refused(path, store):
    (store / path).chmod(0o755)
    with pytest.raises(UnsafeFile, match="mode 0755") as refused:
        key_lines(store)
    assert refused.value.hint == f"chmod 700 {store / path}"


@pytest.mark.parametrize("path", ["master.key", "tenant_keys/acme.key", "signing/writer.pub"])
@pytest.mark.parametrize("how", ["open", "link", "hard link"])
def test_an_unsafe_key_is_refused(path, how, store):
    key = store / "keys" / path
    if how == "open":
        key.chmod(0o640)
    elif how == "link":
        key.rename(key.with_name("moved"))
        key.symlink_to("moved")
    else:
        os.link(key, key.with_name("second"))
    with pytest.raises(UnsafeFile):
        key_lines(store)


# --- passphrase


@pytest.fixture
def passphrase_store(tmp_path):
    root = tmp_path / "passphrase"
    root.mkdir()
    keyring = Keyring(str(root))
    keyring.create(passphrase=PASSPHRASE)
    keyring.new_signing_key("writer")
    return root


def test_a_passphrase_is_stretched_once_a_process(passphrase_store, monkeypatch):
    monkeypatch.setenv("MASTER_SECRET_KEY", PASSPHRASE)
    calls = []
    real = storekeys.MasterFile.stretch
    monkeypatch.setattr(storekeys.MasterFile, "stretch", lambda self, text: calls.append(1) or real(self, text))
    keyring = Keyring(str(passphrase_store))
    keyring.ensure_epoch("acme", "development")
    assert key_lines(passphrase_store)
    assert len(calls) == 1
    assert "MASTER_SECRET_KEY" not in os.environ


def test_a_passphrase_store_without_its_passphrase(passphrase_store):
    with open_root(str(passphrase_store)) as root, root.enter("keys") as keys, pytest.raises(KeyMissing) as refused:
        storekeys.master_of(keys)
    assert "MASTER_SECRET_KEY is not set" in refused.value.message


def test_the_wrong_passphrase_does_not_open(passphrase_store, monkeypatch):
    monkeypatch.setenv("MASTER_SECRET_KEY", PASSPHRASE)
    Keyring(str(passphrase_store)).ensure_epoch("acme", "development")
    forget_keys()
    monkeypatch.setenv("MASTER_SECRET_KEY", PASSPHRASE + " ")
    with pytest.raises(CannotOpen) as refused:
        key_lines(passphrase_store)
    assert PASSPHRASE not in str(refused.value)


@pytest.mark.parametrize("iterations", ["599999", "10000001"])
def test_a_passphrase_cost_outside_its_limits_is_refused_before_deriving(iterations, passphrase_store, monkeypatch):
    path = passphrase_store / "keys" / "master.key"
    path.write_text(path.read_text().replace('"iterations":600000', f'"iterations":{iterations}'))
    monkeypatch.setenv("MASTER_SECRET_KEY", PASSPHRASE)
    with pytest.raises(LimitExceeded):
        Keyring(str(passphrase_store)).ensure_epoch("acme", "development")


@pytest.mark.parametrize("given", ["anything", ""])
def test_a_passphrase_over_a_random_master_is_an_error(given, store, monkeypatch):
    monkeypatch.setenv("MASTER_SECRET_KEY", given)
    with pytest.raises(ConfigurationError, match="this store has a random master") as refused:
        load_environment_secrets("acme", root=store)
    assert refused.value.names == ("MASTER_SECRET_KEY",)
    assert refused.value.hint == "unset MASTER_SECRET_KEY"
    assert "DB_PASSWORD" not in os.environ
