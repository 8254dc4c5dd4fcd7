"""Keys in PEM, canonical bytes, DSSE envelopes."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import pickle
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.errors import EvidenceRejected, MalformedFile
from sealproof.signing import (
    DSSE_STATEMENT_TYPE,
    SigningKey,
    canonical,
    fingerprint,
    pae,
    public_from_pem,
    public_to_pem,
    sha256,
    sign_dsse,
    verifies,
    verify_dsse,
)

SEED = bytes(range(32))
KEY = SigningKey(SEED)
OTHER = SigningKey(bytes(32))
LIBRARY = Ed25519PrivateKey.from_private_bytes(SEED)
PRIVATE_PEM = LIBRARY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
PUBLIC_PEM = LIBRARY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
PAYLOAD = b'{"verdict":"pass"}'
ENVELOPE = sign_dsse(PAYLOAD, [KEY])


def test_private_key_is_written_as_the_library_writes_it() -> None:
    assert KEY.to_pem() == PRIVATE_PEM
    assert (
        SigningKey.from_pem(PRIVATE_PEM, name="writer.key").public
        == KEY.public
        == LIBRARY.public_key().public_bytes_raw()
    )


def test_public_key_is_written_as_the_library_writes_it() -> None:
    assert public_to_pem(KEY.public) == PUBLIC_PEM
    assert public_from_pem(PUBLIC_PEM, name="report.pub") == KEY.public


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_every_key_comes_back(seed: bytes) -> None:
    key = SigningKey(seed)
    assert SigningKey.from_pem(key.to_pem(), name="k").to_pem() == key.to_pem()
    assert public_from_pem(public_to_pem(key.public), name="k") == key.public


LONGER_PEM = PRIVATE_PEM.replace(b"\n-----END", b"AAAA\n-----END")
X25519_PEM = X25519PrivateKey.from_private_bytes(SEED).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
ENCRYPTED_PEM = LIBRARY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"p")
)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"PRIVATE KEY",
        PUBLIC_PEM,
        X25519_PEM,
        LONGER_PEM,
        ENCRYPTED_PEM,
        PRIVATE_PEM * 2,
        PRIVATE_PEM[:-6],
        PRIVATE_PEM[5:],
        b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----END PRIVATE KEY-----",
        PRIVATE_PEM.replace(b"MC4C", b"MC4D"),
        PRIVATE_PEM.replace(b"\nMC4", b"\nM=4"),
        PRIVATE_PEM.replace(b"\nMC4", b"\n*C4"),
        PRIVATE_PEM.replace(b"\nMC4C", b"\nAAAAMC4C"),
        b" " * 2000 + PRIVATE_PEM,
        SEED,
        PRIVATE_PEM.replace(b"\nMC4", b"\n\xff"),
    ],
)
def test_what_is_no_private_key_is_refused_without_showing_it(text: bytes) -> None:
    with pytest.raises(MalformedFile) as refused:
        SigningKey.from_pem(text, name="writer.key")
    shown = f"{refused.value} {refused.value.hint}"
    assert shown == "writer.key is no Ed25519 private key in PEM openssl pkey -in writer.key -noout"


@pytest.mark.parametrize(
    "text", [b"", PRIVATE_PEM, PUBLIC_PEM.replace(b"MCow", b"MCox"), PUBLIC_PEM.replace(b"\nMCow", b"\n")]
)
def test_what_is_no_public_key_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedFile, match=r"report\.pub is no Ed25519 public key in PEM") as refused:
        public_from_pem(text, name="report.pub")
    assert refused.value.hint == "openssl pkey -pubin -in report.pub -noout"


def test_line_breaks_of_other_tools_are_read() -> None:
    assert public_from_pem(PUBLIC_PEM.replace(b"\n", b"\r\n"), name="k") == KEY.public
    assert SigningKey.from_pem(PRIVATE_PEM.replace(b"MC4C", b"MC\n4C"), name="k").public == KEY.public


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_signing_key_does_not_travel_nor_show(travel: Callable[[SigningKey], object]) -> None:
    assert repr(KEY) == f"{KEY}" == f"SigningKey({hashlib.sha256(KEY.public).hexdigest()[:16]})"
    with pytest.raises(TypeError, match="does not travel"):
        travel(KEY)


def test_signature_verifies_for_its_message_and_key_only() -> None:
    signature = KEY.sign(b"message")
    assert verifies(KEY.public, signature, b"message")
    for public, signed, message in (
        (OTHER.public, signature, b"message"),
        (KEY.public, signature, b"messag"),
        (KEY.public, signature[:-1], b"message"),
        (KEY.public, signature + b"\0", b"message"),
        (KEY.public, b"", b"message"),
        (KEY.public, bytes(64), b"message"),
        (KEY.public[:31], signature, b"message"),
        (b"", signature, b"message"),
        (KEY.public + b"\0", signature, b"message"),
        (bytes(32), signature, b"message"),
        (b"\xff" * 32, signature, b"message"),
    ):
        assert not verifies(public, signed, message)


def test_malleated_signature_is_refused() -> None:
    """D9 of the attack table: S and S + L satisfy one equation; RFC 8032 takes the smaller only."""
    signature = KEY.sign(b"message")
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(signature[32:], "little") + order
    assert not verifies(KEY.public, signature[:32] + scalar.to_bytes(32, "little"), b"message")


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_sha256_is_sha256(data: bytes) -> None:
    assert sha256(data) == hashlib.sha256(data).digest()
    assert fingerprint(data) == hashlib.sha256(data).hexdigest()[:16]


def test_canonical_bytes() -> None:
    value = {"b": [1, True, None, '\u00e9\n"\\'], "a": {"z": "", "A": -1}, "\u00e9": ()}
    assert canonical(value) == '{"a":{"A":-1,"z":""},"b":[1,true,null,"\u00e9\\n\\"\\\\"],"\u00e9":[]}'.encode()


@pytest.mark.parametrize("value", [1.0, float("nan"), float("inf"), [1.5], {"a": 0.0}, {"a": [{"b": (1, 2.0)}]}])
def test_floats_have_no_canonical_bytes(value: object) -> None:
    with pytest.raises(TypeError, match="no floats"):
        canonical(value)


@pytest.mark.parametrize("value", [{1: "a"}, {1.5: "a"}, {None: "a"}, {True: "a"}, {1: "a", "1": "b"}, [{"a": {2: 3}}]])
def test_only_text_is_a_key(value: object) -> None:
    """`json` would turn 1, 1.5 and None into text, and two keys into one."""
    with pytest.raises(TypeError, match="text for keys"):
        canonical(value)


@pytest.mark.parametrize("value", [b"bytes", {"a": {1, 2}}, object()])
def test_what_json_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(json_values, json_values)
def test_canonical_bytes_are_equal_only_for_equal_values(one: object, other: object) -> None:
    assert json.loads(canonical(one)) == one
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonical(one) == canonical(other)) == same


def test_pre_authentication_encoding_is_the_documented_one() -> None:
    """The example of the DSSE specification, version 1."""
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("\u00e9", b"") == b"DSSEv1 2 \xc3\xa9 0 "


def test_envelope_is_canonical_and_gives_its_payload_back() -> None:
    assert verify_dsse(ENVELOPE, [KEY.public]) == PAYLOAD
    fields = json.loads(ENVELOPE)
    assert canonical(fields) == ENVELOPE
    assert fields["payloadType"] == DSSE_STATEMENT_TYPE
    assert [entry["keyid"] for entry in fields["signatures"]] == [hashlib.sha256(KEY.public).hexdigest()]
    LIBRARY.public_key().verify(base64.b64decode(fields["signatures"][0]["sig"]), pae(DSSE_STATEMENT_TYPE, PAYLOAD))


def test_one_pinned_signature_of_several_is_enough() -> None:
    both = sign_dsse(PAYLOAD, [OTHER, KEY])
    for pinned in ([KEY.public], [OTHER.public], [bytes(32), KEY.public], iter([KEY.public])):
        assert verify_dsse(both, pinned) == PAYLOAD


def changed(**parts: object) -> bytes:
    return json.dumps(json.loads(ENVELOPE) | parts).encode()


SIGNATURE = json.loads(ENVELOPE)["signatures"][0]


@pytest.mark.parametrize(
    "envelope",
    [
        changed(payload=base64.b64encode(b'{"verdict":"fail"}').decode()),
        changed(signatures=[]),
        changed(signatures=[SIGNATURE | {"sig": base64.b64encode(bytes(64)).decode()}]),
        changed(signatures=[SIGNATURE | {"sig": ""}]),
        changed(payload=""),
        sign_dsse(PAYLOAD, [OTHER]),
        sign_dsse(PAYLOAD, []),
    ],
)
def test_envelope_without_a_pinned_signature_is_rejected(envelope: bytes) -> None:
    with pytest.raises(EvidenceRejected, match="no pinned key signed"):
        verify_dsse(envelope, [KEY.public])


def test_key_named_by_the_envelope_is_not_trusted() -> None:
    forged = json.loads(sign_dsse(PAYLOAD, [OTHER]))
    forged["signatures"][0]["keyid"] = SIGNATURE["keyid"]
    with pytest.raises(EvidenceRejected):
        verify_dsse(json.dumps(forged).encode(), [KEY.public])
    with pytest.raises(EvidenceRejected):
        verify_dsse(ENVELOPE, [])


def test_payload_type_is_part_of_what_is_signed_and_asked() -> None:
    with pytest.raises(EvidenceRejected, match="another payload type"):
        verify_dsse(changed(payloadType="text/plain"), [KEY.public])
    with pytest.raises(EvidenceRejected, match="no pinned key signed"):
        verify_dsse(changed(payloadType="text/plain"), [KEY.public], payload_type="text/plain")
    assert (
        verify_dsse(sign_dsse(b"x", [KEY], payload_type="text/plain"), [KEY.public], payload_type="text/plain") == b"x"
    )


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"\xff\xfe\x00",
        b"{",
        changed(payload=1),
        changed(payload="!"),
        changed(payload="eA"),
        changed(payload="\u00e9"),
        changed(signatures={}),
        changed(signatures="sig"),
        changed(signatures=[1]),
        changed(signatures=[{}]),
        changed(signatures=[{"sig": None}]),
        changed(signatures=None),
        b"[" * 100_000,
        b'{"payload":' * 50_000,
        b"9" * 5000,
    ],
)
def test_what_is_no_envelope_is_rejected(envelope: bytes) -> None:
    """F2 of the attack table among them: nesting ends in our error, not in the interpreter's."""
    with pytest.raises(EvidenceRejected):
        verify_dsse(envelope, [KEY.public])


def test_signatures_are_counted_before_they_are_verified() -> None:
    verify_dsse(changed(signatures=[SIGNATURE] * 64), [KEY.public])
    with pytest.raises(EvidenceRejected, match="65 signatures"):
        verify_dsse(changed(signatures=[SIGNATURE] * 65), [KEY.public])


@settings(deadline=None)
@given(st.integers(0, len(ENVELOPE) - 1), st.integers(0, 4), st.binary(max_size=4))
def test_mutated_envelope_gives_the_payload_or_is_rejected(start: int, removed: int, inserted: bytes) -> None:
    mutated = ENVELOPE[:start] + inserted + ENVELOPE[start + removed :]
    try:
        payload = verify_dsse(mutated, [KEY.public])
    except EvidenceRejected:
        return
    assert payload == PAYLOAD
