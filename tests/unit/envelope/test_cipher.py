"""The primitives against published vectors and against the second implementation."""

from __future__ import annotations

import hmac
import json
import random
from itertools import product

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from hypothesis import given, settings
from hypothesis import strategies as st
from vector_maker import hpke
from vector_maker.second import EXAMPLE, frame, gcm, pad, run

from sealproof.envelope import cipher

from .laboratory import SCOPE, VECTORS, entropy

PUBLISHED = VECTORS / "primitives"
READER = EXAMPLE.recipients[0]


def published(name: str) -> dict[str, str]:
    return json.loads((PUBLISHED / name).read_bytes())  # type: ignore[no-any-return]


def test_hkdf_agrees_with_rfc_5869() -> None:
    for vector in published("hkdf_rfc5869.json")["vectors"]:
        part = {name: bytes.fromhex(text) for name, text in vector.items() if name != "l"}  # type: ignore[attr-defined]
        assert hpke.extract(part["salt"], part["ikm"]) == part["prk"]
        assert hpke.expand(part["prk"], part["info"], len(part["okm"])) == part["okm"]
        if not part["salt"]:  # ours takes none, and gives the first block
            assert cipher.hkdf(part["ikm"], part["info"]) == part["okm"][:32]


@settings(deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=80))
def test_hkdf_agrees_with_the_second_implementation(key: bytes, info: bytes) -> None:
    assert cipher.hkdf(key, info) == hpke.expand(hpke.extract(b"", key), info, 32)


def test_second_implementation_agrees_with_rfc_9180() -> None:
    vector = {name: bytes.fromhex(text) for name, text in published("hpke_rfc9180.json").items() if name != "source"}
    assert hpke.derive_private(vector["ikmR"]) == vector["skRm"]
    assert hpke.public_of(vector["skRm"]) == vector["pkRm"]
    ephemeral = hpke.derive_private(vector["ikmE"])
    sealed = hpke.seal(vector["pkRm"], ephemeral, vector["info"], vector["pt"], vector["aad"])
    assert sealed == vector["enc"] + vector["ct"]
    assert hpke.unseal(vector["skRm"], sealed, vector["info"], vector["aad"]) == vector["pt"]


def test_reader_opens_what_the_second_implementation_wraps() -> None:
    wrapped = hpke.seal(READER.public, READER.ephemeral, EXAMPLE.reader_info(READER.public), EXAMPLE.dek)
    assert cipher.unwrap_as_reader(READER.private, wrapped, SCOPE) == EXAMPLE.dek


def test_second_implementation_opens_what_is_wrapped_for_a_reader() -> None:
    wrapped = cipher.wrap_for_reader(READER.public, EXAMPLE.dek, SCOPE)
    assert len(wrapped) == 80
    assert hpke.unseal(READER.private, wrapped, EXAMPLE.reader_info(READER.public)) == EXAMPLE.dek
    assert wrapped != cipher.wrap_for_reader(READER.public, EXAMPLE.dek, SCOPE)


def test_reader_wrap_is_bound_to_its_scope_and_key() -> None:
    wrapped = cipher.wrap_for_reader(READER.public, EXAMPLE.dek, SCOPE)
    for scope in ((b"other", *SCOPE[1:]), (SCOPE[0], b"staging", SCOPE[2]), (*SCOPE[:2], b"2")):
        with pytest.raises((InvalidTag, ValueError)):
            cipher.unwrap_as_reader(READER.private, wrapped, scope)
    with pytest.raises((InvalidTag, ValueError)):
        cipher.unwrap_as_reader(run(1, 32), wrapped, SCOPE)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_reader_wrap_of_anything_but_32_bytes_is_refused(size: int) -> None:
    wrapped = hpke.seal(READER.public, READER.ephemeral, EXAMPLE.reader_info(READER.public), bytes(size))
    with pytest.raises(ValueError, match="data key"):
        cipher.unwrap_as_reader(READER.private, wrapped, SCOPE)


