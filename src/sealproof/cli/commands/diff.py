"""Say which secrets differ between a tenant's file and another version of it. Values are never shown.

OTHER is a file; without it, the version in the last commit. Reads public lines only, so needs no key.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from sealproof.cli import arguments, console
from sealproof.envelope.grammar import FILE_MAX
from sealproof.envelope.parse import Envelope, parse
from sealproof.errors import CallerError, DataError, ToolFailed
from sealproof.loader.files import at, read_public
from sealproof.loader.tenant import file_name
from sealproof.vault.custodian import Custodian
from sealproof.vault.foundation import work_tree

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser

_GIT_SECONDS = 30


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("tenant", metavar="TENANT")
    parser.add_argument(
        "other", metavar="OTHER", nargs="?", default="", help="another version's file (default: the last commit's)"
    )
    arguments.add_environment(parser)
    arguments.add_json(parser)


def run(args: Arguments) -> int:
    """Compare names and versions."""
    environment = arguments.environment_of(args)
    new = Custodian(args.root).envelope(args.tenant, environment)
    path = f"{args.root}/tenants/{args.tenant}/{file_name(environment)}"
    old = _parsed(_read(args.other), args.other) if args.other else _parsed(_committed(path), f"HEAD:{path}")
    changes = _changes(old, new)
    if args.json:
        console.answer_json({"generations": [old.generation, new.generation], "changes": changes})
        return 0
    for kind, names in changes.items():
        for name in names:
            console.answer(f"{kind:8} {console.visible(name)}")
    if not any(changes.values()):
        console.say(f"no secret differs (generations {old.generation} and {new.generation})")
    return 0


def _parsed(data: bytes, name: str) -> Envelope:
    try:
        return parse(data)
    except DataError as exc:
        raise at(name, exc, hint="sealproof diff TENANT OTHER") from None


def _changes(old: Envelope, new: Envelope) -> dict[str, list[str]]:
    before = {entry.name: (entry.version, entry.updated) for entry in old.entries}
    after = {entry.name: (entry.version, entry.updated) for entry in new.entries}
    same = {name for name in after.keys() & before.keys() if after[name] == before[name]}
    kept = {entry.line for entry in old.entries}
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted((after.keys() & before.keys()) - same),
        # Version and age are the old ones, the bytes are not: sealed anew under another key, as a rotation does.
        "resealed": sorted(entry.name for entry in new.entries if entry.name in same and entry.line not in kept),
    }


def _read(path: str) -> bytes:
    data = read_public(path, limit=FILE_MAX)
    if data is None:
        message = f"there is no file {path}"
        raise CallerError(message, hint=f"ls -la {os.path.dirname(path) or '.'}")
    return data


def _committed(path: str) -> bytes:
    top = work_tree(os.path.dirname(path))
    if top is None:
        message = f"{path} lies in no git work tree"
        raise ToolFailed(message, hint="sealproof diff TENANT OTHER")
    answer = subprocess.run(  # noqa: S603 - fixed program, no shell
        ["git", "-C", top, "show", f"HEAD:{os.path.relpath(os.path.realpath(path), os.path.realpath(top))}"],  # noqa: S607 - the user's own git
        capture_output=True,
        timeout=_GIT_SECONDS,
        check=False,
    )
    if answer.returncode:
        message = f"the last commit has no {path}"
        raise ToolFailed(message, hint="sealproof diff TENANT OTHER")
    return answer.stdout
