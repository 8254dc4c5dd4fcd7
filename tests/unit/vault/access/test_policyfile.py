"""The policy on disk: founded once, signed by enough, never older than what was seen."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sealproof.errors import (
    Changed,
    ChangePending,
    ConfigurationError,
    KeyMissing,
    MalformedFile,
    PolicyMissing,
    PolicyRejected,
    StaleFile,
    StoreExists,
)
from sealproof.signing import SigningKey
from sealproof.vault.access import PolicyFile, policyfile
from sealproof.vault.access.changes import first_policy, granted, with_role
from sealproof.vault.access.policy import parse
from sealproof.vault.keys.keyring import Keyring

NOW = 1_795_564_800


@pytest.fixture
def file(root: str) -> PolicyFile:
    return PolicyFile(root)


@pytest.fixture
def two(root: str) -> tuple[PolicyFile, SigningKey]:
    """The same store where a change needs two signatures, with the second signer's key."""
    second = Keyring(root).new_signing_key("policy")
    file = PolicyFile(root)
    base = file.load()
    file.propose(base, with_role(base, "dev", add=["ann"], remove=[], now=NOW), Keyring(root).signing_key("policy"))
    signed = Path(root, "policy.json")
    signed.write_bytes(parse(signed.read_bytes()).signed_by(second).to_bytes())
    return PolicyFile(root, signers=2), second


def grow(file: PolicyFile, key: SigningKey, role: str = "ops") -> None:
    base = file.load()
    file.propose(base, with_role(base, role, add=["ann"], remove=[], now=NOW), key)


def test_a_store_is_founded_once(file, policy_key, owner):
    with pytest.raises(StoreExists):
        file.found(first_policy(owner.name, now=NOW), policy_key)


def test_a_deleted_policy_is_not_founded_again(file, root, policy_key, owner):
    os.unlink(f"{root}/policy.json")
    with pytest.raises(PolicyMissing) as missing:
        file.load()
    assert missing.value.hint == f"sealproof init --root {root}"
    with pytest.raises(StaleFile, match="is gone"):
        file.found(first_policy(owner.name, now=NOW), policy_key)


def test_an_older_policy_put_back_is_refused(file, root, policy_key):
    old = Path(root, "policy.json").read_bytes()
    grow(file, policy_key)
    Path(root, "policy.json").write_bytes(old)
    with pytest.raises(StaleFile, match="generation 1, and this host has seen 2"):
        file.load()


def test_another_policy_of_the_same_generation_is_refused(file, root, policy_key):
    base, old = file.load(), Path(root, "policy.json").read_bytes()
    grow(file, policy_key)
    mine = Path(root, "policy.json").read_bytes()
    Path(root, "policy.json").write_bytes(old)
    os.unlink(f"{root}/keys/access/policy.mark")
    file.propose(base, with_role(base, "other", add=["eve"], remove=[], now=NOW), policy_key)
    Path(root, "policy.json").write_bytes(mine)
    with pytest.raises(StaleFile, match="another generation 2"):
        file.load()


def test_the_host_remembers_where_keys_cannot(file, root, policy_key, tmp_path, monkeypatch):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    monkeypatch.setenv("SEALPROOF_STATE", str(state))
    old = Path(root, "policy.json").read_bytes()
    grow(file, policy_key)
    Path(root, "policy.json").write_bytes(old)
    os.unlink(f"{root}/keys/access/policy.mark")
    with pytest.raises(StaleFile):
        file.load()


def test_a_state_directory_that_is_not_there_is_a_mistake(file, tmp_path, monkeypatch):
    monkeypatch.setenv("SEALPROOF_STATE", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="SEALPROOF_STATE"):
        file.load()


def test_an_unsigned_change_is_refused(file, root):
    path = Path(root, "policy.json")
    path.write_bytes(path.read_bytes().replace(b'"saved": ', b'"saved": 1'))
    with pytest.raises(PolicyRejected, match="0 of the 1 signatures"):
        file.load()


def test_a_malformed_policy_names_its_file(file, root):
    Path(root, "policy.json").write_bytes(b"{}\n")
    with pytest.raises(MalformedFile, match=r"policy\.json") as refused:
        file.load()
    assert "restore" in refused.value.hint


def test_without_a_pinned_key_no_policy_is_believed(file, root):
    os.unlink(f"{root}/keys/signing/policy.pub")
    with pytest.raises(KeyMissing, match="no policy key"):
        file.load()
    shutil.rmtree(f"{root}/keys")
    with pytest.raises(KeyMissing, match="no policy key"):
        file.load()


