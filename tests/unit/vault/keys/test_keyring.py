"""`keys/`: what is made, what is kept, what is destroyed, all under one lock and never half."""

from __future__ import annotations

import os
import re

import pytest

from sealproof.envelope.keytree import TENANT_ITERATIONS
from sealproof.errors import (
    CannotOpen,
    FileUnavailable,
    InvalidName,
    KeyMissing,
    LimitExceeded,
    MalformedFile,
    StoreExists,
    StoreNotFound,
    UnsafeFile,
    WeakKey,
)
from sealproof.loader.keys import forget_keys
from sealproof.signing import SigningKey
from sealproof.vault.keys.keyring import Keyring

SCOPE = ("acme", "development")


@pytest.fixture
def keyring(root, clock):
    return Keyring(str(root), clock=clock)


@pytest.fixture
def tenant_file(root):
    return root / "keys/tenant_keys/acme.key"


def test_a_second_master_is_never_made(keyring, root):
    before = (root / "keys/master.key").read_bytes()
    with pytest.raises(StoreExists, match="has a master already"):
        keyring.create(passphrase=None)
    assert (root / "keys/master.key").read_bytes() == before


def test_a_weak_passphrase_makes_no_master(bare, tmp_path):
    (tmp_path / "new").mkdir()
    with pytest.raises(WeakKey):
        Keyring(str(tmp_path / "new")).create(passphrase="changeme")
    assert not (tmp_path / "new/keys").exists()


def test_the_masters_day_is_kept(keyring):
    assert keyring.master_created() == 1_790_000_000


def test_the_first_epoch_is_made_once(keyring, tenant_file):
    assert keyring.tenant_file("acme") is None
    first = keyring.ensure_epoch(*SCOPE)
    written = tenant_file.read_bytes()
    again = keyring.ensure_epoch(*SCOPE)
    assert (first.epoch, first.key) == (again.epoch, again.key) == (1, first.key)
    assert tenant_file.read_bytes() == written
    assert keyring.tenant_file("acme").iterations == TENANT_ITERATIONS


def test_every_scope_has_a_key_of_its_own(keyring):
    keys = {keyring.ensure_epoch(*scope).key for scope in (SCOPE, ("acme", "production"), ("globex", "development"))}
    assert len(keys) == 3
    assert keyring.next_epoch("acme", "production").epoch == 2
    assert [line.epoch for line in keyring.key_lines(*SCOPE)] == [1]


def test_a_new_epoch_stands_beside_the_old_one_until_that_is_destroyed(keyring, tenant_file):
    first, second = keyring.ensure_epoch(*SCOPE), keyring.next_epoch(*SCOPE)
    lines = keyring.key_lines(*SCOPE)
    assert [(line.epoch, line.key) for line in lines] == [(2, second.key), (1, first.key)]
    assert keyring.drop_epochs(*SCOPE, before=2) == [1]
    assert [line.epoch for line in keyring.key_lines(*SCOPE)] == [2]
    text = tenant_file.read_bytes()
    assert keyring.drop_epochs(*SCOPE, before=2) == []
    assert tenant_file.read_bytes() == text
    assert keyring.next_epoch(*SCOPE).epoch == 3


def test_a_scopes_first_epoch_may_be_a_new_one(keyring):
    assert keyring.next_epoch("fresh", "development").epoch == 1


def test_more_epochs_than_a_key_file_can_hold_are_refused(keyring, tenant_file):
    keyring.ensure_epoch(*SCOPE)
    for _ in range(63):
        keyring.next_epoch(*SCOPE)
    before = tenant_file.read_bytes()
    with pytest.raises(LimitExceeded, match="64 live epochs"):
        keyring.next_epoch(*SCOPE)
    assert tenant_file.read_bytes() == before
    assert len(keyring.key_lines(*SCOPE)) == 64


@pytest.mark.parametrize("tenant", ["../acme", "", "acme/..", "Acme"])
def test_a_tenant_outside_the_grammar_builds_no_path(tenant, keyring):
    for call in (keyring.tenant_file, keyring.rewrap):
        with pytest.raises(InvalidName):
            call(tenant)
    for call in (keyring.ensure_epoch, keyring.next_epoch, keyring.key_lines):
        with pytest.raises(InvalidName):
            call(tenant, "development")


def test_no_key_for_a_scope_is_said(keyring):
    with pytest.raises(KeyMissing, match="no key for acme/development"):
        keyring.key_lines(*SCOPE)
    keyring.ensure_epoch("acme", "production")
    with pytest.raises(KeyMissing, match="no key for acme/development"):
        keyring.key_lines(*SCOPE)
    with pytest.raises(KeyMissing, match="no key for nobody"):
        keyring.rewrap("nobody")


def test_without_keys_nothing_is_made(keyring, root, tmp_path):
    (root / "keys").rename(tmp_path / "kept")
    with pytest.raises(KeyMissing, match="has no keys/ to work with"):
        keyring.ensure_epoch(*SCOPE)
    assert not (root / "keys").exists()
    with pytest.raises(StoreNotFound):
        Keyring(str(tmp_path / "nowhere")).ensure_epoch(*SCOPE)


@pytest.mark.parametrize("path", ["keys", "keys/tenant_keys", "keys/signing"])
def test_a_directory_that_others_may_look_into_is_refused(path, keyring, root):
    keyring.ensure_epoch(*SCOPE)
    (root / path).chmod(0o750)
    with pytest.raises(UnsafeFile, match="not private"):
        keyring.key_lines(*SCOPE)


