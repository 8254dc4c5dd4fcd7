"""Values that stand in for a value."""

from __future__ import annotations

import secrets
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.checks.placeholders import is_placeholder, is_shipped_default, reference

FILLED_IN = (
    "changeme", "ChangeMe123!", "change-me-please", "CHANGE_THIS", "replace_me", "xxx", "XXXX-XXXX",
    "sk_live_xxxxxxxxxxxx", "<your-token>", "<>", "${DB_PASSWORD}", "$DB_PASSWORD", "$(pass show db)",
    "{{ vault_db_password }}", "%DB_PASSWORD%", "@@TOKEN@@", "__TOKEN__", "[redacted]", "your-api-key-here",
    "your_stripe_key", "YOUR SECRET KEY", "put-the-token-here", "example", "AKIAIOSFODNN7EXAMPLE", "test",
    "test1234", "testpassword", "dummy", "my-dummy-token", "lorem ipsum dolor", "placeholder", "FIXME", "to-do",
    "none", "undefined", "********", "sk-abc...", "aaaaaaaaaaaaaaaa", "0000000000000000", "django-insecure-k2j9",
    "my_secret_token", "secret", "Password1!",
)  # fmt: skip
DRAWN = (
    "sk_test_4eC39HqLyjWDarjtZdp7", "attested-9f3bq7LkZ2", "contestant-Tq8vN2mZ", "3f9a-4c1d-88e2-77b0",
    "48c93910c8281093", "${PREFIX}-9f3bq7LkZ2vTq8", "<9f3bq7LkZ2", "4839201748392017", "Dr0wn-latest-Quay7",
    "correcthorsebatterystaple9",
)  # fmt: skip


@pytest.mark.parametrize("value", FILLED_IN)
def test_a_text_to_be_filled_in_is_a_placeholder(value):
    assert is_placeholder(value)
    assert is_placeholder(f"  {value}\n")


@pytest.mark.parametrize("value", [*DRAWN, "", " "])
def test_a_value_of_its_own_is_none(value):
    assert not is_placeholder(value)


SHIPPED = ("postgres", "Admin", "admin123", "guest", "redis", "minioadmin", "P@ssw0rd", "qwerty2024!", "keyboard cat")


@pytest.mark.parametrize("value", SHIPPED)
def test_a_password_that_products_ship_with_is_known(value):
    assert is_shipped_default(value)


@pytest.mark.parametrize("value", [*DRAWN, "", "redistribute", "postgrest-9f3bq7"])
def test_other_values_are_no_shipped_default(value):
    assert not is_shipped_default(value)


ALPHABETS = (string.ascii_letters + string.digits + "-_", string.hexdigits[:16], string.digits)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ALPHABETS), st.integers(16, 64))
def test_a_drawn_value_is_neither(alphabet, length):
    value = "".join(secrets.choice(alphabet) for _ in range(length))
    assert not is_placeholder(value)
    assert not is_shipped_default(value)


@settings(deadline=1000)
@given(st.text())
def test_any_text_can_be_judged(value):
    is_placeholder(value)
    is_shipped_default(value)


@settings(max_examples=20, deadline=1000)
@given(st.sampled_from(("pass", "test", "in", "xx", "-", "12", "<", "your-", "${", "put-")), st.integers(1, 60_000))
def test_a_long_row_of_filler_is_judged_in_time(word, length):
    is_placeholder((word * length)[:length] + "q")


@pytest.mark.parametrize(("value", "name"), [("${DB_PASSWORD}", "DB_PASSWORD"), ("${A}x", ""), ("$A", ""), ("", "")])
def test_a_reference_names_what_it_refers_to(value, name):
    assert reference(value) == name
