"""Fixes that can be typed: sealproof's own commands, quoted for a shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from sealproof.loader.tenant import DEFAULT_ROOT

if TYPE_CHECKING:
    from sealproof.checks.context import Context


def command(ctx: Context, *words: str) -> str:
    """Return `sealproof WORDS`, with `--root` where the store is not at its default place."""
    root = () if ctx.target.root == DEFAULT_ROOT else ("--root", ctx.target.root)
    return shlex.join(("sealproof", *words, *root))