# The points of small order on Curve25519, and their spellings beyond the prime.
LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("public", LOW_ORDER)
def test_public_key_of_low_order_is_refused_on_both_sides(public: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library's text is its own
        cipher.wrap_for_reader(public, EXAMPLE.dek, SCOPE)
    with pytest.raises((InvalidTag, ValueError)):
        cipher.unwrap_as_reader(READER.private, public + bytes(48), SCOPE)


def test_public_key_of_a_private_one() -> None:
    assert cipher.reader_public(READER.private) == READER.public


def test_keys_of_the_worked_example() -> None:
    assert cipher.hkdf(EXAMPLE.dek, frame(b"sealproof/1/value", *SCOPE)) == EXAMPLE.value_key
    assert EXAMPLE.value_key.hex() == "66b407778dd528f9896f2372caae809493e7577f78d777a88b8c6feea294dce3"
    assert (
        cipher.mac_key(EXAMPLE.dek, SCOPE).hex() == "726fffcb5098fe26e4511cfed6e98bd6d10778aa101e7d90a19354ef7ed6de6e"
    )
    nonce, aad = run(0xB0, 12), b"aad"
    assert (
        cipher.value_cipher(EXAMPLE.dek, SCOPE).encrypt(nonce, b"v", aad)
        == gcm(EXAMPLE.value_key, nonce, b"v", aad)[12:]
    )


def test_derived_keys_all_differ() -> None:
    """B7 of the attack table: tenants, environments, epochs and purposes, with fields that join to the same text."""
    names = [f"t{number}" for number in range(1000)]
    scopes = {(name.encode(), b"production", b"1") for name in names}
    scopes |= set(product((b"a", b"ab", b"abc"), (b"a", b"b", b"bc", b"c"), (b"1", b"11")))
    keys = [derive(EXAMPLE.dek, scope) for scope in scopes for derive in (cipher.mac_key, _value_key)]
    assert len(set(keys)) == len(keys) == 2 * (1000 + 24)
    assert {len(key) for key in keys} == {32}


def _value_key(dek: bytes, scope: tuple[bytes, bytes, bytes]) -> bytes:
    return cipher.hkdf(dek, frame(b"sealproof/1/value", *scope))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_mac_is_hmac_sha256_and_is_verified(covered: bytes) -> None:
    tag = cipher.mac(EXAMPLE.dek, covered)
    assert tag == hmac.digest(EXAMPLE.dek, covered, "sha256")
    cipher.verify_mac(EXAMPLE.dek, covered, tag)
    for wrong in (tag[:-1], tag + b"\0", b"", bytes([tag[0] ^ 1]) + tag[1:], tag[::-1]):
        with pytest.raises(InvalidSignature):
            cipher.verify_mac(EXAMPLE.dek, covered, wrong)
    with pytest.raises(InvalidSignature):
        cipher.verify_mac(EXAMPLE.epoch_key, covered, tag)


def test_entry_data_of_the_worked_example() -> None:
    prefix = cipher.entry_prefix(SCOPE)
    assert cipher.entry_aad(prefix, "DB_PASSWORD", "2", "1700000000") == EXAMPLE.entry_aad(EXAMPLE.secrets[0])


def test_wrap_is_nonce_and_ciphertext_bound_to_label_and_scope() -> None:
    wrapped = cipher.wrap(EXAMPLE.epoch_key, EXAMPLE.dek, cipher.WRAP_DEK, SCOPE, entropy(EXAMPLE.key_nonce))
    assert wrapped == gcm(EXAMPLE.epoch_key, EXAMPLE.key_nonce, EXAMPLE.dek, frame(b"sealproof/1/wrap", *SCOPE))
    assert cipher.unwrap(EXAMPLE.epoch_key, wrapped, cipher.WRAP_DEK, SCOPE) == EXAMPLE.dek
    for label, scope in ((cipher.WRAP_EPOCH, SCOPE), (cipher.WRAP_DEK, (*SCOPE[:2], b"11"))):
        with pytest.raises(InvalidTag):
            cipher.unwrap(EXAMPLE.epoch_key, wrapped, label, scope)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_padding_comes_off(value: bytes) -> None:
    padded = cipher.pad(value)
    assert padded == pad(value)
    assert len(padded) % 32 == 0
    assert len(padded) - (4 + len(value)) < 32
    assert padded[4 : cipher.unpadded_end(padded)] == value
    assert padded[4 : cipher.unpadded_end(bytearray(padded))] == value


@pytest.mark.parametrize(
    "padded",
    [
        b"",
        b"\0",
        bytes(4)[:3],
        bytes(64),
        pad(b"v") + bytes(32),
        pad(b"v")[:-1] + b"\1",
        b"\0\0\0\1v\1" + bytes(26),
        b"\0\0\0\x1d" + b"v" * 28,
        b"\xff\xff\xff\xff" + bytes(28),
        b"\0\0\0\0v" + bytes(27),
        pad(b"v" * 40)[:32],
        (65537).to_bytes(4, "big") + b"v" * 65537 + bytes(27),
        (65564).to_bytes(4, "big") + b"v" * 65564,
    ],
)
def test_other_padding_is_refused(padded: bytes) -> None:
    with pytest.raises(ValueError, match="padding"):
        cipher.unpadded_end(padded)


def test_there_is_one_padding_a_value() -> None:
    """Every length field over every 64-byte text of zeros but for one byte: what is accepted is what `pad` makes."""
    source = random.Random(20)
    for length in [*range(70), 2**31, 2**32 - 1]:
        body = bytearray(60)
        body[source.randrange(60)] = 1
        for text in (body[:28], body, bytes(28), bytes(60)):
            padded = length.to_bytes(4, "big") + text
            try:
                end = cipher.unpadded_end(padded)
            except ValueError:
                continue
            assert cipher.pad(bytes(padded[4:end])) == padded