def test_a_change_of_an_older_policy_is_refused(file, policy_key):
    base = file.load()
    grow(file, policy_key)
    with pytest.raises(Changed):
        file.propose(base, with_role(base, "dev", add=["bob"], remove=[], now=NOW), policy_key)


def test_a_stranger_cannot_change_it(file):
    stranger, base = SigningKey(os.urandom(32)), file.load()
    with pytest.raises(PolicyRejected, match="not one whose signature counts"):
        file.propose(base, with_role(base, "dev", add=["bob"], remove=[], now=NOW), stranger)
    assert file.load() == base


def test_two_signers_are_two_people(two, policy_key):
    file, second = two
    base = file.load()
    signing = file.propose(base, with_role(base, "ops", add=["bob"], remove=[], now=NOW), policy_key)
    assert (signing.signers, signing.needed, signing.in_force) == (1, 2, False)
    assert file.load() == base
    with pytest.raises(ChangePending, match="signed the change already"):
        file.sign(policy_key)
    with pytest.raises(PolicyRejected):
        file.sign(SigningKey(os.urandom(32)))
    with pytest.raises(ChangePending, match="waits"):
        file.propose(base, with_role(base, "dev", add=["eve"], remove=[], now=NOW), policy_key)
    assert file.sign(second).in_force
    assert file.load().policy.roles["ops"] == ("bob",)
    assert file.pending() is None


def test_one_signature_is_not_enough_for_two(two, root, policy_key):
    file, _ = two
    one = PolicyFile(root)
    grow(one, policy_key)
    with pytest.raises(PolicyRejected, match="1 of the 2"):
        file.load()


def test_a_waiting_change_can_be_dropped(two, policy_key):
    file, second = two
    grow(file, policy_key)
    assert file.pending() is not None
    assert file.discard()
    assert not file.discard()
    with pytest.raises(ChangePending, match="no change"):
        file.sign(second)


def test_a_waiting_change_does_not_outlive_what_it_changed(two, root, policy_key):
    file, second = two
    grow(file, policy_key)
    waiting = Path(root, "policy.pending.json").read_bytes()
    file.sign(second)
    Path(root, "policy.pending.json").write_bytes(waiting)
    assert file.pending() is None
    with pytest.raises(ChangePending):
        file.sign(second)


def test_ids_of_rules_are_never_used_again(file, make_rule, policy_key):
    base = file.load()
    policy, rule = granted(base, make_rule, now=NOW)
    file.propose(base, policy, policy_key)
    assert rule.id == "g2"
    assert file.load().policy.rule("g2") == rule


def test_a_raised_number_of_signers_is_met_by_signing_what_is_in_force(file, root, policy_key):
    second, strict = Keyring(root).new_signing_key("policy"), PolicyFile(root, signers=2)
    with pytest.raises(PolicyRejected, match="1 of the 2") as refused:
        strict.load()
    assert "access sign" in refused.value.hint
    with pytest.raises(PolicyRejected, match="not one whose signature counts"):
        strict.countersign(SigningKey(os.urandom(32)))
    with pytest.raises(ChangePending, match="has signed the one in force"):
        strict.countersign(policy_key)
    assert strict.countersign(second).in_force
    assert strict.load() == file.load()
    with pytest.raises(ChangePending):
        strict.countersign(second)


def test_nobody_signs_what_no_pinned_key_has_signed(root, policy_key):
    second, path = Keyring(root).new_signing_key("policy"), Path(root, "policy.json")
    path.write_bytes(path.read_bytes().replace(b'"saved": ', b'"saved": 1'))
    with pytest.raises(PolicyRejected, match="0 of the 2"):
        PolicyFile(root, signers=2).countersign(second)
    path.unlink()
    with pytest.raises(MalformedFile):
        PolicyFile(root, signers=2).countersign(policy_key)


def test_a_mark_that_somebody_else_raised_meanwhile_stays(file, root, policy_key, monkeypatch):
    mark = Path(root, "keys/access/policy.mark")
    old = policyfile._read_mark
    seen = []

    def behind(directory):
        """Return no mark at the first look, as if another process came between."""
        seen.append(old(directory))
        return None if len(seen) == 1 else seen[-1]

    before = mark.read_bytes()
    monkeypatch.setattr(policyfile, "_read_mark", behind)
    file.load()
    assert len(seen) == 2
    assert mark.read_bytes() == before
