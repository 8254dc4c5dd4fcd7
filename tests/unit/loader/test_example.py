"""Names that a tenant must have, read from a `.env.example`."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from sealproof.errors import InvalidDotenv
from sealproof.loader.example import required_names


def names(text: str | bytes) -> tuple[str, ...]:
    return required_names(text.encode() if isinstance(text, str) else text, path="x/.env.example")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("\n\n# nothing\n   # indented\n", ()),
        ("A=\nB=1\nC\n", ("A", "B", "C")),
        ("A=1", ("A",)),
        ("export A=1\nexport\tB=2\nexport  C\n", ("A", "B", "C")),
        ("  A = 1 \n\tB\t=\t2\n", ("A", "B")),
        ("A # a comment\nB=1 # another = sign\n", ("A", "B")),
        ("B=1\nA=1\nB=2\n", ("B", "A")),
        ("A='x'\nB=\"y\"\nC='it''s'\n", ("A", "B", "C")),
        ("A=1\r\nB=2\r\n", ("A", "B")),
        ("A=1\rB=2\r", ("A", "B")),
        ("\ufeffA=1\n", ("A",)),
        ("# a separator \u2028 in a comment\nA=1\n", ("A",)),
        ("# form feed \f and \x1c in a comment\nA=1\n", ("A",)),
        ("export=1\n", ("export",)),
        ("_A1=\n", ("_A1",)),
    ],
)
def test_read(text, expected):
    assert names(text) == expected


def test_names_that_steer_sealproof_are_ignored():
    assert names("MASTER_SECRET_KEY=x\nDB=1\nSEALPROOF_ROOT=y\nROTATION_INTERVAL_DAYS=90\nLOG_LEVEL=INFO\n") == (
        "DB",
        "LOG_LEVEL",
    )


PEM = "-----BEGIN KEY-----\nAbC=\nno name here\n-----END KEY-----"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_values_over_several_lines_name_nothing_but_their_own(quote):
    assert names(f"A=1\nKEY={quote}{PEM}{quote}\nB=2\n") == ("A", "KEY", "B")


def test_a_multi_line_value_with_escaped_quotes():
    assert names('KEY="line \\"one\\"\nX=two\nend"\nB=2\n') == ("KEY", "B")


def test_a_quote_in_a_comment_opens_nothing():
    assert names("A=\"x\" # 5\" disk\nB='y' # it's fine\nC=don't\n") == ("A", "B", "C")


def test_a_quote_that_is_never_closed_is_refused_and_not_dropped():
    """python-dotenv skips such a line with a warning; the name would then not be required any more."""
    with pytest.raises(InvalidDotenv, match="line 2 names no variable"):
        names('A=1\nKEY="never closed\nB=2\n')


def test_a_bad_line_beside_a_multi_line_value_is_refused_with_its_number():
    with pytest.raises(InvalidDotenv, match="line 7 names no variable") as refused:
        names(f"A='{PEM}'\n\n\nno name here\n")
    assert refused.value.hint == "sed -n 7p x/.env.example"


@pytest.mark.parametrize("line", ["1BAD=1", "A-B=1", "two words", "=value", "=", "ÄRGER=1", "A.B=1", "export A B=1"])
def test_a_line_that_names_nothing_is_refused_with_its_number(line):
    with pytest.raises(InvalidDotenv, match=r"x/.env.example: line 3 names no variable") as refused:
        names(f"A=1\n\n{line}\nB=1\n")
    assert refused.value.hint == "sed -n 3p x/.env.example"


def test_a_name_outside_the_grammar_beside_a_multi_line_value_is_refused():
    with pytest.raises(InvalidDotenv, match="line 5"):
        names(f"A='{PEM}'\nB-C=1\n")


def test_what_is_no_text_is_refused():
    with pytest.raises(InvalidDotenv, match="not UTF-8"):
        names(b"A=\xff\xfe\n")


def test_plain_lines_need_no_python_dotenv():
    script = "import sys; from sealproof.loader.example import required_names as r; r(b'A=1\\nB=\"x\"\\n', path='x')"
    check = "; sys.exit('dotenv' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script + check], check=False).returncode == 0


_NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
_VALUE = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=30)
_LINE = st.one_of(
    st.just(""),
    st.text("abc #'\"=", max_size=10).map("#{}".format),
    st.builds("{}=".format, _NAME),
    st.builds("export {}=1".format, _NAME),
    st.builds("{} = plain # comment".format, _NAME),
    st.builds(lambda name, value: f"{name}='{value}'", _NAME, _VALUE.filter(lambda text: not set(text) & set("'\\"))),
    st.builds(
        lambda name, value: '{}="{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"')), _NAME, _VALUE
    ),
)


@given(st.lists(_LINE, max_size=8))
def test_the_names_are_those_that_python_dotenv_finds(lines):
    text = "\n".join(lines)
    assert names(text) == tuple(dotenv_values(stream=StringIO(text), interpolate=False))
