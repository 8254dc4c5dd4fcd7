"""JSON Web Keys: drawn, published, signed with and verified."""

from __future__ import annotations

import json

import pytest

from sealproof.errors import ConfigurationError, InvalidValue
from sealproof.loader.secret import Secret
from sealproof.rotation import jwk

PRIVATE = {"d", "p", "q", "dp", "dq", "qi"}


@pytest.mark.parametrize("algorithm", jwk.ALGORITHMS)
def test_a_token_verifies_against_the_published_half_only(algorithm):
    key, other = (jwk.SigningJwk(algorithm)(Secret("")) for _ in range(2))
    token = jwk.sign(key, {"sub": "someone"})
    assert jwk.verify(token, [jwk.public_half(other), jwk.public_half(key)])
    assert not jwk.verify(token, [jwk.public_half(other)])
    assert not jwk.verify(token, [{**jwk.public_half(other), "kid": jwk.key_id(key)}])
    head, claims, tag = token.split(".")
    assert not jwk.verify(f"{head}.{claims[:-1]}A.{tag}", [jwk.public_half(key)])


@pytest.mark.parametrize("algorithm", jwk.ALGORITHMS)
def test_the_public_half_has_nothing_private(algorithm):
    key = jwk.SigningJwk(algorithm)(Secret(""))
    assert not PRIVATE & jwk.public_half(key).keys()
    assert "\n" not in key.reveal()


def test_the_thumbprint_is_that_of_the_rfc():
    """RFC 7638, 3.1: the example key and its thumbprint."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )  # fmt: skip
    assert jwk.thumbprint({"kty": "RSA", "n": modulus, "e": "AQAB"}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_an_unknown_algorithm_is_refused():
    with pytest.raises(ConfigurationError):
        jwk.SigningJwk("none")


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"kty":"OKP"}', json.dumps({"kty": "oct", "k": "x"})])
def test_what_is_no_private_key_is_refused_and_not_quoted(text):
    with pytest.raises(InvalidValue) as caught:
        jwk.public_half(Secret(text))
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "e30.e30.e30"])
def test_what_is_no_token_does_not_verify(token):
    assert not jwk.verify(token, [jwk.public_half(jwk.SigningJwk()(Secret("")))])
