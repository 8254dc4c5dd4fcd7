"""Records: who is believed, and what is not."""

from __future__ import annotations

import json
from binascii import a2b_base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import CallerError, EvidenceRejected, InvalidName, KeyMissing, MalformedFile, StoreExists
from sealproof.signing import SigningKey, canonical, public_to_pem, sign_dsse
from sealproof.vault.records.interface import (
    APPROVAL,
    AUDIT_REVIEW,
    ERASURE,
    EXPOSURE,
    KINDS,
    LEAVER,
    POLICY_KEY,
    Record,
    check_record,
)
from sealproof.vault.records.shelf import POLICY_KEY_VARIABLE, Shelf, every_record
from sealproof.vault.records.text import PAYLOAD_TYPE, claimed, file_name, signed, verified

from .conftest import DANA, DAY, NOON, POLICY, SAM, person

APPROVED = {"subject": "policy.json", "digest": "0" * 64, "author": "dana", "reference": "CHG-1"}


def approval(by="sam", at=NOON):
    return Record(APPROVAL, by, at, APPROVED)


def test_a_record_is_read_back_as_it_was_signed(root):
    path = Shelf(str(root)).add(approval(), SAM)
    (record,) = Shelf(str(root)).records(APPROVAL)
    assert (record.kind, record.by, record.at, dict(record.fields)) == (APPROVAL, "sam", NOON, APPROVED)
    assert record.path == path
    assert path.startswith("records/approval/2027-01-15-")


def test_reading_needs_no_private_key_and_no_keys_directory(root, monkeypatch, tmp_path):
    Shelf(str(root)).add(approval(), SAM)
    pinned = tmp_path / "pinned.pub"
    pinned.write_bytes(public_to_pem(POLICY.public))
    (root / "keys" / "signing" / "policy.pub").unlink()
    with pytest.raises(KeyMissing, match="nobody vouches"):
        Shelf(str(root)).people()
    monkeypatch.setenv(POLICY_KEY_VARIABLE, str(pinned))
    assert [record.by for record in Shelf(str(root)).records(APPROVAL)] == ["sam"]


def test_a_named_policy_key_that_is_not_there_is_an_error(root, monkeypatch):
    monkeypatch.setenv(POLICY_KEY_VARIABLE, str(root / "nothing.pub"))
    with pytest.raises(KeyMissing, match="no such file"):
        Shelf(str(root)).people()


@pytest.mark.parametrize(
    ("record", "key", "message"),
    [
        (approval(by="dana"), DANA, "none of their duties"),
        (approval(by="sam"), DANA, "the key is another's"),
        (approval(by="eve"), SAM, "nobody's name"),
        (person("eve", SigningKey(bytes([9]) * 32), at=NOON), SAM, "not this store's policy key"),
        (approval(by="sam", at=NOON - 60 * DAY), SAM, "nobody's name"),  # before there was a Sam
    ],
)
def test_a_signature_that_would_not_be_believed_is_not_put_on_the_shelf(root, record, key, message):
    with pytest.raises(EvidenceRejected, match=message):
        Shelf(str(root)).add(record, key)
    assert Shelf(str(root)).records(APPROVAL) == ()


def test_nobody_makes_themselves_a_person(root):
    eve = SigningKey(bytes([9]) * 32)
    record = person("eve", eve, "approver", at=NOON)
    (root / "records" / "person" / file_name(record)).write_bytes(signed(record, eve))
    shelf = Shelf(str(root))
    assert shelf.people().names == ("dana", "sam")
    assert "is not signed by policy" in shelf.refused[0].reason


def test_two_names_with_one_key_are_one_person_and_neither_counts(root):
    Shelf(str(root)).add(person("sam-again", SAM, "approver", at=NOON), POLICY)
    shelf = Shelf(str(root))
    assert shelf.people().names == ("dana",)
    assert "are one person" in shelf.refused[0].reason


