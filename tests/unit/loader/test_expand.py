"""Opt-in `${…}` expansion: literal otherwise, bounded always."""

from __future__ import annotations

import tracemalloc
from time import process_time

import pytest
from dotenv.main import resolve_variables
from hypothesis import given
from hypothesis import strategies as st

from sealproof.envelope.grammar import VALUE_MAX
from sealproof.errors import ExpansionError
from sealproof.loader.expand import expand


@pytest.mark.parametrize(
    ("value", "expanded"),
    [
        ("${A}", "one"), ("x${A}y${A}z", "xoneyonez"), ("${NONE:-default}", "default"), ("${A:-default}", "one"),
        ("${NONE:-}", ""), ("$A", "$A"), ("$(id)", "$(id)"), ("`id`", "`id`"), ("${A", "${A"), ("$${A}", "$one"),
        ("${B}", "two one"), ("", ""), ("\\${A}", "\\one"), ("${EMPTY}", ""), ("${EMPTY:-default}", ""),
    ],
)  # fmt: skip
def test_as_python_dotenv_writes_it(value, expanded):
    assert expand({"A": "one", "B": "two ${A}", "EMPTY": "", "X": value})["X"] == expanded


def test_order_of_definition_does_not_matter():
    assert expand({"C": "${B}!", "B": "${A}!", "A": "a"}) == {"C": "a!!", "B": "a!", "A": "a"}


def test_a_result_is_not_expanded_again():
    assert expand({"A": "${B}", "B": "$" + "{C:-${D}}", "C": "c", "D": "d"})["A"] == "c}"


@pytest.mark.parametrize(
    "values",
    [{"A": "${A}"}, {"A": "${B}", "B": "${A}"}, {"A": "${B}", "B": "${C}", "C": "x${A}"}, {"A": "${A:-default}"}],
)
def test_a_loop_is_refused_by_name(values):
    with pytest.raises(ExpansionError, match="leads back to itself") as refused:
        expand(values)
    assert set(refused.value.names) == set(values)


def test_an_unknown_name_is_refused_by_name():
    with pytest.raises(ExpansionError, match="A refers to OTHER") as refused:
        expand({"A": "${OTHER}"})
    assert refused.value.names == ("A", "OTHER")


@pytest.mark.parametrize("inner", ["pass word", "pa$$", "", "1st", "snö"])
def test_part_of_a_value_that_is_no_name_is_not_quoted(inner):
    with pytest.raises(ExpansionError) as refused:
        expand({"A": f"begin${{{inner}}}end"})
    assert refused.value.names == ("A",)
    assert not inner or inner not in refused.value.message


def test_a_long_chain_is_refused_before_the_stack_ends():
    chain = {f"N{number}": f"${{N{number + 1}}}" for number in range(4000)} | {"N4000": "end"}
    with pytest.raises(ExpansionError, match="references deep"):
        expand(chain)


def test_a_chain_of_64_is_fine():
    chain = {f"N{number}": f"${{N{number + 1}}}" for number in range(63)} | {"N63": "end"}
    assert expand(chain)["N0"] == "end"


def test_billion_laughs_stop_within_bounds():
    laughs = {"L0": "ha" * 500} | {f"L{level}": f"${{L{level - 1}}}" * 10 for level in range(1, 10)}
    started = process_time()
    tracemalloc.start()
    with pytest.raises(ExpansionError, match="grows past 65536 bytes"):
        expand(laughs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
    assert process_time() - started < 2


def test_many_references_to_one_large_value_stop_within_bounds():
    """16 thousand references of 64 KiB were joined to a gigabyte before they were counted."""
    tracemalloc.start()
    with pytest.raises(ExpansionError, match="grows past"):
        expand({"A": "x" * VALUE_MAX, "B": "${A}" * 16_000})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_many_names_that_each_repeat_a_large_value_stop_within_bounds():
    values = {"A": "x" * VALUE_MAX} | {f"B{number}": "${A}" for number in range(4095)}
    with pytest.raises(ExpansionError, match="the tenant's values more than"):
        expand(values)


def test_the_limit_counts_bytes_and_is_inclusive():
    assert len(expand({"A": "ö" * 32_768})["A"]) == 32_768
    with pytest.raises(ExpansionError):
        expand({"A": "ö" * 32_768, "B": "${A}x"})


_LITERAL = st.text("ab$ {:-", max_size=6).filter(lambda text: "${" not in text)
_PART = st.one_of(_LITERAL, st.sampled_from(["${A}", "${B}", "${A:-fallback}", "${C:-fallback}", "${C:-}", "${"]))


@given(_LITERAL, _LITERAL, st.lists(_PART, max_size=5).map("".join))
def test_what_resolves_is_what_python_dotenv_resolves(first, second, value):
    values = {"A": first, "B": second, "X": value}
    try:
        expanded = expand(values)
    except ExpansionError:
        return  # python-dotenv would put an empty text where a name is unknown
    assert expanded == dict(resolve_variables(values.items(), override=True))
