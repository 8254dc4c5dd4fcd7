"""The short way and the public way lead to the same objects; a release nobody compared gets the public one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC

from sealproof import primitives

_OPENS_ONE_FILE = """
import sys, cryptography
cryptography.__version__ = sys.argv[1]
from sealproof import primitives
from sealproof.envelope import open, seal
from sealproof.envelope.freshness import Freshness
from sealproof.envelope.keyfile import KeyLine
from sealproof.signing import SigningKey
writer, epoch = SigningKey(bytes(32)), seal.EpochKey("acme", "production", 1, bytes(range(32)))
data = seal.create(epoch, {"NAME": seal.SealedValue(b"value", 1, 1)}, writer=writer, now=1)
line = KeyLine("epoch", epoch.key, (writer.public,), "acme", "production", 1)
asked = {"tenant": "acme", "environment": "production", "keys": (line,), "freshness": Freshness(now=1)}
assert open.open_values(data, **asked) == {"NAME": b"value"}
print("cryptography.hazmat.primitives.ciphers.aead" in sys.modules)
"""


def test_both_ways_lead_to_the_same_objects():
    assert primitives.AESGCM is AESGCM
    assert primitives.HMAC is HMAC
    seed = os.urandom(32)
    private, public = primitives.ed25519_private(seed), Ed25519PrivateKey.from_private_bytes(seed).public_key()
    assert type(private) is type(Ed25519PrivateKey.from_private_bytes(seed))
    raw = public.public_bytes_raw()
    assert primitives.ed25519_public(raw) == Ed25519PublicKey.from_public_bytes(raw) == private.public_key()


@pytest.mark.parametrize("release", ["47.0.0", "50.0.2", "50.1.0.dev1"])
def test_a_compared_release_takes_the_short_way(release):
    assert primitives.is_compared(release)


@pytest.mark.parametrize("release", ["", "4", "46.0.3", "5.0", "51.0.0", "470.0", "50rc1"])
def test_any_other_release_takes_the_public_way(release):
    assert not primitives.is_compared(release)


@pytest.mark.parametrize(("release", "public"), [("50.0.2", "False"), ("999.0.0", "True")], ids=["short", "public"])
def test_a_file_seals_and_opens_either_way(release, public):
    answer = subprocess.run(
        [sys.executable, "-c", _OPENS_ONE_FILE, release], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == public


def test_a_release_that_renames_what_is_private_still_starts(monkeypatch):
    monkeypatch.delattr(openssl, "hmac")
    assert primitives._short_way() is None
