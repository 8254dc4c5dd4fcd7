"""Every primitive in use against the published sets: full agreement, disagreements listed by number."""

from __future__ import annotations

import hmac
import json
import re

import cryptography_vectors
import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealproof.checks.attacks._vectors import KNOWN, bad_signatures, spoilt
from sealproof.checks.attacks.adapters._surroundings import primitives
from sealproof.envelope import cipher
from sealproof.rotation import jwk
from sealproof.signing import SigningKey, sha256, verifies

PRIMITIVES = primitives()


def _text(*names):
    with cryptography_vectors.open_vector_file("/".join(names), "r") as file:
        return file.read()


def _cases(text, keys):
    """Yield the fields of each case: `Key = value` lines, a case beginning with the first of `keys`."""
    case = {}
    for line in text.splitlines():
        found = re.match(r"\s*(\w+)\s*[=:]\s*(\S*)\s*$", line)
        if line.strip() == "FAIL":
            case["FAIL"] = ""
        if not found:
            continue
        if found[1] == keys[0] and case:
            yield case
            case = {}
        case[found[1]] = found[2]
    if case:
        yield case


def _sections(text):
    """Yield each NIST case with the parameters of the section that it stands in."""
    section = {}
    case = {}
    for line in text.splitlines():
        head = re.match(r"\[(\w+) = (\d+)\]", line)
        field = re.match(r"(\w+) = ?(\S*)$", line)
        if head:
            if case:
                yield section, case
                case = {}
            section = {**section, head[1]: int(head[2])}
        elif line.strip() == "FAIL":
            case["FAIL"] = ""
        elif field:
            if field[1] == "Count" and case:
                yield section, case
                case = {}
            case[field[1]] = field[2]
    if case:
        yield section, case


def test_aes_256_gcm_opens_and_refuses_as_nist_says():
    disagreements, opened, refused = [], 0, 0
    for section, case in _sections(_text("ciphers", "AES", "GCM", "gcmDecrypt256.rsp")):
        if section["IVlen"] != 96 or section["Taglen"] != 128:
            continue
        key, nonce, sealed, aad, tag = (bytes.fromhex(case[name]) for name in ("Key", "IV", "CT", "AAD", "Tag"))
        try:
            plain = PRIMITIVES["aes-256-gcm-open"](key, nonce, sealed + tag, aad)
        except InvalidTag:
            plain = None
        expected = None if "FAIL" in case else bytes.fromhex(case["PT"])
        opened, refused = opened + (expected is not None), refused + (expected is None)
        if plain != expected:
            disagreements.append((section, case["Count"]))
    assert disagreements == []
    assert opened > 100
    assert refused > 100


