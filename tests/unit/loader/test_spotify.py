"""`get_spotify_credentials()` and what counts as a redirect URI."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import InvalidName, InvalidRedirect, MissingSecrets, UnknownTenant
from sealproof.loader.spotify import check_redirect, get_spotify_credentials


def test_the_three_belong_together(host, values):
    found = asyncio.run(get_spotify_credentials("acme", root=host))
    assert found.client_id == values["SPOTIFY_CLIENT_ID"]
    assert found.client_secret.reveal() == values["SPOTIFY_CLIENT_SECRET"]
    assert found.redirect_uri == values["SPOTIFY_REDIRECT_URI"]


def test_the_environment_plays_no_part(host, monkeypatch):
    monkeypatch.setenv("SPOTIFY_CLIENT_ID", "from outside")
    before = dict(os.environ)
    assert asyncio.run(get_spotify_credentials("acme", root=host)).client_id != "from outside"
    assert dict(os.environ) == before


def test_no_view_shows_the_secret(host, values):
    found = asyncio.run(get_spotify_credentials("acme", root=host))
    assert values["SPOTIFY_CLIENT_SECRET"] not in repr(found) + str(found) + f"{found}"
    for refused in (pickle.dumps, copy.deepcopy, vars):
        with pytest.raises(TypeError) as error:
            refused(found)
        assert values["SPOTIFY_CLIENT_SECRET"] not in str(error.value)


@pytest.mark.parametrize("name", ["SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET", "SPOTIFY_REDIRECT_URI"])
@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_a_missing_name_is_named(name, how, custodian, store):
    if how == "removed":
        custodian.remove("acme", "development", name)
    else:
        custodian.seal("acme", "development", {name: b""})
    with pytest.raises(MissingSecrets) as refused:
        asyncio.run(get_spotify_credentials("acme", root=store))
    assert refused.value.names == (name,)
    assert refused.value.hint == f"sealproof set acme {name} --environment development"


def test_all_missing_names_are_named_at_once(store):
    with pytest.raises(MissingSecrets) as refused:
        asyncio.run(get_spotify_credentials("acme", environment="production", root=store))
    assert len(refused.value.names) == 3
    assert refused.value.hint.endswith("--environment production")


def test_a_wrong_redirect_is_refused_without_being_quoted(custodian, store):
    custodian.seal("acme", "development", {"SPOTIFY_REDIRECT_URI": b"http://evil.example/cb"})
    with pytest.raises(InvalidRedirect) as refused:
        asyncio.run(get_spotify_credentials("acme", root=store))
    assert refused.value.names == ("SPOTIFY_REDIRECT_URI",)
    assert "evil.example" not in str(refused.value)


def test_wrong_calls_are_typed(host):
    with pytest.raises(UnknownTenant):
        asyncio.run(get_spotify_credentials("nobody", root=host))
    with pytest.raises(InvalidName):
        asyncio.run(get_spotify_credentials("../acme", root=host))


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/callback", "https://app.example", "https://app.example:8443/cb?x=1&y=%20",
        "HTTPS://APP.example/cb", "http://127.0.0.1:8888/callback", "http://127.0.0.1/", "http://[::1]:8888/callback",
        "https://[2001:db8::1]/cb", "https://localhost/cb",
    ],
)  # fmt: skip
def test_accepted(uri):
    assert check_redirect(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "", "callback", "/callback", "https:", "https://", "https:///cb", "https:app.example", "ftp://app.example/cb",
        "javascript:alert(1)", "http://app.example/cb", "http://localhost:8888/cb", "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1@evil.example/cb", "http://2130706433/cb", "http://0x7f.1/cb", "http://[::ffff:127.0.0.1]/cb",
        "https://user@app.example/cb", "https://user:word@app.example/cb", "https://:word@app.example/cb",
        "https://@app.example/cb", "https://app.example/cb#part", "https://app.example/cb#",
        "https://app.example:0/cb", "https://app.example:65536/cb", "https://app.example:port/cb", "https://[::1",
        "https://app.example/c b", " https://app.example/cb", "https://app.example/cb\n", "https://app.example\\cb",
        "https://äpp.example/cb", "https://app.example/<cb>", 'https://app.example/"', "https://app.example/{cb}",
        "https://app\t.example/cb", "https://app.example/\0",
    ],
)  # fmt: skip
def test_refused(uri):
    with pytest.raises(InvalidRedirect):
        check_redirect(uri)


@given(st.text())
def test_any_text_is_accepted_or_refused_and_nothing_else_happens(text):
    for uri in (text, f"https://{text}", f"http://127.0.0.1{text}", f"https://app.example/{text}"):
        try:
            accepted = check_redirect(uri)
        except InvalidRedirect as error:
            assert not text or len(text) < 4 or text not in error.message  # noqa: PT017 - what is not said is the point
        else:
            assert accepted == uri
            assert uri.isascii()
            assert uri.isprintable()
            assert "#" not in uri
            assert " " not in uri


@given(st.from_regex(r"[a-z0-9]{1,20}(\.[a-z]{2,6}){1,3}", fullmatch=True), st.integers(1, 65535))
def test_plain_http_is_for_loopback_only(host_name, port):
    assert check_redirect(f"https://{host_name}:{port}/cb")
    with pytest.raises(InvalidRedirect):
        check_redirect(f"http://{host_name}:{port}/cb")
