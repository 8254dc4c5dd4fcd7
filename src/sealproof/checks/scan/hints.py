"""Hard-coded passwords in Python, by bandit's own tests B105, B106 and B107: names hint, nothing more.

bandit visits a syntax tree at some 0.2 MB/s. All three tests need a string beside a name with one
of a few words in it, so files without such a place are not parsed at all, and of the others bandit is
shown the statements that have one. Comments that would tell bandit to look away are not passed on to it.
"""

from __future__ import annotations

import ast
import io
import logging
import re
from bisect import bisect_left
from typing import NamedTuple

TESTS = ("B105", "B106", "B107")
_WORDS = ("pas", "pwd", "token", "secret")  # what each of bandit's words begins with
_BETWEEN = r"(?:[\s\\()]|\#[^\n]*\n)*"
# A word, what may close its name, an annotation perhaps, assignment or comparison, further targets perhaps, a string.
_SPEAKING = re.compile(
    rf"""(?:pas|pwd|token|secret)\w*["'\])]*{_BETWEEN}(?::[^=\n"']*)?"""
    rf"(?:[=!]=|=|:|[<>]=?|\bnot\s+in\b|\bin\b|\bis\s+not\b|\bis\b){_BETWEEN}"
    r"""(?:[\w.]+(?:\[[^\]\n]*\])?\s*=\s*)*[rbuf]{0,2}["']"""
)
_NO_VALUE = re.compile(r"Possible hardcoded password: '(?:None|True|False)?'")
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")


class Hint(NamedTuple):
    """A line and a test's name, as they go over the pipe."""

    line: int
    detector: str


class Hints:
    """bandit's three tests, where this installation has them."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        try:
            from bandit.core import config, metrics, node_visitor, test_set  # noqa: PLC0415 - an extra
        except ImportError:
            self.missing.append("bandit")
            return
        logging.getLogger("bandit").setLevel(logging.CRITICAL)
        self._visitor = node_visitor.BanditNodeVisitor
        self._metrics = metrics.Metrics
        self._tests = test_set.BanditTestSet(config.BanditConfig(), {"include": list(TESTS)})

    def scan(self, text: str) -> list[Hint] | None:
        """Return where a name hints at a password in the source, or None if the text is no Python of this version."""
        places = [] if self.missing else _Places(text).spans
        if not places:
            return []
        try:
            tree = _pruned(ast.parse(text), places)
            visitor = self._visitor("source.py", io.BytesIO(), None, self._tests, False, {}, self._metrics())  # noqa: FBT003 - its signature
            visitor.generic_visit(tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        found = visitor.tester.results
        return sorted({Hint(issue.lineno, issue.test_id) for issue in found if not _NO_VALUE.fullmatch(issue.text)})


class _Places:
    """The lines where any of the three tests could speak: a superset of what they look for, without a parser."""

    def __init__(self, text: str) -> None:
        self.spans: list[tuple[int, int]] = []
        """First and last line of each place, ascending."""
        lower = text.lower()
        if not any(word in lower for word in _WORDS):
            return
        line, counted = 1, 0
        for found in _SPEAKING.finditer(lower):
            first = line + lower.count("\n", counted, found.start())
            line, counted = first + found[0].count("\n"), found.end()
            self.spans.append((first, line))


def _pruned(tree: ast.AST, spans: list[tuple[int, int]]) -> ast.AST:
    """Return the tree without the statements that touch none of the lines in `spans`."""
    for block in _BLOCKS:
        statements = getattr(tree, block, None)
        if isinstance(statements, list):
            setattr(tree, block, [_pruned(statement, spans) for statement in statements if _touches(statement, spans)])
    return tree


def _touches(statement: ast.AST, spans: list[tuple[int, int]]) -> bool:
    if not isinstance(statement, (ast.stmt, ast.ExceptHandler)):
        return True  # the cases of a match statement have no lines of their own
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    place = bisect_left(spans, first, key=lambda span: span[1])
    return place < len(spans) and spans[place][0] <= (statement.end_lineno or first)