def test_a_leaver_counts_to_the_end_of_the_last_day(root):
    Shelf(str(root)).add(Record(LEAVER, POLICY_KEY, NOON, {"name": "sam", "day": "2027-01-15"}), POLICY)
    people = Shelf(str(root)).people()
    assert people.person("sam", NOON + DAY // 2 - 1) is not None
    assert people.person("sam", NOON + DAY // 2) is None
    assert str(people.left("sam", NOON + DAY)) == "2027-01-15"
    with pytest.raises(EvidenceRejected, match="nobody's name"):
        Shelf(str(root)).add(approval(at=NOON + DAY), SAM)


def test_who_comes_back_is_named_anew(root):
    Shelf(str(root)).add(Record(LEAVER, POLICY_KEY, NOON, {"name": "sam", "day": "2027-01-15"}), POLICY)
    again = SigningKey(bytes([4]) * 32)
    Shelf(str(root)).add(person("sam", again, "approver", at=NOON + 2 * DAY), POLICY)
    people = Shelf(str(root)).people()
    assert people.person("sam", NOON + DAY) is None
    assert people.person("sam", NOON + 2 * DAY).key == again.public


def test_a_new_key_replaces_the_old_one_from_its_day(root):
    new = SigningKey(bytes([5]) * 32)
    Shelf(str(root)).add(person("sam", new, "approver", at=NOON), POLICY)
    shelf = Shelf(str(root))
    shelf.add(approval(at=NOON - DAY), SAM)
    with pytest.raises(EvidenceRejected, match="another's"):
        shelf.add(approval(at=NOON + 1), SAM)


def test_an_edited_record_is_refused_by_name(root):
    path = root / Shelf(str(root)).add(approval(), SAM)
    envelope = json.loads(path.read_bytes())
    other = json.loads(signed(Record(APPROVAL, "sam", NOON, {**APPROVED, "author": "eve"}), SAM))
    path.write_text(json.dumps(envelope | {"payload": other["payload"]}))
    shelf = Shelf(str(root))
    assert shelf.records(APPROVAL) == ()
    assert "does not lie where it belongs" in shelf.refused[0].reason
    renamed = path.with_name(file_name(Record(APPROVAL, "sam", NOON, {**APPROVED, "author": "eve"})))
    path.rename(renamed)
    shelf = Shelf(str(root))
    assert shelf.records(APPROVAL) == ()
    assert "is not signed by sam" in shelf.refused[0].reason


def test_a_record_in_another_kinds_folder_is_refused(root):
    path = root / Shelf(str(root)).add(approval(), SAM)
    (root / "records" / "erasure").mkdir()
    path.rename(root / "records" / "erasure" / path.name)
    shelf = Shelf(str(root))
    assert shelf.records(ERASURE) == ()
    assert "does not lie where it belongs" in shelf.refused[0].reason


def test_the_very_record_is_signed_once(root):
    Shelf(str(root)).add(approval(), SAM)
    with pytest.raises(StoreExists):
        Shelf(str(root)).add(approval(), SAM)


def test_every_record_is_listed_with_what_is_not_believed(root):
    Shelf(str(root)).add(approval(), SAM)
    (root / "records" / "approval" / "note.json").write_text("{}")
    records, refused = every_record(str(root))
    assert [record.kind for record in records] == ["person", "person", "approval"]
    assert [item.path for item in refused] == ["records/approval/note.json"]


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (Record("opinion", "sam", NOON, {}), CallerError),
        (Record(EXPOSURE, "sam; rm", NOON, {"resource": "a", "note": "b"}), InvalidName),
        (Record(EXPOSURE, "sam", -1, {"resource": "a", "note": "b"}), CallerError),
        (Record(EXPOSURE, "sam", NOON, {"resource": "a"}), CallerError),
        (Record(EXPOSURE, "sam", NOON, {"resource": "a", "note": "b", "more": "c"}), CallerError),
        (Record(EXPOSURE, "sam", NOON, {"resource": "a", "note": "line\nbreak"}), CallerError),
        (Record(APPROVAL, "sam", NOON, {**APPROVED, "digest": "0" * 63}), CallerError),
        (Record(LEAVER, "sam", NOON, {"name": "sam", "day": "2027-1-15"}), CallerError),
        (Record(LEAVER, "sam", NOON, {"name": "sam", "day": "2027-02-30"}), CallerError),
        (Record(LEAVER, "sam", NOON, {"name": "policy", "day": "2027-01-15"}), CallerError),
        (person("eve", SAM, "king"), CallerError),
        (
            Record(
                AUDIT_REVIEW, "sam", NOON, {"tenant": "a", "first": True, "last": 1, "head": "0" * 64, "outcome": "x"}
            ),
            CallerError,
        ),
    ],
)
def test_what_is_no_record_is_not_signed(record, error):
    with pytest.raises(error):
        check_record(record)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_record_are_refused(data):
    with pytest.raises(MalformedFile):
        claimed(data, path="x")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["format", "kind", "by", "at", "fields", "x"]), inner, max_size=5)
        ),
        max_leaves=12,
    )
)
def test_a_signed_payload_that_is_no_record_is_refused(value):
    data = sign_dsse(canonical(value), [SAM], payload_type=PAYLOAD_TYPE)
    with pytest.raises(MalformedFile):
        verified(data, [SAM.public], path="x")


