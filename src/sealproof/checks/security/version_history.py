"""SEC-013: no secret in version history.

Every object that branches, tags, stashes and HEAD reach is read once, in one pass (`scan.history`): contents of
files (of archives, every member), commit messages and tag messages; names of files come with the list of them. In each
the same is looked for as in the tree (SEC-012): live values in five spellings, key files, tokens by their format.

Formerly live values are looked for as well: sealed files of earlier commits are opened with the keys that still live,
and a value that stands there and is not the present one is searched for like it. A value that was found and
replaced since is a finding of low severity: what remains is to revoke it at whoever issued it.

Limits: what only the reflog or nothing names is not looked at; objects over `scan_file_bytes` are counted; tokens
are looked for as long as the time lasts, and what was left is said. Nothing is kept between runs: values change, and
a list of clean objects would say nothing about new ones.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.scan import git
from sealproof.checks.scan.archives import Archive, is_archive
from sealproof.checks.scan.detectors import Detectors
from sealproof.checks.scan.document import Document
from sealproof.checks.scan.former_values import former_values
from sealproof.checks.scan.history import History, Item
from sealproof.checks.scan.keyfiles import find_keys
from sealproof.checks.scan.live_values import LiveValues
from sealproof.checks.scan.needles import Needles
from sealproof.checks.scan.remedies import renew
from sealproof.checks.scan.tokens import PRIVATE_KEY
from sealproof.checks.scan.wording import named, some
from sealproof.errors import ToolFailed
from sealproof.findings import Finding, Severity, failed, not_applicable, not_evaluated, passed
from sealproof.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context
    from sealproof.checks.scan.live_values import Place

_SECONDS = 120.0
"""For reading all objects; a repository of 200 MB takes some 30 s."""
_FINDINGS_MAX = 100  # of one kind
_WHERE = "version history"
_REWRITE = "renewing it comes first; rewriting history does not reach clones and forks"


class _Finds:
    """What was found where. Never the value."""

    def __init__(self) -> None:
        self.live: dict[tuple[Place, str], tuple[Item, str]] = {}
        self.former: dict[tuple[Place, str], tuple[Item, str]] = {}
        self.keys: dict[str, tuple[Item, str]] = {}
        self.tokens: dict[tuple[str, str], Item] = {}
        self.unscanned = 0
        """Texts in which no token was looked for."""
        self.unread: dict[str, tuple[Item, str]] = {}
        """Archives that a bound kept from being looked at to their end, and which bound."""


@check("SEC-013")
def version_history(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each secret in history, and what was and was not looked at."""
    top = git.work_tree(ctx.target.source)
    if top is None:
        yield not_applicable(_WHERE, "the source tree is under no version control")
        return
    try:
        history = History(top, limit=ctx.limit("scan_file_bytes"), seconds=_SECONDS)
    except ToolFailed as exc:
        yield not_evaluated(_WHERE, exc.message, fix=exc.hint)
        return
    views = ctx.every_tenant()
    live = LiveValues(views)
    former = Needles(former_values(history, views, root=ctx.target.root))
    finds = _Finds()
    with Detectors(seconds=ctx.limit("scan_file_seconds")) as detectors:
        for item, data in history.items():
            _look(item, data, live.needles, former, finds, detectors)
            if is_archive(data):
                archive = Archive(data, limit=ctx.limit("scan_file_bytes"))
                for member in archive.members():
                    _look(item, member.data, live.needles, former, finds, detectors)
                for gap in archive.gaps:
                    if gap.is_limit:
                        finds.unread[item.oid] = item, gap.reason
        _look(Item("names", "file names", ""), _names(history), live.needles, former, finds, detectors)
        missing = detectors.broken or ", ".join(detectors.missing)
    yield from _told(ctx, history, finds)
    yield from _gaps(history, live, finds, missing)
    if not (finds.live or finds.former or finds.keys or finds.tokens or history.left):
        read = f"{counted(history.read, 'object')} of {counted(len(history.paths), 'path')} read"
        yield passed(_WHERE, f"{read}: no live value, key or token")


