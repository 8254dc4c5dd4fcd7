"""The alphabet: one spelling for everything."""

from __future__ import annotations

import base64
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealproof.envelope import grammar
from sealproof.errors import InvalidName, InvalidValue, LimitExceeded, MalformedFile

LETTERS = "Az_"


@pytest.mark.parametrize("name", ["A", "_", "a", "Z9", "_9", "A" * 128])
def test_name_is_a_name(name: str) -> None:
    assert grammar.is_name(name)
    assert grammar.check_name(name) == name
    assert grammar.is_entry_name(f"{name}.pending")
    assert grammar.check_name(f"{name}.previous") == f"{name}.previous"
    assert not grammar.is_name(f"{name}.pending")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "9",
        "9A",
        "A-B",
        "A.B",
        "A B",
        " A",
        "A ",
        "A\n",
        "\nA",
        "A\0",
        "A=B",
        "A/B",
        "..",
        "A" * 129,
        "\u00c4",
        "\u0391",
        "A\u0660",
        "A.pending.previous",
        "A.previous.pending",
        "A.PENDING",
        "A.pending ",
        ".pending",
        ".previous",
        "A.",
        "A..pending",
        "9.pending",
        "A.pending\n",
        "\u00c4.pending",
        "A" * 129 + ".pending",
    ],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    assert not grammar.is_name(name)
    assert not grammar.is_entry_name(name)
    with pytest.raises(InvalidName) as refused:
        grammar.check_name(name)
    assert refused.value.names == (name[:80],)


@pytest.mark.parametrize("tenant", ["a", "0", "a-b_c", "0" * 63, "a-", "a_"])
def test_tenant_is_a_tenant(tenant: str) -> None:
    assert grammar.check_tenant(tenant) == tenant


# B4 of the attack table: what could ever become a path.
HOSTILE = [
    "",
    ".",
    "..",
    "../a",
    "a/../b",
    "/etc",
    "a/b",
    "a\\b",
    "....//",
    "a\0",
    "a\n",
    "\na",
    "a\r",
    "%2e%2e",
    "a.",
    "a ",
    " a",
    "-a",
    "_a",
    "A",
    "aA",
    "a.b",
    "a:b",
    "con ",
    "a\u2215b",
    "a\uff0fb",
    "\u00e4",
    "\u0131",
    "a\u200b",
    "a\u0660",
    "\u0661",
    "a" * 64,
    "a" * 300,
    "~",
    "a*",
    "a?",
    "$a",
    "a'",
    'a"',
]


@pytest.mark.parametrize("tenant", HOSTILE)
def test_what_is_no_tenant_is_refused(tenant: str) -> None:
    with pytest.raises(InvalidName) as refused:
        grammar.check_tenant(tenant)
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize("environment", ["a", "0", "pre-production", "e" * 32, "a-"])
def test_environment_is_an_environment(environment: str) -> None:
    assert grammar.check_environment(environment) == environment


@pytest.mark.parametrize("environment", [*HOSTILE, "a_b", "e" * 33])
def test_what_is_no_environment_is_refused(environment: str) -> None:
    with pytest.raises(InvalidName):
        grammar.check_environment(environment)


@pytest.mark.parametrize("value", [b"", b"v", b"\n", "h\u00e9\U0010ffff".encode(), b"v" * 65536])
def test_value_can_be_sealed(value: bytes) -> None:
    assert grammar.check_value("A", value) is value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"\0", "NUL"),
        (b"canary\0", "NUL"),
        (b"canary\xff", "UTF-8"),
        (b"\xed\xa0\x80canary", "UTF-8"),
        (b"\xc0\xafcanary", "UTF-8"),
        (b"\xf4\x90\x80\x80", "UTF-8"),
        (b"canary" * 11000, "limit"),
    ],
)
def test_value_that_cannot_be_sealed_is_not_quoted(value: bytes, why: str) -> None:
    with pytest.raises(InvalidValue, match=why) as refused:
        grammar.check_value("A", value)
    assert "canary" not in f"{refused.value}{refused.value.hint}{refused.value.__cause__}"
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    assert refused.value.names == ("A",)


@settings(deadline=None)
@given(st.integers(0, 2**53 - 1))
def test_integer_reads_its_only_spelling(number: int) -> None:
    assert grammar.integer(str(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        "01",
        "-0",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "0x1",
        "1_0",
        " 1",
        "1 ",
        "1\n",
        str(2**53),
        str(2**63),
        str(2**64 - 1),
        "9" * 17,
        "9" * 5000,
        "\u0661",
        "\u00b2",
        "\uff11",
        "one",
        "null",
        "true",
        '"1"',
    ],
)
def test_integer_in_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(MalformedFile):
        grammar.integer(text)
    with pytest.raises(MalformedFile):
        grammar.counter(text)


def test_counter_starts_at_one() -> None:
    assert grammar.integer("0") == 0
    assert grammar.counter("1") == 1
    with pytest.raises(MalformedFile, match="zero"):
        grammar.counter("0")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_base64url_comes_back(data: bytes) -> None:
    text = grammar.encode(data)
    assert text == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert grammar.decode(text) == data
    assert grammar.decode_exactly(text, len(data)) == data
    with pytest.raises(MalformedFile):
        grammar.decode_exactly(text, len(data) + 1)


