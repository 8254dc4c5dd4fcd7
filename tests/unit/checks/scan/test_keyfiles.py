from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from sealproof.checks.scan.keyfiles import find_keys
from sealproof.vault.custodian import Custodian

PEM = "a private key in PEM"


def kinds(data: bytes) -> list[str]:
    return [kind for _, kind in find_keys(data)]


@pytest.fixture(scope="module")
def exported() -> bytes:
    return (
        b'{"format":"sealproof-key/1","kind":"epoch","tenant":"acme","environment":"production","epoch":3,'
        b'"key":"' + base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=") + b'","writers":"AAAA"}\n'
    )


def test_every_key_file_of_a_store_is_known(store: Path):
    expected = {
        "master.key": "a sealproof master key",
        "tenant_keys/aurora.key": "a sealproof tenant key file",
        "signing/writer.key": PEM,
        "signing/report.key": PEM,
    }
    assert {name: kinds((store / "keys" / name).read_bytes()) for name in expected} == {
        name: [kind] for name, kind in expected.items()
    }
    assert kinds((store / "keys/signing/writer.pub").read_bytes()) == []


def test_a_key_that_a_host_was_given_is_known(store: Path):
    lines = Custodian(str(store)).keyring.key_lines("aurora", "development")
    assert kinds("".join(line.to_line() + "\n" for line in lines).encode()) == ["a sealproof key file"]


def test_a_key_file_is_known_in_the_disguises_of_deployment(exported: bytes):
    assert kinds(b"SEALPROOF_KEY='" + exported.strip() + b"'") == ["a sealproof key file"]
    assert kinds(json.dumps({"env": exported.decode()}).encode()) == ["a sealproof key file"]
    assert kinds(b"data:\n  key: " + base64.b64encode(exported)) == ["a sealproof key file in base64"]


def test_an_x25519_identity_is_known():
    line = f'{{"format":"sealproof-key/1","kind":"x25519","key":"{"A" * 43}","writers":"{"B" * 43}"}}'
    assert kinds(line.encode()) == ["a sealproof key file"]


@pytest.mark.parametrize(
    "made",
    [
        ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        ),
        rsa.generate_private_key(65537, 2048).private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"passphrase")
        ),
        ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
    ],
    ids=["pkcs8", "ec", "rsa-with-headers", "openssh"],
)
def test_a_private_key_in_pem_is_known_as_a_file_and_inside_a_string(made: bytes):
    assert kinds(made) == [PEM]
    assert kinds(json.dumps(made.decode()).encode()) == [PEM]
    assert kinds(b"key: |\n" + b"".join(b"    " + line + b"\n" for line in made.splitlines())) == [PEM]
    assert kinds(made.replace(b"\n", b"\r\n")) == [PEM]


def test_formats_of_ssh_programs_are_known():
    putty = b"PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n"
    ssh2 = b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment"
    assert kinds(putty) == kinds(ssh2) == ["a private key of an SSH program"]


@pytest.mark.parametrize(
    "text",
    [
        b'HEADER = "-----BEGIN RSA PRIVATE KEY-----"\nFOOTER = "-----END RSA PRIVATE KEY-----"',
        b"-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        b"'-----BEGIN PRIVATE KEY-----' + private_key_text_of_the_host + '-----END'",
        b'A key file begins with {"format":"sealproof-key/1" and holds a "key":"<43 characters>".',
        b'f\'{{"format":"sealproof-master/1","kind":"random","key":"{encode(self.key)}"}}\'',
        ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ],
)
def test_text_about_keys_is_no_key(text: bytes):
    assert kinds(text) == []
