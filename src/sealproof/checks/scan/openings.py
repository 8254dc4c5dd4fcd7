"""Ignore files that let something through: how it is said, and what to type against it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.scan import git
from sealproof.checks.scan.files import Skip, read
from sealproof.checks.scan.remedies import append, typed
from sealproof.checks.scan.samples import below
from sealproof.checks.scan.wording import named
from sealproof.findings import Finding, failed
from sealproof.vault.foundation import IGNORE_BEGIN

if TYPE_CHECKING:
    from sealproof.checks.context import Context

_FILE_MAX = 1 << 20  # bytes of an ignore file
_EXPECTED = "kept out by a rule that travels with the project"


def opening(resource: str, found: list[str], total: int, why: str, fix: str) -> Finding:
    """Return the finding for sample paths that an ignore file lets through."""
    observed = f"{len(found)} of {total} sample paths are not kept out ({why}): {named(found)}"
    return failed(resource, observed, expected=_EXPECTED, fix=fix)


def add_rules(ctx: Context, file: str, rules: list[str]) -> str:
    """Return how to add rules to an ignore file: by `init`, if that writes this file and has not yet."""
    root = os.path.realpath(ctx.target.root)
    tree = git.work_tree(root)
    project = os.path.dirname(root) if tree is None else os.path.realpath(tree)
    names = (".dockerignore",) if tree is None else (".gitignore", ".dockerignore")
    written = [os.path.join(project, name) for name in names]
    if file in written and IGNORE_BEGIN.encode() not in text_of(file):
        return command(ctx, "init")
    return append(shown(file), rules)


def keys_below(ctx: Context, base: str) -> str:
    """Return the path of the store's `keys/` from `base`, or an empty string where it does not lie below."""
    keys = os.path.join(os.path.realpath(ctx.target.root), "keys")
    return os.path.relpath(keys, base) if below(keys, base) else ""


def told(ctx: Context, path: str) -> str:
    """Return how findings name a path: from the source tree, wherever the check was typed."""
    return os.path.relpath(path, os.path.realpath(ctx.target.source))


def text_of(path: str) -> bytes:
    """Return an ignore file's text; nothing where there is none, or none that a tool would read."""
    data = read(path, limit=_FILE_MAX)
    return b"" if isinstance(data, Skip) else data


def shown(path: str) -> str:
    """Return how to type a path."""
    return typed(os.path.dirname(path), os.path.basename(path))