def test_every_short_text_has_at_most_one_reading() -> None:
    """All texts of up to three characters over an alphabet with every kind of foreigner in it."""
    alphabet = "AB-_+/= \n*~\\"
    readings: dict[bytes, str] = {}
    for length in range(4):
        for text in map("".join, itertools.product(alphabet, repeat=length)):
            try:
                data = grammar.decode(text)
            except MalformedFile:
                continue
            assert readings.setdefault(data, text) == text
            assert set(text) <= set("AB-_")
    assert len(readings) > 4


@settings(deadline=None)
@given(st.text(max_size=40))
def test_whatever_decodes_is_canonical(text: str) -> None:
    try:
        data = grammar.decode(text)
    except MalformedFile:
        return
    assert grammar.encode(data) == text


fields = st.lists(st.binary(max_size=6), max_size=6)


@settings(deadline=None)
@given(fields, fields)
def test_frame_is_injective(one: list[bytes], other: list[bytes]) -> None:
    assert (grammar.frame(*one) == grammar.frame(*other)) == (one == other)


@settings(deadline=None)
@given(fields)
def test_frame_can_be_read_back(parts: list[bytes]) -> None:
    framed, read = grammar.frame(*parts), []
    while framed:
        size = int.from_bytes(framed[:4], "big")
        read.append(framed[4 : 4 + size])
        framed = framed[4 + size :]
    assert read == parts


@pytest.mark.parametrize("separator", [":", "/", ".", "\0", ""])
def test_fields_do_not_join_alike(separator: str) -> None:
    """A6 of the attack table: `a:b` with `c` is not `a` with `b:c`."""
    one = grammar.frame(f"a{separator}b".encode(), b"c")
    other = grammar.frame(b"a", f"b{separator}c".encode())
    assert one != other


def test_lines_are_split_behind_their_limits() -> None:
    assert grammar.lines_of(b"a\nb\n") == ["a", "b"]
    assert grammar.lines_of(b"\n") == [""]
    longest = b"x" * grammar.LINE_MAX
    assert grammar.lines_of(longest + b"\n") == [longest.decode()]
    assert grammar.lines_of(b"ab\n", file_max=3, lines_max=1) == ["ab"]


@pytest.mark.parametrize("data", [b"", b"a", b"a\nb", b"\xff\n", "é\n".encode(), b"a\n\x80", b"a\x00"])
def test_text_that_is_no_lines_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedFile):
        grammar.lines_of(data)


@pytest.mark.parametrize(
    "data",
    [
        b"x" * (grammar.LINE_MAX + 1) + b"\n",
        b"a\n" + b"x" * (grammar.LINE_MAX + 1) + b"\nb\n",
        b"\n" * 4163,
        b"x" * 2**24 + b"\n",
    ],
)
def test_lines_over_a_limit_are_refused(data: bytes) -> None:
    with pytest.raises(LimitExceeded):
        grammar.lines_of(data)


def test_given_limits_hold() -> None:
    with pytest.raises(LimitExceeded, match="4 bytes, the limit is 3"):
        grammar.lines_of(b"abc\n", file_max=3)
    with pytest.raises(LimitExceeded, match="2 lines, the limit is 1"):
        grammar.lines_of(b"a\nb\n", lines_max=1)


def test_fields_are_read_in_their_order() -> None:
    names, integers = ("a", "n", "b"), frozenset(("n",))
    assert grammar.fields_of('{"a":"x","n":12,"b":""}', names, integers) == ["x", "12", ""]
    assert grammar.fields_of('{"n":1}', ("n",), integers) == ["1"]
    assert grammar.fields_of('{"a":"x"}', ("a",)) == ["x"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "{",
        '"',
        '{"a":"x"}',
        '{"a":"x","n":12}',
        '{"n":12,"a":"x","b":""}',
        '{"a":"x","n":12,"b":""} ',
        '{"a":"x","n":12,"b":""}{',
        '{"a":"x","n":12,"b":"","c":""}',
        '{"a":"x","n":"12","b":""}',
        '{"a":x,"n":12,"b":""}',
        '{"a":"x" ,"n":12,"b":""}',
        '{"a": "x","n":12,"b":""}',
        '{"a":"\\x","n":12,"b":""}',
        '{"a":"x\\","n":12,"b":""}',
        '{"a":"x","n":12,"b":""',
        '["a","x","n",12,"b",""]',
        '{"a":"x","m":12,"b":""}',
        '{"a":"x","n":12,"b":"",}',
    ],
)
def test_other_fields_are_refused(line: str) -> None:
    with pytest.raises(MalformedFile):
        grammar.fields_of(line, ("a", "n", "b"), frozenset(("n",)))


@settings(deadline=None)
@given(st.text(alphabet='{}":,\\an1 ', max_size=30))
def test_accepted_fields_rebuild_the_line(line: str) -> None:
    try:
        values = grammar.fields_of(line, ("a", "n"), frozenset(("n",)))
    except MalformedFile:
        return
    assert line == f'{{"a":"{values[0]}","n":{values[1]}}}'
