"""What is worth nothing as a master is refused before it protects anything."""

from __future__ import annotations

import os
import secrets

import pytest

from sealproof.errors import WeakKey
from sealproof.vault.keys.strength import PASSPHRASE_BITS, check_passphrase, entropy_bits, is_weak_key


@pytest.mark.parametrize(
    "passphrase",
    [
        "", "changeme", "ChangeMe ", "password123", "MASTER_SECRET_KEY", "your-256-bit-secret",
        "correct horse battery staple", "a" * 200, "abab" * 50, "short but odd 7!", "2026-11-24",
    ],
)  # fmt: skip
def test_weak_passphrases_are_refused_without_being_quoted(passphrase):
    with pytest.raises(WeakKey) as caught:
        check_passphrase(passphrase)
    assert caught.value.names == ("MASTER_SECRET_KEY",)
    assert caught.value.message.startswith("MASTER_SECRET_KEY ")
    assert not passphrase or passphrase not in caught.value.message.removeprefix("MASTER_SECRET_KEY ")


def test_drawn_passphrases_are_taken_as_they_are():
    for size in (24, 32, 48):
        drawn = secrets.token_urlsafe(size)
        assert check_passphrase(drawn) == drawn


def test_a_long_passphrase_may_hold_a_common_word():
    phrase = "the secret of vBq7 lies 14 fathoms below Kirkwall, in the wreck of the Anne"
    assert check_passphrase(phrase) == phrase


@pytest.mark.parametrize(("text", "bits"), [("", 0), ("aaaa", 0), ("abab", 2), ("abcd", 8), ("0123456789abcdef", 64)])
def test_entropy_is_that_of_the_symbols(text, bits):
    assert entropy_bits(text) == bits
    assert PASSPHRASE_BITS == 70


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (bytes(32), "constant"),
        (b"\xff" * 16 + b"\0" * 16, "constant"),
        (b"0123456789abcdef0123456789abcdef", "printable"),
        (bytes.fromhex("00ff10ef") * 8, "repeated"),
        (bytes.fromhex("d638bc00b75b283e7989fb637b8673d0") * 2, "repeated"),
        (bytes(range(100, 132)), "printable|counted"),
        (bytes(range(32)), "counted"),
        (bytes(range(64, 0, -2)), "counted|printable"),
    ],
)
def test_weak_key_material_is_told_in_words(key, why):
    assert any(word in is_weak_key(key) for word in why.split("|"))


def test_drawn_key_material_is_not():
    assert {is_weak_key(os.urandom(32)) for _ in range(500)} == {""}
