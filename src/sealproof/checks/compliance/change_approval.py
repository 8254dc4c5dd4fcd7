"""CMP-013: changes are approved by someone else.

Looks at what steers the store and whom it trusts: its settings, declarations, access policy and public signing keys.
Each content that is there now, and each that the repository's history holds, needs a signed approval of exactly that
content, by somebody else than its author.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.scan.git import ask, work_tree
from sealproof.checks.shelves import believed
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.findings import Finding, failed, not_evaluated, passed
from sealproof.signing import sha256
from sealproof.vault.records.governed import FILES, contents
from sealproof.vault.records.interface import APPROVAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealproof.checks.context import Context
    from sealproof.vault.records.interface import Record

_EXPECTED = "a signed approval of this very content, by somebody else than its author"
_VERSIONS_MAX = 1000  # of one file; more is a history that nobody approved version by version


@check("CMP-013")
def change_approval(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each governed file as it is, and one for each content in history without an approval."""
    approvals = believed(ctx, APPROVAL)
    yield from approvals.doubts
    known = {(record.text("subject"), record.text("digest")): record for record in approvals.records}
    try:
        present = contents(ctx.target.root)
    except SealproofError as exc:
        raise NoEvidence(f"what is governed cannot be read: {exc.message}", hint=exc.hint) from exc
    for subject, data in present.items():
        ctx.saw(subject, data)
        yield _judge(ctx, subject, sha256(data).hex(), known)
    yield from _history(ctx, known)


def _judge(ctx: Context, subject: str, digest: str, known: Mapping[tuple[str, str], Record]) -> Finding:
    record = known.get((subject, digest))
    words = ("record", "approval", subject, "--author", "NAME", "--reference", "TEXT", "--by", "NAME", "--key", "FILE")
    if record is None:
        fix = command(ctx, *words)
        return failed(subject, "nobody approved it as it is now", expected=_EXPECTED, fix=fix)
    if _own(record):
        observed = f"{record.by} approved what {record.by} wrote"
        return failed(subject, observed, expected=_EXPECTED, fix=command(ctx, *words))
    return passed(subject, f"by {record.text('author')}, approved by {record.by}: {record.text('reference')}")


def _history(ctx: Context, known: Mapping[tuple[str, str], Record]) -> Iterator[Finding]:
    """Yield what the repository's history says. Without one, the present is all there is to look at."""
    try:
        tree = work_tree(ctx.target.root)
        if tree is None:
            return
        for subject in FILES:
            yield from _versions(ctx, tree, subject, known)
    except SealproofError as exc:
        yield not_evaluated("history", f"earlier changes are unknown: {exc.message}", fix=exc.hint)


def _versions(ctx: Context, tree: str, subject: str, known: Mapping[tuple[str, str], Record]) -> Iterator[Finding]:
    path = os.path.relpath(os.path.realpath(os.path.join(ctx.target.root, subject)), os.path.realpath(tree))
    commits = ask(tree, "log", "--format=%H", "--", path, good=(0, 128)).decode().split()
    if len(commits) > _VERSIONS_MAX:
        yield not_evaluated(subject, f"its history has over {_VERSIONS_MAX} versions")
        return
    approved = 0
    for commit in commits:
        data = ask(tree, "show", f"{commit}:{path}", good=(0, 128))
        record = known.get((subject, sha256(data).hex()))
        if not data or (record is not None and not _own(record)):
            approved += bool(data)
            continue
        observed = f"commit {commit[:12]} brought it in a form that nobody else approved"
        fix = f"git -C {tree} show {commit[:12]}, then approve or revert it"
        yield failed(f"{subject} in history", observed, expected=_EXPECTED, fix=fix)
    if approved:
        yield passed(f"{subject} in history", f"{approved} versions, each approved by somebody else")


def _own(record: Record) -> bool:
    return record.by.casefold() == record.text("author").casefold()
