from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealproof.reports._visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ünïcödé and עברית", "plain text, ünïcödé and עברית"),
        ("\x1b[31mred", "[U+001B][31mred"),
        ("one\r\ntwo\tthree", "one[U+000D][U+000A]two[U+0009]three"),
        ("\u202egnp.exe", "[U+202E]gnp.exe"),
        ("pay\u200bpal", "pay[U+200B]pal"),
        ("a\u00a0b", "a[U+00A0]b"),
        ("\U000e0041", "[U+E0041]"),
        ("caf\udce9", "caf[U+DCE9]"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_is_left_to_make_visible(text: str) -> None:
    assert visible(visible(text)) == visible(text)


def test_no_control_format_or_separator_character_is_missed() -> None:
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
    missed = {
        f"{code:04X}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in kinds and code != 0x20 and visible(chr(code)) == chr(code)
    }
    drawn = {"0600", "0601", "0602", "0603", "0604", "0605", "06DD", "070F", "0890", "0891", "08E2", "110BD", "110CD"}
    hieroglyphs = {f"{code:04X}" for code in range(0x13430, 0x13440)}
    assert missed <= drawn | hieroglyphs  # format characters that are drawn: signs over numbers, and joiners of glyphs