def _names(history: History) -> bytes:
    return "\n".join(history.paths).encode(errors="surrogateescape")


def _look(  # noqa: PLR0917 - what is looked for, where, and by whom
    item: Item, data: bytes, live: Needles[Place], former: Needles[Place], finds: _Finds, detectors: Detectors
) -> None:
    document = Document(data)
    begun = document.is_text and detectors.begin(document.data, python=False)
    for view in document.views:
        for needles, found in ((live, finds.live), (former, finds.former)):
            for hit in needles.hits(view):
                found.setdefault((hit.owner, item.oid), (item, hit.spelling))
        for _, kind in find_keys(view):
            finds.keys.setdefault(item.oid, (item, kind))
    if not begun:
        finds.unscanned += document.is_text
        return
    answer = detectors.finish()
    if answer is None:
        finds.unscanned += 1
        return
    for token in answer.tokens:
        if token.detector != PRIVATE_KEY:
            finds.tokens.setdefault((item.oid, token.detector), item)


def _told(ctx: Context, history: History, finds: _Finds) -> Iterator[Finding]:
    """Yield the finds, live values first."""
    live = [
        failed(
            _shown(history, item),
            f"the live value of {place} stands here, {spelling}: exposed until it is renewed",
            expected=f"the value renewed at once: {_REWRITE}",
            fix=renew(ctx, place),
        )
        for (place, _), (item, spelling) in finds.live.items()
    ]
    yield from some(live, _WHERE, command(ctx, "check", "--check", "SEC-013"), limit=_FINDINGS_MAX)
    for (place, _), (item, spelling) in list(finds.former.items())[:_FINDINGS_MAX]:
        yield failed(
            _shown(history, item),
            f"an earlier value of {place} stands here, {spelling}",
            expected="the earlier value revoked where it was issued",
            fix="revoke the earlier value where it was issued",
            severity=Severity.LOW,
            reason="the value was replaced since",
        )
    for item, kind in list(finds.keys.values())[:_FINDINGS_MAX]:
        yield failed(
            _shown(history, item),
            f"{kind} stands here",
            expected=f"the key replaced: {_REWRITE}",
            fix=command(ctx, "key", "rotate", "TENANT", "--environment", "ENVIRONMENT"),
        )
    for (_, detector), item in list(finds.tokens.items())[:_FINDINGS_MAX]:
        yield failed(
            _shown(history, item),
            f"{detector} (by its format)",
            expected=f"the token revoked: {_REWRITE}",
            fix="revoke it where it was issued",
        )


def _shown(history: History, item: Item) -> str:
    if item.kind == "file names":
        return "a file's name in history"
    commit = history.first_commit(item)
    path = os.fsencode(item.path).decode(errors="backslashreplace")
    if item.kind == "blob":
        return f"{path or 'a file'} in commit {commit}" if commit else f"{path or 'a file'} (object {item.oid[:12]})"
    return f"message of {item.kind} {item.oid[:12]}"


def _gaps(history: History, live: LiveValues, finds: _Finds, missing: str) -> Iterator[Finding]:
    if history.is_shallow:
        yield not_evaluated(_WHERE, "the clone is shallow: its history is cut off", fix="git fetch --unshallow")
    if history.left:
        yield not_evaluated(_WHERE, f"{history.left} objects were not reached within {_SECONDS:.0f} s")
    for closed in live.closed:
        yield not_evaluated(str(closed.scope), f"its values cannot be looked for: {closed.reason}", fix=closed.hint)
    if missing and finds.unscanned:
        yield not_evaluated("tokens", f"not looked for: {missing}", fix="pip install 'sealproof[ci]'")
    elif finds.unscanned:
        yield not_applicable("tokens", f"{finds.unscanned} texts took the scanners longer than they may")
    for item, reason in finds.unread.values():
        yield not_evaluated(str(item), f"the archive was not looked at to its end: {reason}")
    if history.large:
        yield not_applicable(_WHERE, f"{history.large} objects are over the size limit")
    if live.short:
        yield not_applicable("live values", f"{len(live.short)} are too short to look for: {named(live.short)}")