@pytest.mark.parametrize(
    "change",
    [
        {"at": -1},
        {"at": True},
        {"at": "now"},
        {"at": 2**53 - 1},
        {"format": "sealproof-record/9"},
        {"fields": ["name"]},
        {"more": 1},
        {"kind": "unheard"},
    ],
)
def test_a_record_that_is_wrong_in_one_place_is_refused(root, change):
    path = min((root / "records/person").iterdir())
    payload = json.loads(a2b_base64(json.loads(path.read_bytes())["payload"]))
    good = sign_dsse(canonical(payload), [POLICY], payload_type=PAYLOAD_TYPE)
    assert verified(good, [POLICY.public], path="x").kind == "person"
    with pytest.raises(MalformedFile):
        verified(sign_dsse(canonical(payload | change), [POLICY], payload_type=PAYLOAD_TYPE), [POLICY.public], path="x")
    spaced = json.dumps(payload).encode()
    with pytest.raises(MalformedFile):
        verified(sign_dsse(spaced, [POLICY], payload_type=PAYLOAD_TYPE), [POLICY.public], path="x")


def test_a_shelf_and_its_people_show_where_they_are_and_no_more(root):
    shelf = Shelf(str(root))
    assert repr(shelf) == f"Shelf({str(root)!r})"
    assert repr(shelf.people()) == "People(2)"


def test_former_policy_keys_vouch_and_a_stranger_does_not(root):
    former = SigningKey(bytes([7]) * 32)
    signing = root / "keys/signing"
    (signing / "policy.pub").rename(signing / "former-policy-1.pub")
    (signing / "policy.pub").write_bytes(public_to_pem(former.public))
    (signing / "policy.pub").chmod(0o600)
    assert {found.name for found in [Shelf(str(root)).people().person(name, NOON) for name in ("dana", "sam")]} == {
        "dana",
        "sam",
    }
    (signing / "former-policy-1.pub").unlink()
    shelf = Shelf(str(root))
    assert shelf.people().person("dana", NOON) is None
    assert len(shelf.refused) == 2


def test_every_kind_survives_the_round_trip():
    samples = {
        "name": "dana", "key": "1" * 64, "duties": ("approver",), "day": "2027-01-15", "resource": "a/b/C", "note": "x",
        "tenant": "acme", "first": 0, "last": 7, "head": "2" * 64, "outcome": "nothing odd", "policy": "3" * 64,
        "generation": 4, "rules": ("r-1", "r-2"), "subject": "policy.json", "digest": "4" * 64, "author": "dana",
        "reference": "CHG-1",
    }  # fmt: skip
    for kind, fields in KINDS.items():
        record = Record(kind, "sam", NOON, {name: samples[name] for name in fields})
        assert verified(signed(record, SAM), [SAM.public], path="") == record
