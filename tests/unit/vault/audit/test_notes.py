"""Signed notes and checkpoints: c2sp.org/signed-note and c2sp.org/tlog-checkpoint, to the byte."""

from __future__ import annotations

import pytest
from audit_workshop import patient
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import AuditLogBroken, MalformedFile
from sealproof.signing import SigningKey, verifies
from sealproof.vault.audit.notes import (
    NOTE_MAX,
    Checkpoint,
    Promise,
    base64,
    key_id,
    origin_of,
    read_note,
    signature_field,
    signed_note,
    split_signature,
    unbase64,
    verifier_key,
)

# The worked example of the Go package golang.org/x/mod/sumdb/note, which the C2SP text grew out of.
NAME = "PeterNeumann"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
FIELD = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="

hashes = st.binary(min_size=32, max_size=32)
counts = st.integers(0, 10**15 - 1)
checkpoints = st.builds(
    Checkpoint,
    origin=st.just("sealproof-audit/acme/0123456789abcdef"),
    size=counts,
    root=hashes,
    chain=hashes.map(bytes.hex),
    epoch=counts,
    start=counts,
    promise=st.none() | st.builds(Promise, hashes, counts),
)


def a_checkpoint(**changes: object) -> Checkpoint:
    known = Checkpoint("sealproof-audit/acme/0123456789abcdef", 7, bytes(32), "ab" * 32, 2, 1000)
    return known._replace(**changes)


def test_the_key_and_signature_of_the_published_example():
    key = SigningKey(unbase64(SEED)[1:])
    assert verifier_key(NAME, key.public) == VERIFIER
    assert key_id(NAME, key.public).hex() == "c74f20a3"
    assert signature_field(NAME, key, TEXT) == FIELD
    name, signature = split_signature(FIELD)
    assert name.hex() == "c74f20a3"
    assert verifies(key.public, signature, TEXT.encode())


def test_the_note_of_the_published_example():
    assert signed_note(TEXT, NAME, FIELD) == f"{TEXT}\n— {NAME} {FIELD}\n"


def test_a_checkpoint_is_the_text_that_witnesses_read():
    assert a_checkpoint().text().split("\n") == [
        "sealproof-audit/acme/0123456789abcdef",
        "7",
        base64(bytes(32)),
        "chain " + "ab" * 32,
        "epoch 2 1000",
        "",
    ]
    sealed = a_checkpoint(promise=Promise(b"k" * 32, 2000))
    assert sealed.text() == a_checkpoint().text() + f"next {base64(b'k' * 32)} 2000\n"


def test_an_origin_changes_with_the_tenant_and_with_the_key():
    assert len({origin_of("acme", bytes(32)), origin_of("acme", b"1" * 32), origin_of("other", bytes(32))}) == 3


@patient
@given(checkpoints)
def test_a_note_reads_back(checkpoint):
    note = signed_note(checkpoint.text(), checkpoint.origin, FIELD)
    assert read_note(note.encode(), name="x") == checkpoint


@patient
@given(st.binary(max_size=300))
def test_anything_else_is_no_checkpoint(data):
    with pytest.raises(MalformedFile, match="x is no checkpoint"):
        read_note(data, name="x")


@patient
@given(checkpoints, st.data())
def test_a_note_with_one_byte_changed_reads_otherwise_or_not_at_all(checkpoint, data):
    note = bytearray(signed_note(checkpoint.text(), checkpoint.origin, FIELD).encode())
    at = data.draw(st.integers(0, len(checkpoint.text()) - 1))
    note[at] ^= data.draw(st.integers(1, 255))
    try:
        other = read_note(bytes(note), name="x")
    except MalformedFile:
        return
    assert other != checkpoint


GOOD = signed_note(a_checkpoint().text(), NAME, FIELD)


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n7\n", "\n07\n"),
        GOOD.replace("\n7\n", "\n-7\n"),
        GOOD.replace("\n7\n", "\n 7\n"),
        GOOD.replace("\n7\n", "\n7_0\n"),
        GOOD.replace("epoch 2 1000", "epoch 2  1000"),
        GOOD.replace("epoch 2 1000", "epoch 2"),
        GOOD.replace("epoch 2 1000", "epoch 2 1000 3"),
        GOOD.replace("chain ", "chains "),
        GOOD.replace("chain ab", "chain "),
        GOOD.replace("chain ab", "chain zz"),
        GOOD.replace(base64(bytes(32)), base64(bytes(31))),
        GOOD.replace("epoch 2 1000", "epoch 2 -1000"),
        GOOD.replace("AAAA=", "AAAB="),
        GOOD.replace("— ", "- "),
        GOOD.replace("\n\n", "\n"),
        GOOD.replace("\n\n", f"\nnext {base64(b'k' * 31)} 5\n\n"),
        GOOD.replace("\n\n", "\nnext no 5\n\n"),
        GOOD.replace("\n\n", "\nmore\nand more\n\n"),
        GOOD.replace("\n", "\r\n"),
        a_checkpoint().text(),
        "",
    ],
)
def test_a_second_spelling_is_refused(text):
    with pytest.raises(MalformedFile):
        read_note(text.encode(), name="x")


def test_other_signatures_may_stand_beside_ours():
    witnessed = GOOD + f"— witness.example/w1 {FIELD}\n"
    assert read_note(witnessed.encode(), name="x") == a_checkpoint()


def test_a_note_without_end_is_refused():
    endless = GOOD + f"— witness.example/w1 {FIELD}\n" * (NOTE_MAX // 100)
    with pytest.raises(MalformedFile):
        read_note(endless.encode(), name="x")


@pytest.mark.parametrize(
    "field", ["", "AAAA", base64(bytes(67)), base64(bytes(69)), "AA A", "é", FIELD[:-1], FIELD + "\n"]
)
def test_what_is_no_signature_field_is_refused(field):
    with pytest.raises(AuditLogBroken):
        split_signature(field)