def test_hmac_sha256_agrees_with_rfc_4231():
    text = _text("HMAC", "rfc-4231-sha256.txt")
    cases = [case for case in _cases(text, ("Len",)) if {"Key", "Msg", "MD"} <= case.keys()]
    disagreements = [
        number
        for number, case in enumerate(cases)
        if cipher.mac(bytes.fromhex(case["Key"]), bytes.fromhex(case["Msg"])[: int(case["Len"]) // 8]).hex()
        != case["MD"]
    ]
    assert disagreements == []
    assert len(cases) >= 5


def test_hkdf_sha256_agrees_with_rfc_5869_without_salt():
    cases = [case for case in _cases(_text("KDF", "rfc-5869-HKDF-SHA256.txt"), ("COUNT",)) if not case.get("salt")]
    assert cases
    for case in cases:
        key, info = bytes.fromhex(case["IKM"]), bytes.fromhex(case.get("info", ""))
        assert cipher.hkdf(key, info).hex() == case["OKM"][:64]


def test_ed25519_signs_and_verifies_as_the_reference_does():
    disagreements, count = [], 0
    for number, line in enumerate(_text("asymmetric", "Ed25519", "sign.input").splitlines()):
        if number % 8:  # every eighth of 1,024: the rest would say the same and take ten seconds
            continue
        secret, public, message, signed = (bytes.fromhex(part) for part in line.split(":")[:4])
        signature, key = signed[:64], SigningKey(secret[:32])
        count += 1
        good = key.public == public and key.sign(message) == signature and verifies(public, signature, message)
        if not good or verifies(public, signature, message + b"x"):
            disagreements.append(number)
    assert disagreements == []
    assert count == 128


@pytest.mark.parametrize("file", ["SHA256ShortMsg.rsp", "SHA256LongMsg.rsp"])
def test_sha_256_agrees_with_nist(file):
    cases = list(_cases(_text("hashes", "SHA2", file), ("Len",)))
    assert len(cases) > 60
    for case in cases:
        assert sha256(bytes.fromhex(case["Msg"])[: int(case["Len"]) // 8]).hex() == case["MD"], case["Len"]


def test_pbkdf2_and_ours_agree_with_a_plain_reading_of_rfc_8018():
    secret, salt, rounds = b"a passphrase", bytes(16), 100
    block = total = hmac.digest(secret, salt + b"\0\0\0\1", "sha256")
    for _ in range(rounds - 1):
        block = hmac.digest(secret, block, "sha256")
        total = bytes(one ^ other for one, other in zip(total, block, strict=True))
    assert PRIMITIVES["pbkdf2-hmac-sha256"](secret, salt, rounds) == total


def test_x25519_agrees_with_rfc_7748():
    cases = list(_cases(_text("asymmetric", "X25519", "rfc7748.txt"), ("COUNT",)))
    assert cases
    for case in cases:
        scalar, point = bytes.fromhex(case["INPUT_SCALAR"]), bytes.fromhex(case["INPUT_U"])
        shared = X25519PrivateKey.from_private_bytes(scalar).exchange(X25519PublicKey.from_public_bytes(point))
        assert shared.hex() == case["OUTPUT_U"]


def _signatures(text, section, names):
    """Yield the cases of one section of a NIST signature file, with what stands above them, once a `Result` ends them.

    The names that a section sets once (`n`, and `e` for each case) stay until they are set again.
    """
    inside, case = False, {}
    for line in text.splitlines():
        head = re.match(r"\[(.+)\]", line)
        field = re.match(r"(\w+) = (.*)$", line)
        if head:
            inside, case = head[1] == section, {}
        elif inside and field:
            case[field[1]] = field[2]
            if field[1] == "Result":
                yield {name: case[name] for name in names} | {"good": case["Result"].startswith("P")}


def _number(text):
    return jwk._text(bytes.fromhex(text.zfill(len(text) + len(text) % 2)))


def test_es256_verifies_as_nist_says():
    text = _text("asymmetric", "ECDSA", "FIPS_186-3", "SigVer.rsp")
    cases = list(_signatures(text, "P-256,SHA-256", ("Msg", "Qx", "Qy", "R", "S")))
    assert {case["good"] for case in cases} == {True, False}
    for case in cases:
        key = {"kty": "EC", "crv": "P-256", "x": _number(case["Qx"]), "y": _number(case["Qy"])}
        tag = bytes.fromhex(case["R"].zfill(64) + case["S"].zfill(64))
        assert jwk._verifies(key, bytes.fromhex(case["Msg"]), tag) is case["good"]


@pytest.mark.parametrize("size", [2048, 3072])
def test_rs256_verifies_as_nist_says(size):
    text = _text("asymmetric", "RSA", "FIPS_186-2", "SigVer15_186-3.rsp")
    names = ("n", "e", "SHAAlg", "Msg", "S")
    cases = [case for case in _signatures(text, f"mod = {size}", names) if case["SHAAlg"] == "SHA256"]
    cases = [case for case in cases if int(case["e"], 16) > 65536]  # smaller ones the library refuses to load
    assert cases
    for case in cases:
        key = {"kty": "RSA", "n": _number(case["n"]), "e": _number(case["e"])}
        assert jwk._verifies(key, bytes.fromhex(case["Msg"]), bytes.fromhex(case["S"])) is case["good"]


def _extract(salt, label, keyed, suite):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + keyed, "sha256")


def _expand(key, label, info, size, suite):
    info = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    blocks, out = b"", b""
    for number in range(1, -(-size // 32) + 1):
        blocks = hmac.digest(key, blocks + info + bytes([number]), "sha256")
        out += blocks
    return out[:size]


def _hpke_open(private, enc, sealed, info, aad):
    """RFC 9180, 4.1 and 5.1: base mode, X25519, HKDF-SHA256, AES-256-GCM; written from the text, first message only."""
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
    key = X25519PrivateKey.from_private_bytes(private)
    shared = key.exchange(X25519PublicKey.from_public_bytes(enc))
    context = enc + key.public_key().public_bytes_raw()
    secret = _expand(_extract(b"", b"eae_prk", shared, kem), b"shared_secret", context, 32, kem)
    schedule = b"\0" + _extract(b"", b"psk_id_hash", b"", suite) + _extract(b"", b"info_hash", info, suite)
    base = _extract(secret, b"secret", b"", suite)
    aead = AESGCM(_expand(base, b"key", schedule, 32, suite))
    return aead.decrypt(_expand(base, b"base_nonce", schedule, 12, suite), sealed, aad)


def test_what_we_seal_for_readers_opens_as_rfc_9180_says():
    vectors = json.loads(_text("HPKE", "test-vectors.json"))
    ours = [v for v in vectors if (v["mode"], v["kem_id"], v["kdf_id"], v["aead_id"]) == (0, 0x20, 1, 2)]
    assert ours
    for vector in ours:  # the reading of the RFC is right ...
        first = {name: bytes.fromhex(text) for name, text in vector["encryptions"][0].items() if isinstance(text, str)}
        private, enc, info = (bytes.fromhex(vector[name]) for name in ("skRm", "enc", "info"))
        assert _hpke_open(private, enc, first["ct"], info, first["aad"]) == first["pt"]
    scope, dek = (b"acme", b"development", b"1"), bytes(range(32))
    for seed in range(16):  # ... and opens what the package seals
        private = bytes([seed + 1]) * 32
        public = cipher.reader_public(private)
        wrapped = cipher.wrap_for_reader(public, dek, scope)
        assert _hpke_open(private, wrapped[:32], wrapped[32:], cipher._reader_info(public, scope), b"") == dek
        assert cipher.unwrap_as_reader(private, wrapped, scope) == dek


@pytest.mark.parametrize("name", KNOWN)
def test_the_vectors_that_travel_with_the_package_are_right(name):
    known = KNOWN[name]
    answer = PRIMITIVES[name](*known.arguments)
    assert answer is not False
    assert known.answer is None or answer == known.answer
    for what, arguments in spoilt(name):
        assert not _accepts(PRIMITIVES[name], arguments), what


def _accepts(function, arguments):
    try:
        return function(*arguments) is not False
    except (InvalidTag, InvalidSignature, ValueError):
        return False


def test_bad_signatures_are_refused():
    assert [what for what, arguments in bad_signatures() if verifies(*arguments)] == []


def test_a_seal_of_ours_opens_with_the_bare_primitive():
    scope = (b"acme", b"development", b"1")
    dek = bytes(range(32))
    nonce, aad = bytes(12), cipher.entry_aad(cipher.entry_prefix(scope), "NAME", "1", "2")
    sealed = cipher.value_cipher(dek, scope).encrypt(nonce, cipher.pad(b"value"), aad)
    key = cipher.hkdf(dek, b"\0\0\0\x11sealproof/1/value\0\0\0\x04acme\0\0\0\x0bdevelopment\0\0\0\x011")
    assert AESGCM(key).decrypt(nonce, sealed, aad) == b"\0\0\0\x05value" + bytes(23)
