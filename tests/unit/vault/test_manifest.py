"""`manifest.toml`: each secret's entry, read strictly, added to and taken from without touching a byte of the rest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.errors import ConfigurationError
from sealproof.vault import manifest
from sealproof.vault.manifest import SecretClass, appended, classify, parse, rotation_limit, without

WHOLE = b"""\
# Ours.
[tenant]
regions = ["eu"]

[DB_PASSWORD]
owner = "platform"  # who
class = "password"
purpose = "orders"
rotation = 30
expires = 2027-01-31

[LOG_LEVEL]
owner = "platform"
class = "config"
purpose = "logs"
rotation = "none"
reason = "no secret"
expires = "never"
"""


def entries(text):
    return parse(text if isinstance(text, bytes) else text.encode(), path="manifest.toml")


def test_entries_are_read():
    read = entries(WHOLE)
    assert list(read) == ["DB_PASSWORD", "LOG_LEVEL"]
    first, second = read.values()
    assert (first.owner, first.kind, first.rotation, first.expires) == (
        "platform",
        SecretClass.PASSWORD,
        30,
        "2027-01-31",
    )
    assert (second.kind, second.rotation, second.reason, second.expires) == (
        SecretClass.CONFIG,
        0,
        "no secret",
        "never",
    )
    assert first.gaps() == second.gaps() == ()


@pytest.mark.parametrize(
    ("fields", "gaps"),
    [
        ("", ("owner", "purpose", "expires", "class", "rotation")),
        ('owner = " "\nclass = "key"\npurpose = "x"\nrotation = 1\nexpires = "never"', ("owner",)),
        (
            'owner = "x"\nclass = "key"\npurpose = "x"\nrotation = "none"\nexpires = "never"',
            ("reason (rotation is none)",),
        ),
    ],
)
def test_what_is_missing_is_named(fields, gaps):
    assert entries(f"[A]\n{fields}\n")["A"].gaps() == gaps


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[A\n", "is no TOML"),
        (b"\xff", "is no TOML"),
        ("x = " + "9" * 5000, "is no TOML"),
        ("x = " + "[" * 5000, "is no TOML"),
        ("A = 1\n", "'A' is no table named after a secret"),
        ('["A B"]\n', "'A B' is no table named after a secret"),
        ("[A]\nowned = 1\n", "A.owned cannot be read"),
        ("[A]\nowner = 1\n", "A.owner cannot be read"),
        ('[A]\nclass = "pasword"\n', "A.class cannot be read"),
        ("[A]\nclass = 1\n", "A.class cannot be read"),
        ("[A]\nrotation = 0\n", "A.rotation cannot be read"),
        ("[A]\nrotation = true\n", "A.rotation cannot be read"),
        ('[A]\nrotation = "90"\n', "A.rotation cannot be read"),
        ("[A]\nexpires = 2027-01-31T00:00:00\n", "A.expires cannot be read"),
        ('[A]\nexpires = "31.1.2027"\n', "A.expires cannot be read"),
        ("[A]\nexpires = 2027\n", "A.expires cannot be read"),
    ],
)
def test_what_is_wrong_is_named(text, said):
    with pytest.raises(ConfigurationError, match=said.replace("(", r"\(")) as caught:
        entries(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DB_PASSWORD", SecretClass.PASSWORD),
        ("SMTP_PASS", SecretClass.PASSWORD),
        ("GITHUB_TOKEN", SecretClass.TOKEN),
        ("TOKEN_TTL", SecretClass.CONFIG),
        ("JWT_SECRET_KEY", SecretClass.KEY),
        ("SPOTIFY_CLIENT_SECRET", SecretClass.KEY),
        ("SPOTIFY_CLIENT_ID", SecretClass.CONFIG),
        ("SPOTIFY_REDIRECT_URI", SecretClass.CONFIG),
        ("SIGNING_KEY_PATH", SecretClass.CONFIG),
        ("DATABASE_URL", SecretClass.CONNECTION),
        ("SENTRY_DSN", SecretClass.CONNECTION),
        ("LOG_LEVEL", SecretClass.CONFIG),
        ("POSTGRES_PORT", SecretClass.CONFIG),
        ("FROBNICATOR", SecretClass.TOKEN),
    ],
)
def test_a_name_suggests_a_class_and_what_is_unknown_the_strict_one(name, kind):
    assert classify(name) is kind


def test_what_stands_is_kept_byte_for_byte():
    text, classes = appended(WHOLE, ["NEW_TOKEN"], owner='the "A" team', purpose="x\\y\n", rotation_days=90)
    assert text.startswith(WHOLE)
    assert classes == {"NEW_TOKEN": SecretClass.TOKEN}
    added = entries(text)["NEW_TOKEN"]
    assert (added.owner, added.purpose, added.rotation) == ('the "A" team', "x\\y", 90)
    assert entries(text) == entries(WHOLE) | {"NEW_TOKEN": added}
    assert appended(WHOLE, [], owner="", purpose="", rotation_days=1) == (WHOLE, {})


def test_a_text_without_a_line_feed_at_its_end_is_not_glued_on():
    assert entries(appended(b"[A]", ["B"], owner="o", purpose="p", rotation_days=1)[0]).keys() == {"A", "B"}


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_owner_and_purpose_make_toml_that_reads_back(owner, purpose):
    text, _ = appended(b"", ["A_TOKEN"], owner=owner, purpose=purpose, rotation_days=90)
    read = entries(text)["A_TOKEN"]
    assert (read.owner, read.purpose) == (owner.strip(), purpose.strip())


def test_an_owner_that_is_no_text_is_written_all_the_same():
    text, _ = appended(b"", ["A"], owner="caf\udce9 \U0001f511\x85", purpose="p", rotation_days=1)
    assert entries(text)["A"].owner == "caf\N{REPLACEMENT CHARACTER} \U0001f511"


def test_a_table_goes_and_everything_else_stays_byte_for_byte():
    assert without(WHOLE, ["DB_PASSWORD"]) == WHOLE[: WHOLE.index(b"[DB_")] + WHOLE[WHOLE.index(b"[LOG_") :]
    assert without(WHOLE, ["LOG_LEVEL"]) == WHOLE[: WHOLE.index(b"[LOG_")]
    assert without(WHOLE, ["NOPE"]) == WHOLE


def test_a_comment_belongs_to_what_follows():
    text = b'[A]\nowner = "a"\n# inside\nclass = "key"\n\n# about B\n\n[B]\n'
    assert without(text, ["A"]) == b"# about B\n\n[B]\n"
    assert without(b"[A]\nx = 1\n# the end\n", ["A"]) == b"# the end\n"


def test_the_stricter_of_two_ages_counts():
    limits = {SecretClass.PASSWORD: 90, SecretClass.TOKEN: 60}
    entry = entries('[A]\nclass = "password"\nrotation = 30\n[B]\nclass = "password"\nrotation = 365\n[C]\n')
    assert [rotation_limit(entry[name], limits) for name in "ABC"] == [30, 90, 60]
    assert manifest.FILE_NAME == "manifest.toml"
