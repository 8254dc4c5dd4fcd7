"""SEC-014: ignore rules cover secrets.

Three places from which files leave a project, each asked about sample paths (`scan.samples`): the store's
keys, plain environment files, editors' copies of them, exported keys.

1. Version control: git's own answer (`git check-ignore`), from rules that travel with the repository; a rule
   of this clone or this user alone does not count. And the index: none of these is tracked, nor a private
   key under another name. Sealed files must stay visible to git.
2. Container builds, where the tree has a Dockerfile, a Containerfile or a compose file that builds:
   `.dockerignore` and `.containerignore` of the source tree, of each directory with a Dockerfile above the
   store, and ignore files named after a Dockerfile, which are taken to serve the whole tree.
3. Packaging, where there is a MANIFEST.in: none of its commands ships a sample.

Limits: submodules have an index of their own and are not looked into; what a build tool packs by other
rules than MANIFEST.in is not known here; a build context named in a compose file is not read.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.registry import check
from sealproof.checks.scan import git
from sealproof.checks.scan.ignored import State, ask_ignored
from sealproof.checks.scan.index import tracked_secrets
from sealproof.checks.scan.openings import add_rules, keys_below, opening, shown, told
from sealproof.checks.scan.remedies import append, drop_line, git_rules, typed, untrack
from sealproof.checks.scan.samples import below, samples, sealed_files
from sealproof.checks.scan.shipping import container_builds, packaging
from sealproof.checks.scan.wording import some
from sealproof.errors import ToolFailed
from sealproof.findings import Finding, Severity, failed, not_applicable, not_evaluated, passed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_VERSION_CONTROL, _INDEX = "version control", "index"
_TRACKED_MAX = 50  # findings; the rest are counted


@check("SEC-014")
def ignore_rules(ctx: Context) -> Iterator[Finding]:
    """Yield what each kind of ignore file lets through, and what is tracked already."""
    source, root = os.path.realpath(ctx.target.source), os.path.realpath(ctx.target.root)
    try:
        yield from _version_control(ctx, source, root)
    except ToolFailed as exc:
        yield not_evaluated(_VERSION_CONTROL, exc.message, fix=exc.hint)
    yield from container_builds(ctx, source, root)
    yield from packaging(ctx, source, root)


def _version_control(ctx: Context, source: str, root: str) -> Iterator[Finding]:
    trees = {place: os.path.realpath(top) for place in (root, source) if (top := git.work_tree(place)) is not None}
    if not trees:
        yield not_applicable(_VERSION_CONTROL, f"neither {source} nor the store is in a git work tree")
    for top in dict.fromkeys(trees.values()):
        yield from _rules(ctx, top, source if trees.get(source) == top else top, with_store=trees.get(root) == top)
    if root in trees:
        yield from _sealed_files(ctx, trees[root], root)
    if trees.get(source) == trees.get(root) and below(root, source):
        trees.pop(root, None)  # the source's part of the index holds the store's
    yield from _index(ctx, list(trees))


def _rules(ctx: Context, top: str, project: str, *, with_store: bool) -> Iterator[Finding]:
    """Yield how git treats the samples below `top`."""
    own = os.path.join(top, ".gitignore")
    rules = git_rules(keys_below(ctx, top))
    found = samples(ctx.target, top, beside=(project,), with_store=with_store)
    whole = True
    for kind, paths in found.items():
        open_ones: defaultdict[tuple[State, str, str], list[str]] = defaultdict(list)
        for answer in ask_ignored(top, paths):
            if answer.state is not State.IGNORED:
                open_ones[answer.state, answer.file, answer.pattern].append(answer.path)
        for (state, file, pattern), let_through in open_ones.items():
            whole = False
            let_in = os.path.join(top, file) if state is State.LET_IN else ""
            why = f"{pattern} in {file} lets them in" if let_in else state.value
            fix = drop_line(shown(let_in), pattern) if let_in else add_rules(ctx, own, rules)
            yield opening(f"{told(ctx, own)}: {kind}", let_through, len(paths), why, fix)
    if whole:
        count = sum(map(len, found.values()))
        yield passed(_VERSION_CONTROL, f"{count} sample paths are ignored in {told(ctx, top)}")


def _sealed_files(ctx: Context, top: str, root: str) -> Iterator[Finding]:
    if git.is_ignored(root):
        return  # a store that is ignored as a whole is kept out on purpose
    ignored = [answer for answer in ask_ignored(top, sealed_files(ctx.target, top)) if answer.state is State.IGNORED]
    if ignored:
        first = ignored[0]
        file = shown(os.path.join(top, first.file))
        (directory,) = ask_ignored(top, [os.path.dirname(first.path)])
        whole = directory.state is State.IGNORED  # below an ignored directory no exception helps
        yield failed(
            first.path,
            f"{first.pattern} in {first.file} hides {len(ignored)} sealed files from git",
            expected="sealed files travel with the project",
            fix=drop_line(file, first.pattern) if whole else append(file, ("!.env.enc", "!.env.*.enc")),
            severity=Severity.LOW,
            reason="nothing is exposed; what is sealed does not reach the next clone",
        )


def _index(ctx: Context, directories: list[str]) -> Iterator[Finding]:
    keys = os.path.join(os.path.realpath(ctx.target.root), "keys")
    clean = bool(directories)
    for directory in directories:
        findings = [_tracked(ctx, directory, path, kind) for path, kind in tracked_secrets(directory, keys)]
        clean = clean and not findings
        yield from some(findings, _INDEX, command(ctx, "init"), limit=_TRACKED_MAX)
    if clean:
        yield passed(_INDEX, "no key file, plain environment file or private key is tracked")


def _tracked(ctx: Context, directory: str, path: str, kind: str) -> Finding:
    resource = os.fsencode(path).decode(errors="backslashreplace")
    fix = f"{untrack(typed(directory, path))} && {command(ctx, 'init')}"
    return failed(resource, f"{kind} is tracked", expected="not in the index", fix=fix)
