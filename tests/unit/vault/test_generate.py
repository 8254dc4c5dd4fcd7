"""New values are drawn from the system's random source, and carry what they claim."""

from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest

from sealproof import generate_secure_key
from sealproof.errors import CallerError


@pytest.mark.parametrize("bits", [128, 192, 256, 512])
def test_a_key_carries_its_bits_and_needs_no_quoting(bits):
    key = generate_secure_key(bits)
    assert len(urlsafe_b64decode(key + "=" * (-len(key) % 4))) * 8 == bits
    assert all(char.isalnum() or char in "-_" for char in key)


def test_keys_differ():
    assert len({generate_secure_key() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("bits", [0, -8, 120, 127, 129, 255])
def test_what_is_no_strength_is_refused(bits):
    with pytest.raises(CallerError, match="no strength for a key"):
        generate_secure_key(bits)
