"""What to type against a find in the source tree, from the directory that the check was run in."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.vault.foundation import IGNORED
from sealproof.vault.manifest import SecretClass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealproof.checks.context import Context
    from sealproof.checks.scan.live_values import Place


def renew(ctx: Context, place: Place) -> str:
    """Return the command that gives a secret a new value, which makes every copy of the old one dead."""
    # What a connection string leads to has to be told the new value too: no random text will do.
    how = () if place.kind is SecretClass.CONNECTION else ("--generate",)
    name = place.name.partition(".")[0]
    return command(ctx, "set", place.scope.tenant, name, "--environment", place.scope.environment, *how)


def typed(source: str, path: str) -> str:
    """Return how to type the path of a file below `source`."""
    whole = os.path.join(source, path)
    inside = os.path.relpath(whole)
    return whole if inside.startswith(os.pardir) else inside


def untrack(place: str) -> str:
    """Return the command that takes a file out of the index and leaves it where it is."""
    directory, name = os.path.split(place)
    return shlex.join(("git", *(("-C", directory) if directory else ()), "rm", "--cached", "--", name))


def out_of_the_tree(ctx: Context, path: str, *, tracked: bool) -> str:
    """Return the commands that take a key file out of version control, and out of the tree unless it is in `keys/`."""
    place = typed(ctx.target.source, path)
    keys = os.path.realpath(os.path.join(ctx.target.root, "keys")) + os.sep
    # In keys/ a key is where it belongs: what lacks is the ignore rule.
    belongs = os.path.realpath(place).startswith(keys)
    last = command(ctx, "init") if belongs else f"mv -i -- {shlex.quote(place)} ~/"
    return f"{untrack(place)} && {last}" if tracked else last


def append(path: str, lines: Iterable[str]) -> str:
    """Return the command that appends lines to a file."""
    return shlex.join(("printf", "%s\\n", *lines)) + f" >> {shlex.quote(path)}"


def drop_line(path: str, line: str) -> str:
    """Return the command that takes a line out of a file, wherever it stands; typed twice, it does no more."""
    expression = re.sub(r"[\\.*\[\]^$,]", lambda found: "\\" + found[0], line)
    return shlex.join(("sed", "-i.bak", rf"\,^[[:space:]]*{expression}[[:space:]]*$,d", path))


def git_rules(keys: str) -> list[str]:
    """Return ignore rules for a project's `.gitignore`; `keys` is relative to it, empty where it is not below."""
    return [*([f"/{keys}/"] if keys else ()), *IGNORED]


def docker_rules(keys: str) -> list[str]:
    """Return the same for a `.dockerignore`, whose patterns count from the context's own directory."""
    anywhere = [f"!**/{rule[1:]}" if rule.startswith("!") else f"**/{rule}" for rule in IGNORED]
    return [*([f"{keys}/"] if keys else ()), *anywhere]
