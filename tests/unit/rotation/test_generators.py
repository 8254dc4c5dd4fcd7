"""New values: strong, never quoted, and alike in everything that is not secret."""

from __future__ import annotations

import string
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import CallerError, ConfigurationError, InvalidValue
from sealproof.loader.secret import Secret
from sealproof.rotation.credential import is_url, login_of, with_login
from sealproof.rotation.generators import AlternatingLogin, Password, Token

URL = Secret("postgresql://app_a:old%2Fsecret@db.internal:5432/app?sslmode=verify-full")


def test_a_token_has_256_bits_and_is_never_the_same():
    drawn = {Token()(Secret("")).reveal() for _ in range(100)}
    assert len(drawn) == 100
    assert all(len(token) == 43 for token in drawn)


def test_a_password_has_every_class_and_needs_no_quoting_anywhere():
    for _ in range(200):
        password = Password(22)(Secret("")).reveal()
        assert len(password) == 22
        assert set(password) <= set(string.ascii_letters + string.digits + "-_.~")
        for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
            assert set(kind) & set(password)


@pytest.mark.parametrize("length", [0, 8, 21])
def test_a_short_password_is_refused(length):
    with pytest.raises(CallerError):
        Password(length)


def test_a_small_alphabet_is_refused():
    with pytest.raises(CallerError):
        Password(alphabet="abc123")


def test_a_password_in_a_url_leaves_the_rest_of_it_alone():
    renewed = Password()(URL).reveal()
    before, after = urlsplit(URL.reveal()), urlsplit(renewed)
    assert (after.username, after.hostname, after.port, after.path, after.query) == (
        before.username, before.hostname, before.port, before.path, before.query,
    )  # fmt: skip
    assert after.password != before.password


def test_logins_take_turns():
    generator = AlternatingLogin(("app_a", "app_b"))
    second = generator(URL)
    third = generator(second)
    assert [login_of(value).user for value in (URL, second, third)] == ["app_a", "app_b", "app_a"]


def test_a_stranger_has_no_turn():
    with pytest.raises(ConfigurationError, match="neither"):
        AlternatingLogin(("x", "y"))(URL)


@pytest.mark.parametrize("users", [("a",), ("a", "a"), ("a", "b", "c")])
def test_turns_need_two(users):
    with pytest.raises(ConfigurationError):
        AlternatingLogin(users)


def test_a_bare_password_is_a_login_without_a_user():
    login = login_of(Secret("just-a-password"))
    assert (login.user, login.password.reveal()) == ("", "just-a-password")
    assert with_login(Secret("just-a-password"), "", "another").reveal() == "another"


@pytest.mark.parametrize("text", ["postgresql://", "postgresql://host/db", "redis://user@host", "x://[bad:secret@y"])
def test_a_url_without_a_login_is_refused_and_not_quoted(text):
    with pytest.raises(InvalidValue) as caught:
        login_of(Secret(text))
    assert text not in str(caught.value)


@given(user=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), password=st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))  # fmt: skip
def test_any_login_survives_a_url(user, password):
    value = with_login(URL, user, password)
    assert is_url(value)
    login = login_of(value)
    assert (login.user, login.password.reveal()) == (user, password)
    assert unquote(urlsplit(value.reveal()).username) == user
