from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealproof.checks.scan.hints import Hint, Hints

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("source", "test"),
    [
        ("password = 'a fixed text'", "B105"),
        ("self.token = other = 'a fixed text'", "B105"),
        ("settings = {'secret': 'a fixed text'}", "B105"),
        ("settings['db_password'] = (\n    # from the old host\n    'a fixed text')", "B105"),
        ("if token == 'a fixed text': pass", "B105"),
        ("connect(user='x', password='a fixed text')", "B106"),
        ("def connect(password: str = 'a fixed text'): pass", "B107"),
        (
            "class A:\n    def m(self):\n        try:\n            x()\n        except E:\n            pwd = 'text'",
            "B105",
        ),
        ("match x:\n    case 1:\n        passphrase = 'text'", "B105"),
    ],
)
def test_each_place_where_a_name_hints_is_told(hints: Hints, source: str, test: str):
    found = hints.scan(f"import os\n\n\nUNRELATED = 'x'\n\n{source}\n")
    assert found is not None
    assert [hint.detector for hint in found] == [test]


def test_the_line_is_told(hints: Hints):
    assert hints.scan("x = 1\n\n@decorated(\n    password='text',\n)\ndef f(): pass\n") == [
        Hint(3, "B106")
    ] or hints.scan("x = 1\n\npassword = 'text'\n") == [Hint(3, "B105")]


def test_a_comment_that_lets_bandit_look_away_hides_nothing(hints: Hints):
    assert hints.scan("password = 'a fixed text'  # nosec B105\n") == [Hint(1, "B105")]


@pytest.mark.parametrize(
    "source",
    [
        "password = os.environ['PASSWORD']",
        "password = ''",
        "defaults = {'token': None, 'password': True}",
        "name = 'a fixed text'",
        "def f(password=None): return password",
        '"""How to set the password: see \'the manual\'."""',
    ],
)
def test_a_name_without_a_fixed_text_is_no_hint(hints: Hints, source: str):
    assert hints.scan(source + "\n") == []


def test_what_is_no_python_of_this_version_is_said_to_be(hints: Hints):
    assert hints.scan("print 'token' % token == 'x'\n") is None


def test_deep_nesting_ends_the_parser_and_not_the_worker(hints: Hints):
    assert hints.scan(f"token = 'x'\ny = {'(' * 5000}{')' * 5000}\n") is None


def test_without_bandit_it_is_named_and_says_nothing(without: Callable[[str], None]):
    without("bandit")
    absent = Hints()
    assert absent.missing == ["bandit"]
    assert absent.scan("password = 'a fixed text'") == []
