"""The secrets that a test was lent: what must not show, and is masked where a failing test would show it.

A test that fails prints its comparison, its arguments, its captured output. Whatever it was lent is
masked in all of that, in the terminal and in every report that is made from the same text. What a
test prints while capturing is off (`-s`) is out of reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import warnings
    from collections.abc import Generator, Iterable, Mapping

MASK = "<secret>"
SHORTEST = 8  # characters; shorter values stand in too many places to look for
_HIDDEN = f"[a line with a part of a {MASK}]"
_ELLIPSIS = "..."
_FEWEST = 3  # characters beside an ellipsis that are taken for a part
_CONTEXT = 10  # characters that pytest leaves of what two long texts have in common

_WATCHED = pytest.StashKey[dict[str, str]]()
_NAME = "sealproof-masking"


def watch(node: pytest.Item, secrets: Mapping[str, str]) -> None:
    """Look for `secrets`, values by label, from now to the end of the test; short ones are left out."""
    known = node.stash.setdefault(_WATCHED, {})
    known.update({label: value for label, value in secrets.items() if len(value) >= SHORTEST})
    if not node.config.pluginmanager.has_plugin(_NAME):
        node.config.pluginmanager.register(Masking(), _NAME)


def watched(node: pytest.Item) -> Mapping[str, str]:
    """Return what a test was lent, by label."""
    return node.stash.get(_WATCHED, {})


def masked(text: str, values: Iterable[str]) -> str:
    """Return `text` without any of `values`, whole or in part.

    A whole one is masked where it stands, and so is what pytest leaves of one around an ellipsis. A line
    with another part of one, as in a comparison of two long texts, goes as a whole.
    """
    spelled = sorted({spelling for value in values for spelling in (value, repr(value)[1:-1])}, key=len, reverse=True)
    for spelling in spelled:
        text = text.replace(spelling, MASK)
    pieces = text.split(_ELLIPSIS)
    for number in range(len(pieces) - 1):
        pieces[number] = _without_end(pieces[number], spelled)
        pieces[number + 1] = _without_start(pieces[number + 1], spelled)
    parts = [part for spelling in spelled for part in _parts(spelling)]
    lines = _ELLIPSIS.join(pieces).replace(f"{MASK}{_ELLIPSIS}{MASK}", MASK).split("\n")
    return "\n".join(_HIDDEN if any(part in line for part in parts) else line for line in lines)


def _without_end(text: str, spelled: Iterable[str]) -> str:
    for spelling in spelled:
        for length in range(len(spelling) - 1, _FEWEST - 1, -1):
            if text.endswith(spelling[:length]):
                return text[:-length] + MASK
    return text


def _without_start(text: str, spelled: Iterable[str]) -> str:
    for spelling in spelled:
        for length in range(len(spelling) - 1, _FEWEST - 1, -1):
            if text.startswith(spelling[-length:]):
                return MASK + text[length:]
    return text


def _parts(spelling: str) -> list[str]:
    lines = spelling.split("\n")
    ends = [end for line in lines if len(line) > _CONTEXT for end in (line[:_CONTEXT], line[-_CONTEXT:])]
    return ends + [line for line in lines[1:] + lines[:-1] if SHORTEST <= len(line) <= _CONTEXT]


class Masking:
    """Masks the reports of tests that were lent secrets; registered with the first of them."""

    def __init__(self) -> None:
        self._latest: tuple[str, list[str]] = ("", [])

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Mask text, captured sections and properties of one report."""
        report = yield
        values = list(watched(item).values())
        self._latest = (item.nodeid, values)
        if values:
            _mask(report, values)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, nodeid: str) -> None:
        """Mask a warning of the test that was reported last: they come after all of its reports."""
        latest, values = self._latest
        text = str(warning_message.message)
        if nodeid == latest and masked(text, values) != text:
            warning_message.message = UserWarning(masked(text, values))


def _mask(report: pytest.TestReport, values: list[str]) -> None:
    longrepr = report.longrepr
    if isinstance(longrepr, tuple):
        report.longrepr = (longrepr[0], longrepr[1], masked(longrepr[2], values))
    elif longrepr is not None:
        text = str(longrepr)
        clean = masked(text, values)
        if clean != text:
            crash = getattr(getattr(longrepr, "reprcrash", None), "message", "")
            report.longrepr = f"{masked(crash, values)}\n\n{clean}" if crash else clean
    report.sections = [(name, masked(content, values)) for name, content in report.sections]
    report.user_properties = [
        (name, masked(value, values) if isinstance(value, str) else value) for name, value in report.user_properties
    ]
