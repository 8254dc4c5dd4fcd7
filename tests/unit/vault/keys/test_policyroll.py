"""The policy key is replaced, the policy stays in force, and nobody counts as two."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sealproof.cli.main import dispatch
from sealproof.errors import ChangePending, KeyMissing, PolicyRejected, StaleFile
from sealproof.loader.files import open_root
from sealproof.loader.storekeys import pinned_keys
from sealproof.signing import SigningKey
from sealproof.vault.access.changes import with_role
from sealproof.vault.access.policy import parse
from sealproof.vault.access.policyfile import PolicyFile
from sealproof.vault.custodian import Custodian
from sealproof.vault.journal import Journal
from sealproof.vault.keys.keyring import Keyring
from sealproof.vault.keys.ledger import Purpose, State, read_ledger
from sealproof.vault.keys.life import KeyLife
from sealproof.vault.keys.signers import ROLL, Signers
from sealproof.vault.records.shelf import every_record, policy_keys


def counting(root):
    """Return whose signatures on a policy count."""
    with open_root(str(root)) as store, store.enter("keys") as keys:
        return pinned_keys(keys, "policy")


def signers_of(root):
    signed = parse((root / "policy.json").read_bytes())
    return signed.valid_signers(counting(root))


def change(root, key, role="ops", *, signers=1):
    file = PolicyFile(str(root), signers=signers)
    return file.propose(file.load(), with_role(file.load(), role, add=["bob"], remove=[], now=1), key)


def test_a_rolled_policy_key_takes_the_old_ones_place(store, custodian):
    old = custodian.keyring.signing_key("policy")
    before = PolicyFile(str(store)).load()
    operation = Signers(custodian).roll("policy")
    new = custodian.keyring.signing_key("policy")
    assert operation.is_over
    assert new.public != old.public
    assert PolicyFile(str(store)).load() == before
    assert signers_of(store) == [new.public]
    assert counting(store) == (new.public,)
    with pytest.raises(PolicyRejected, match="not one whose signature counts"):
        change(store, old)
    assert change(store, new).in_force
    records = read_ledger(custodian).of(Purpose.POLICY)
    assert {key.ref: key.state for key in records} == {
        "signing/policy": State.ACTIVE,
        "signing/former-policy-1": State.RETIRED,
    }
    assert set(policy_keys(str(store))) == {old.public, new.public}


def test_people_that_the_old_key_vouched_for_stay_vouched_for(store, custodian, capsys, tmp_path):
    key, root = str(tmp_path / "alice.key"), ["--root", str(store)]
    assert dispatch(["record", "key", key, *root]) == 0
    assert dispatch(["record", "person", "alice", "--public", f"{key}.pub", "--duty", "reviewer", *root]) == 0
    Signers(custodian).roll("policy")
    signed = ["record", "access-review", "--by", "alice", "--key", key, "--outcome", "all as it should be", *root]
    assert dispatch(signed) == 0
    records, refused = every_record(str(store))
    assert sorted(record.kind for record in records) == ["access-review", "person"]
    assert refused == []
    capsys.readouterr()


def test_one_person_is_one_signer_before_and_after(store, custodian):
    second = SigningKey(bytes(range(32)))
    custodian.keyring.pin_signing_key("policy", second.public)
    two = PolicyFile(str(store), signers=2)
    Signers(custodian).roll("policy")
    new = custodian.keyring.signing_key("policy")
    with pytest.raises(PolicyRejected, match="1 of the 2 signatures"):
        two.load()
    with pytest.raises(ChangePending, match="has signed the one in force"):
        two.countersign(new)
    assert two.countersign(second).in_force
    Signers(custodian).roll("policy")
    assert len(signers_of(store)) == 2
    assert two.load().policy.generation == 1


def test_what_the_old_key_did_not_sign_the_new_one_does_not_either(store, custodian):
    second = SigningKey(bytes(range(32)))
    custodian.keyring.pin_signing_key("policy", second.public)
    change(store, second)
    Signers(custodian).roll("policy")
    assert signers_of(store) == [second.public]
    assert PolicyFile(str(store)).load().policy.generation == 2


def test_a_policy_that_is_not_to_be_believed_stops_a_roll_before_it_begins(store, custodian):
    intact = (store / "policy.json").read_bytes()
    old = custodian.keyring.signing_key("policy")
    change(store, old)
    (store / "policy.json").write_bytes(intact)
    with pytest.raises(StaleFile):
        Signers(custodian).roll("policy")
    (store / "policy.json").write_bytes(intact.replace(b'"saved": 1', b'"saved": 2'))
    with pytest.raises(PolicyRejected):
        Signers(custodian).roll("policy")
    assert Journal(str(store)).history(ROLL) == []
    assert custodian.keyring.signing_key("policy").public == old.public


def test_a_policy_key_that_lies_elsewhere_is_not_rolled_here(store, custodian):
    (store / "keys/signing/policy.key").unlink()
    with pytest.raises(KeyMissing):
        Signers(custodian).roll("policy")


def test_a_store_without_a_policy_rolls_its_key(store, custodian):
    (store / "policy.json").unlink()
    shutil.rmtree(store / "keys/access")
    assert Signers(custodian).roll("policy").is_over
    assert not (store / "policy.json").exists()


def test_kill_nine_at_every_point_of_the_roll(store, custodian, crashed):
    old = custodian.keyring.signing_key("policy").public
    met = crashed("roll-policy", store)
    assert {"signing.roll:signed", "signing.roll:swap:written", "signing.roll:published"} <= {point for point, _ in met}
    for point, root in met:
        assert PolicyFile(str(root)).load().policy.generation == 1, point
        assert len(signers_of(root)) == 1, point
        keyring = Keyring(str(root))
        if (root / "keys/signing/next-policy.key").exists():  # the old key is there still, and may change the policy
            assert change(root, keyring.signing_key("policy")).in_force, point
        life = KeyLife(Custodian(str(root)), subject="user:tester")
        for operation in life.unfinished():
            life.resume(operation)
        if not Journal(str(root)).history(ROLL):
            Signers(Custodian(str(root))).roll("policy")
        new = keyring.signing_key("policy")
        assert new.public != old
        assert signers_of(root) == [new.public], point
        assert change(root, new, "more").in_force
        assert not list(Path(root, "keys/signing").glob("next-*"))


def test_the_command_says_what_to_hand_out(store, capsys):
    assert dispatch(["key", "roll", "policy", "--root", str(store)]) == 0
    said = capsys.readouterr()
    assert "signs from now on" in said.out
    assert "approvals by the old key count no more" in said.err
    assert dispatch(["access", "list", "--root", str(store)]) == 0
    assert dispatch(["access", "grant", "bob", "acme", "--as", "reader", "--root", str(store)]) == 0
