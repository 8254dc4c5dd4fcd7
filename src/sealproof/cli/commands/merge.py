"""Git merge driver: merge two edits of a sealed file secret by secret, of a manifest table by table.

Called by git as `sealproof merge %O %A %B %P`; `sealproof init` installs it for a clone. The result replaces %A.
Exit code 1 makes git report a conflict: a sealed file's %A is untouched then, a manifest's has both sides marked in it.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from sealproof.cli import console
from sealproof.envelope.grammar import FILE_MAX, is_environment
from sealproof.errors import CallerError, FileUnavailable, ToolFailed
from sealproof.loader.files import open_root, read_public
from sealproof.loader.tenant import DEFAULT_ENVIRONMENT, file_name
from sealproof.vault import manifest, manifest_merge
from sealproof.vault.custodian import Custodian

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser

_GIT_SECONDS = 30
_CONFLICTS_MAX = 127  # git-merge-file(1): more conflicts than that are told as so many; above it is an error


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("base", metavar="%O", help="the common ancestor")
    parser.add_argument("ours", metavar="%A", help="our side, and where the result goes")
    parser.add_argument("theirs", metavar="%B", help="their side")
    parser.add_argument("path", metavar="%P", help="the file's path in the repository: it names tenant and environment")


def run(args: Arguments) -> int:
    """Merge in memory, write once."""
    return _manifest(args) if os.path.basename(args.path) == manifest.FILE_NAME else _sealed(args)


def _sealed(args: Arguments) -> int:
    root, tenant, environment = scope_of(args.path)
    base, ours, theirs = (_read(path) for path in (args.base, args.ours, args.theirs))
    merged = Custodian(root).merge(base, ours, theirs, tenant=tenant, environment=environment)
    _write(args.ours, merged)
    console.say(f"sealproof: merged {tenant}/{environment} secret by secret")
    return 0


def _manifest(args: Arguments) -> int:
    base, ours, theirs = (_read(path, manifest.MANIFEST_MAX) for path in (args.base, args.ours, args.theirs))
    merged = manifest_merge.merge(base, ours, theirs)
    if merged is None:
        return _as_git_would(args)
    _write(args.ours, merged.data)
    for name in merged.conflicts:
        console.say(f"sealproof: both sides changed [{name}] of {args.path}: both are marked there, keep one")
    if not merged.conflicts:
        console.say(f"sealproof: merged {args.path} table by table")
    return int(bool(merged.conflicts))


def _as_git_would(args: Arguments) -> int:
    """Merge line by line, as git does without a driver. Raises ToolFailed."""
    console.say(f"sealproof: {args.path} cannot be told apart by its tables, so its lines are merged")
    labels = [word for label in ("ours", "base", "theirs") for word in ("-L", label)]
    answer = subprocess.run(  # noqa: S603 - fixed program, no shell
        ["git", "merge-file", *labels, args.ours, args.base, args.theirs],  # noqa: S607 - the git that called
        capture_output=True,
        text=True,
        timeout=_GIT_SECONDS,
        check=False,
    )
    if answer.returncode > _CONFLICTS_MAX:
        message = f"git would not merge {args.path}: {answer.stderr.strip()}"
        raise ToolFailed(message, hint="git merge --abort")
    return int(bool(answer.returncode))


def scope_of(path: str) -> tuple[str, str, str]:
    """Return root, tenant and environment of `<root>/tenants/<tenant>/.env[.<environment>].enc`. Raises CallerError."""
    directory, name = os.path.split(path)
    above, tenant = os.path.split(directory)
    root, tenants = os.path.split(above)
    environment = name[len(".env.") : -len(".enc")] or DEFAULT_ENVIRONMENT
    if tenants != "tenants" or not is_environment(environment) or name != file_name(environment):
        message = f"{path} is no sealed file of a store"
        raise CallerError(message, hint="let only *.enc and manifest.toml use the driver in .gitattributes")
    return root or ".", tenant, environment


def _write(path: str, data: bytes) -> None:
    with open_root(os.path.dirname(path) or ".") as directory:
        directory.replace(os.path.basename(path), data, mode=0o644)


def _read(path: str, limit: int = FILE_MAX) -> bytes:
    data = read_public(path, limit=limit)
    if data is None:
        message = f"there is no file {path}"
        raise FileUnavailable(message, hint="call this through git: git merge BRANCH")
    return data