def test_a_save_that_fails_leaves_the_earlier_keys(keyring, tenant_file, monkeypatch):
    first = keyring.ensure_epoch(*SCOPE)
    before = tenant_file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(FileUnavailable, match="no space left"):
            keyring.next_epoch(*SCOPE)
    assert tenant_file.read_bytes() == before
    assert keyring.ensure_epoch(*SCOPE).key == first.key
    assert [path.name for path in tenant_file.parent.iterdir()] == ["acme.key"]


def test_a_killed_writers_temporary_does_not_outlive_the_next_save(keyring, tenant_file):
    keyring.ensure_epoch(*SCOPE)
    left = tenant_file.parent / ".acme.key.0123456789abcdef.sealproof-tmp"
    left.write_bytes(b"an old wrap")
    keyring.next_epoch(*SCOPE)
    assert not left.exists()


# Rewrapping.


def test_rewrapping_keeps_the_keys_under_a_new_salt(keyring, tenant_file):
    first = keyring.ensure_epoch(*SCOPE)
    keyring.next_epoch(*SCOPE)
    created = [record.created for record in keyring.tenant_file("acme").epochs]
    salt = keyring.tenant_file("acme").salt
    assert Keyring(keyring.root, iterations=150_000).rewrap("acme") == 150_000
    forget_keys()
    renewed = keyring.tenant_file("acme")
    assert renewed.salt != salt
    assert renewed.iterations == 150_000
    assert [record.created for record in renewed.epochs] == created
    assert keyring.key_lines(*SCOPE)[1].key == first.key


@pytest.mark.parametrize("stated", ["1000", "1", "99999999999"])
def test_rewrapping_is_the_way_out_of_a_cost_that_is_outside_its_limits(stated, keyring, tenant_file):
    key = keyring.ensure_epoch(*SCOPE).key
    tenant_file.write_text(re.sub(r'"iterations":\d+', f'"iterations":{stated}', tenant_file.read_text()))
    forget_keys()
    with pytest.raises((LimitExceeded, CannotOpen)):
        keyring.key_lines(*SCOPE)
    assert keyring.rewrap("acme") == TENANT_ITERATIONS
    assert keyring.key_lines(*SCOPE)[0].key == key


def test_a_wrap_that_no_cost_opens_is_kept(keyring, tenant_file):
    keyring.ensure_epoch(*SCOPE)
    text = re.sub(
        r'"salt":"..', lambda found: '"salt":"' + ("AA" if found[0][-2:] != "AA" else "BB"), tenant_file.read_text()
    )
    tenant_file.write_text(text)
    with pytest.raises(CannotOpen, match="no iteration count opens the keys of acme"):
        keyring.rewrap("acme")
    assert tenant_file.read_text() == text


# Signing keys.


def test_signing_keys_are_numbered_after_the_first(keyring, root):
    second = keyring.new_signing_key("writer")
    third = keyring.new_signing_key("writer")
    publics = keyring.signing_publics()
    assert publics["writer-2"] == second.public
    assert publics["writer-3"] == third.public
    assert (root / "keys/signing/writer-2.key").stat().st_mode & 0o777 == 0o600
    assert keyring.signing_key("writer").public == publics["writer"]


def test_every_writer_is_pinned_and_no_other_key(keyring):
    keyring.ensure_epoch(*SCOPE)
    second = keyring.new_signing_key("writer")
    (line,) = keyring.key_lines(*SCOPE)
    assert set(line.writers) == {keyring.signing_key("writer").public, second.public}


def test_a_key_whose_private_half_lies_elsewhere_is_pinned(keyring):
    keyring.ensure_epoch(*SCOPE)
    elsewhere = SigningKey(os.urandom(32))
    assert keyring.pin_signing_key("writer", elsewhere.public) == "writer-2.pub"
    assert elsewhere.public in keyring.key_lines(*SCOPE)[0].writers
    with pytest.raises(KeyMissing):
        keyring.signing_key("writer-2")


def test_more_writers_than_a_key_file_can_name_are_refused(keyring):
    for _ in range(15):
        keyring.new_signing_key("writer")
    with pytest.raises(LimitExceeded, match="16 writer keys"):
        keyring.new_signing_key("writer")
    keyring.new_signing_key("audit")


def test_a_signing_key_that_is_missing_or_none_is_named(keyring, root):
    with pytest.raises(KeyMissing, match=r"no nonesuch\.key"):
        keyring.signing_key("nonesuch")
    (root / "keys/signing/writer.key").write_text("no PEM")
    with pytest.raises(MalformedFile, match=r"writer\.key is no Ed25519 private key"):
        keyring.signing_key("writer")
    (root / "keys/signing/writer.key").unlink()
    with pytest.raises(KeyMissing) as caught:
        keyring.signing_key("writer")
    assert caught.value.hint == "sealproof key init --writer"


def test_nothing_prints_a_key(keyring):
    epoch = keyring.ensure_epoch(*SCOPE)
    for shown in (repr(keyring), repr(epoch), repr(keyring.key_lines(*SCOPE)), repr(keyring.signing_key("writer"))):
        assert epoch.key.hex() not in shown
        assert repr(epoch.key)[2:-1] not in shown
