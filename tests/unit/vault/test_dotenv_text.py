"""Plain dotenv text: read as python-dotenv reads it, all of it or nothing, and written so that it reads back."""

from __future__ import annotations

from io import StringIO

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.envelope.grammar import is_name
from sealproof.errors import InvalidDotenv, LimitExceeded
from sealproof.vault import dotenv_text
from sealproof.vault.dotenv_text import DOTENV_MAX, read_dotenv, write_dotenv


def read(text):
    return read_dotenv(text if isinstance(text, bytes) else text.encode(), path="plain.env")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("\n# comment\n\n", {}),
        ("A=1\n", {"A": b"1"}),
        ("A=1", {"A": b"1"}),
        ("export A=1\n", {"A": b"1"}),
        ("A = spaced \n", {"A": b"spaced"}),
        ("A=\n", {"A": b""}),
        ("A=a # comment\n", {"A": b"a"}),
        ("A=a#b\n", {"A": b"a#b"}),
        ("A='single $HOME ${B}'\n", {"A": b"single $HOME ${B}"}),
        ('A="double \\n \\" \\t"\n', {"A": b'double \n " \t'}),
        ('A="two\nlines"\nB=2\n', {"A": b"two\nlines", "B": b"2"}),
        ("A=1\r\nB=2\r\n", {"A": b"1", "B": b"2"}),
        ("\ufeffA=1\n", {"A": b"1"}),
        ("A=snö\n", {"A": "snö".encode()}),
        ("a=lower\n", {"a": b"lower"}),
    ],
)
def test_text_means_what_python_dotenv_reads(text, values):
    assert read(text).values == values
    plain = dotenv_values(stream=StringIO(text.removeprefix("\ufeff")), interpolate=False)
    assert {name: value.encode() for name, value in plain.items() if value is not None} == values


def test_what_is_ambiguous_is_noted():
    found = read("A=1\nB=${A}\nA=2\nC\nD=${X}\nD=plain\nE=1\nE\n")
    assert found.values == {"A": b"2", "B": b"${A}", "D": b"plain"}
    assert list(found.duplicates) == ["A", "D", "E"]
    assert list(found.expansions) == ["B"]
    assert list(found.bare) == ["C", "E"]
    assert repr(found) == "DotenvText(3 values)"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\nno dotenv line\n", 2),
        ('A=1\n\n\nB="open\n', 4),
        ("A=1\r\n\r\nB='a' b\r\n", 3),
        ("=1\n", 1),
        ("A=1\n9A=1\n", 2),
        ("A-B=1\n", 1),
        ("A.pending=1\n", 1),
        ("'A B'=1\n", 1),
        ("A=1\n" * 9 + "!\n", 10),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_nothing_is_taken(text, line):
    with pytest.raises(InvalidDotenv, match=rf"plain\.env: line {line} ") as caught:
        read(text)
    assert caught.value.hint


def test_a_line_is_never_quoted():
    for text in ("A=1\nhunter2 is the password\n", 'A="hunter2\n', "hunter2-A=1\n", b"A=hunter2\xff\n"):
        with pytest.raises(InvalidDotenv) as caught:
            read(text)
        assert "hunter2" not in caught.value.message + caught.value.hint
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


def test_the_first_byte_that_is_no_text_is_named():
    with pytest.raises(InvalidDotenv, match=r"not UTF-8 text \(byte 7\)"):
        read(b"A=1\nB=2\xff\n")


def test_the_limit_is_the_documented_one():
    assert read(b"#" * DOTENV_MAX).values == {}
    with pytest.raises(LimitExceeded, match="limit for a dotenv file"):
        read(b"#" * (DOTENV_MAX + 1))


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain", "A=plain"),
        ("a/b:c@d%e+f=g,h?i&j", "A=a/b:c@d%e+f=g,h?i&j"),
        ("", "A=''"),
        ("two words", "A='two words'"),
        ("${HOME}", "A='${HOME}'"),
        ("it's", 'A="it\'s"'),
        ("back\\slash", 'A="back\\\\slash"'),
        ('"both\'"', 'A="\\"both\'\\""'),
        ("carriage\r", 'A="carriage\\r"'),
        ("snö", "A='snö'"),
    ],
)
def test_values_are_written_as_plainly_as_can_be(value, line):
    assert write_dotenv({"A": value}) == line + "\n"


_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
_VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30)


@settings(deadline=None)
@given(st.dictionaries(_NAMES, _VALUES, max_size=4))
def test_whatever_is_written_reads_back(values):
    try:
        text = write_dotenv(values)
    except InvalidDotenv as error:
        assert "would not read back" in error.message  # noqa: PT017 - refused is right, wrong is not
        return
    assert read(text).values == {name: value.encode() for name, value in values.items()}


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("A=1'\" \n\r#${}\\x", max_size=60))
def test_any_text_is_read_whole_or_refused(text):
    try:
        found = read(text.encode(errors="surrogatepass"))
    except InvalidDotenv:
        return
    assert all(is_name(name) for name in found.values)


def test_a_value_that_would_read_back_differently_is_refused(monkeypatch):
    monkeypatch.setattr(dotenv_text, "_quoted", lambda value: value)
    with pytest.raises(InvalidDotenv, match="would not read back") as caught:
        write_dotenv({"A": "hunter2 # really"})
    assert "hunter2" not in caught.value.message
