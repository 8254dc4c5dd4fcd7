"""How to get a tenant's sealed file back, as a command where version control has it."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from sealproof.checks.security._index import staged
from sealproof.envelope.grammar import FILE_MAX
from sealproof.errors import DataError
from sealproof.vault.foundation import work_tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealproof.checks.context import Context

_GIT_SECONDS = 30
_DIFFERS = 1  # git-diff(1): --quiet implies --exit-code


def restore(ctx: Context, *, accept: Callable[[bytes], object] | None = None) -> str:
    """Return the command that restores the tenant's file from git, else what to do without it.

    It is the command only where it helps: the file is tracked, what git has is not what lies there, and `accept` does
    not raise DataError for it.
    """
    path = os.path.abspath(os.path.join(ctx.target.root, ctx.tenant.path))
    tree = work_tree(ctx.target.root)
    if tree is not None:
        inside = os.path.relpath(os.path.realpath(path), os.path.realpath(tree))
        tracked = _git(tree, "ls-files", "--error-unmatch", "--", inside) == 0
        differs = _git(tree, "diff", "--quiet", "--no-ext-diff", "--no-textconv", "--", inside) == _DIFFERS
        if tracked and differs and (accept is None or _is_accepted(tree, inside, accept)):
            return shlex.join(["git", "-C", tree, "checkout", "--", inside])
    return f"restore {ctx.tenant.path} from backup"


def _is_accepted(tree: str, path: str, accept: Callable[[bytes], object]) -> bool:
    data = staged(tree, path, limit=FILE_MAX)
    try:
        if data is not None:
            accept(data)
    except DataError:
        return False
    return data is not None


def _git(tree: str, *words: str) -> int:
    try:
        return subprocess.run(  # noqa: S603 - fixed program, no shell
            ["git", "--no-optional-locks", "-C", tree, *words],  # noqa: S607 - the user's own git
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        ).returncode
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return -1  # no git, no command
