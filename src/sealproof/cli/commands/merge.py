"""Git merge driver: merge two edits of a sealed file secret by secret, or refuse by name.

Called by git as `sealproof merge %O %A %B %P`; `sealproof init` installs it for a clone. The result
replaces %A. A refusal leaves %A untouched and exits 1, so that git reports a conflict.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sealproof.cli import console
from sealproof.envelope.grammar import FILE_MAX, is_environment
from sealproof.errors import CallerError, FileUnavailable
from sealproof.loader.files import open_root, read_public
from sealproof.loader.tenant import DEFAULT_ENVIRONMENT, file_name
from sealproof.vault.custodian import Custodian

if TYPE_CHECKING:
    from sealproof.cli.arguments import Arguments, Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("base", metavar="%O", help="the common ancestor")
    parser.add_argument("ours", metavar="%A", help="our side, and where the result goes")
    parser.add_argument("theirs", metavar="%B", help="their side")
    parser.add_argument("path", metavar="%P", help="the file's path in the repository: it names tenant and environment")


def run(args: Arguments) -> int:
    """Merge in memory, write once."""
    root, tenant, environment = scope_of(args.path)
    base, ours, theirs = (_read(path) for path in (args.base, args.ours, args.theirs))
    merged = Custodian(root).merge(base, ours, theirs, tenant=tenant, environment=environment)
    with open_root(os.path.dirname(args.ours) or ".") as directory:
        directory.replace(os.path.basename(args.ours), merged, mode=0o644)
    console.say(f"sealproof: merged {tenant}/{environment} secret by secret")
    return 0


def scope_of(path: str) -> tuple[str, str, str]:
    """Return root, tenant and environment of `<root>/tenants/<tenant>/.env[.<environment>].enc`. Raises CallerError."""
    directory, name = os.path.split(path)
    above, tenant = os.path.split(directory)
    root, tenants = os.path.split(above)
    environment = name[len(".env.") : -len(".enc")] or DEFAULT_ENVIRONMENT
    if tenants != "tenants" or not is_environment(environment) or name != file_name(environment):
        message = f"{path} is no sealed file of a store"
        raise CallerError(message, hint="let only tenants/**/*.enc use the driver in .gitattributes")
    return root or ".", tenant, environment


def _read(path: str) -> bytes:
    data = read_public(path, limit=FILE_MAX)
    if data is None:
        message = f"there is no file {path}"
        raise FileUnavailable(message, hint="call this through git: git merge BRANCH")
    return data
