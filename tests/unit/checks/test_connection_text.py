"""The credentials inside a connection string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.checks.connection_text import credentials


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("postgresql://app:s3%2Fcr@db:5432/x", ("app", "s3/cr")),
        ("redis://:only-a-password@cache:6379/0", ("", "only-a-password")),
        ("amqp://guest:gu@est@mq/vhost", ("guest", "gu@est")),
        ("mongodb+srv://a:b@h1,h2/db?retryWrites=true", ("a", "b")),
        ("redis://localhost:6379/0", ("", "")),
        ("https://hooks.internal/T0/B1?email=a@b.example", ("", "")),
        ("postgresql://app@db/x?password=in-the-query", ("app", "in-the-query")),
        ("host=db user=app password='two words' dbname=x", ("app", "two words")),
        ("Server=db;User Id=sa;Password=Str0ng;Encrypt=true", ("sa", "Str0ng")),
        ('dsn password="quoted"', ("", "quoted")),
        ("", ("", "")),
    ],
)
def test_user_and_password_are_found(text, found):
    assert tuple(credentials(text)) == found


def test_nothing_prints_them():
    assert "hidden" not in repr(credentials("postgresql://app:hidden@db"))


@given(st.text())
def test_any_text_can_be_read(text):
    credentials(text)
