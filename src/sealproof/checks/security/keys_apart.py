"""SEC-007: keys live apart from ciphertext.

Looks at three places where a key travels with what it opens: `keys/` under the store's own root, the
rest of the store with the archives in it, and what the repository around it tracks. Keys elsewhere in
the source tree are SEC-012's, keys in history SEC-013's.
"""

from __future__ import annotations

import os
import shlex
import stat
from functools import cache
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.holdings import may_name
from sealproof.checks.registry import check
from sealproof.checks.security._archives import LOOKED_INTO, NOT_LOOKED_INTO, look_into
from sealproof.checks.security._index import is_ignored, staged, tracked_with, tree_around
from sealproof.checks.security._key_text import KEY_TEXT_MAX, MARKS, key_in
from sealproof.checks.tenant import NoEvidence
from sealproof.errors import SealproofError
from sealproof.findings import Finding, Status, failed, not_evaluated, passed
from sealproof.loader.files import open_root
from sealproof.signing import public_from_pem
from sealproof.vault.foundation import IGNORE_BEGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealproof.checks.context import Context

_HOME = "~/.sealproof"
_APART = "no private key beside the ciphertext that it opens"
_SEALED_MARK = b'{"t":"h","format":"sealproof-env/'
_PEM_MAX = 4096  # bytes
_IGNORE_MAX = 1 << 20  # bytes


@check("SEC-007")
def keys_apart(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for keys/, one for each key that lies with ciphertext, one for each place without."""
    tree = tree_around(ctx.target.root)
    yield _keyring(ctx, tree)
    strays = [*_strays(ctx)]
    yield from strays
    if not any(finding.status is Status.FAIL for finding in strays):
        yield passed("store outside keys/", "no private key lies there, nor in an archive")
    if tree is not None:
        yield from _tracked(ctx, tree)


def _keyring(ctx: Context, tree: str | None) -> Finding:
    path = os.path.join(ctx.target.root, "keys")
    if not os.path.lexists(path):
        return passed("keys/", "not in the store")
    if ctx.keys_beside_store == "forbidden":
        observed = "the store's keys lie under its own root"
        export = command(ctx, "key", "export", "TENANT", "--environment", "ENVIRONMENT", "--output", "FILE")
        reason = f"a host does with a key of its own ({export}); nothing here manages the store once keys/ is gone"
        expected = "keys kept elsewhere in this profile"
        return failed("keys/", observed, reason=reason, expected=expected, fix=_move(ctx, "keys"))
    return _private(path) or _ignored(ctx, path, tree)


def _private(path: str) -> Finding | None:
    """Return why `keys/` may not stay although the profile allows it, or None. SEC-006 looks closer."""
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        return failed("keys/", "no directory, or a link to one", expected="private keys", fix=shlex.join(("rm", path)))
    if status.st_mode & 0o077:
        observed = f"not for its owner alone (mode {stat.S_IMODE(status.st_mode):04o})"
        return failed("keys/", observed, expected="private keys", fix=shlex.join(("chmod", "700", path)))
    return None


def _ignored(ctx: Context, path: str, tree: str | None) -> Finding:
    if tree is None:
        return passed("keys/", "allowed here and private; no repository surrounds it")
    if not is_ignored(tree, os.path.realpath(path)):
        observed = "git does not ignore it: one `git add` takes the keys along"
        return failed("keys/", observed, expected="an ignore rule for keys/", fix=_ignore(ctx))
    return passed("keys/", "allowed here, private and ignored by git")


def _ignore(ctx: Context) -> str:
    """Return the command that adds the rule: `init`, or by hand where its block stands and was thinned out."""
    path = os.path.join(ctx.target.root, ".gitignore")
    with open_root(ctx.target.root) as directory:
        text = directory.read(".gitignore", limit=_IGNORE_MAX, private=False) or b""
    return f"echo /keys/ >> {shlex.quote(path)}" if IGNORE_BEGIN.encode() in text else command(ctx, "init")


def _strays(ctx: Context) -> Iterator[Finding]:
    """Yield a finding for each key text and each telling archive in the store."""
    root = ctx.target.root
    for directory, below, files in os.walk(root):
        below[:] = sorted(name for name in below if name != ".git")  # git packs what it keeps; its index is asked below
        inside = os.path.relpath(directory, root)
        in_keys = inside.split(os.sep)[0] == "keys"
        for name in sorted(files):
            shown = os.path.normpath(os.path.join(inside, name))
            if not _is_regular(os.path.join(directory, name)):
                continue
            if name.lower().endswith(LOOKED_INTO + NOT_LOOKED_INTO):
                yield from _archive(ctx, shown, in_keys=in_keys)
            elif not in_keys:
                yield from _loose(ctx, shown)


def _loose(ctx: Context, shown: str) -> Iterator[Finding]:
    path = os.path.join(ctx.target.root, shown)
    try:
        data = _read(path)
    except OSError as exc:
        yield not_evaluated(shown, f"cannot be read: {(exc.strerror or 'input/output error').lower()}")
        return
    what = key_in(data)
    if what:
        yield _failed(ctx, shown, f"{what} lies in the store")


def _is_regular(path: str) -> bool:
    """Tell whether a file lies here itself; what a link points to lies elsewhere."""
    return stat.S_ISREG(os.lstat(path).st_mode)


def _read(path: str) -> bytes:
    """Return a file's first bytes, as many as a key file can have; nothing of a sealed file."""
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        head = file.read(len(_SEALED_MARK))
        return b"" if head == _SEALED_MARK else head + file.read(KEY_TEXT_MAX)


def _archive(ctx: Context, shown: str, *, in_keys: bool) -> Iterator[Finding]:
    contents = look_into(os.path.join(ctx.target.root, shown))
    if contents.keys and (contents.sealed or not in_keys):
        beside = f"with {contents.sealed} sealed files" if contents.sealed else "beside the sealed files"
        name, what = contents.keys[0]
        more = f" and {len(contents.keys) - 1} more" if len(contents.keys) > 1 else ""
        yield _failed(ctx, shown, f"the archive holds {what} ({ascii(name)[:120]}){more}, {beside}")
    elif contents.unread:
        yield not_evaluated(shown, f"the archive was not read to its end: {contents.unread}", fix=_move(ctx, shown))


def _tracked(ctx: Context, tree: str) -> Iterator[Finding]:
    """Yield a finding for each private key of ours in the repository's index."""
    signers = cache(lambda: _signers(ctx))
    found = False
    for path in tracked_with(tree, MARKS):
        data = staged(tree, path, limit=KEY_TEXT_MAX)
        what = "" if data is None else _ours(data, signers)
        found = found or data is None or bool(what)
        if data is None:
            yield not_evaluated(path, "it is tracked and names a key format, but is too large or in conflict")
        elif what:
            yield _failed_in_git(ctx, tree, path, what)
    if not found:
        yield passed("git index", "no private key of this store is tracked")


def _ours(data: bytes, signers: Callable[[], frozenset[bytes]]) -> str:
    """Say what key `data` holds; of other Ed25519 keys only those that sign for this store count."""
    return key_in(data, signers=()) or (key_in(data, signers=signers()) if b"PRIVATE KEY" in data else "")


def _signers(ctx: Context) -> frozenset[bytes]:
    """Return the public keys that sign for this store: beside its private ones, and in its sealed files."""
    found: set[bytes] = set()
    for view in ctx.every_tenant():
        try:
            found.add(view.envelope.writer)
        except NoEvidence:
            continue  # SEC-001 says why
    try:
        with open_root(os.path.join(ctx.target.root, "keys", "signing")) as directory:
            for name in directory.names():
                if name.endswith(".pub"):
                    text = directory.read(name, limit=_PEM_MAX, private=False) or b""
                    found.add(public_from_pem(text, name=name))
    except SealproofError:
        return frozenset(found)  # no keys here, or not readable: the files' own signers remain
    return frozenset(found)


def _failed_in_git(ctx: Context, tree: str, path: str, what: str) -> Finding:
    """Untrack first; a key in its own place may stay there, any other goes out of the tree."""
    shown = os.path.relpath(os.path.join(tree, path), os.path.realpath(ctx.target.root))
    fix = shlex.join(("git", "-C", os.path.relpath(tree), "rm", "--cached", "--quiet", "--", path))
    in_place = shown.startswith("keys/") and ctx.keys_beside_store == "allowed"
    if os.path.lexists(os.path.join(tree, path)) and not in_place:
        fix = f"{fix} && {_move(ctx, shown)}"
    resource = path if shown.startswith(os.pardir) else shown
    return _failed(ctx, resource, f"git tracks {what}: every clone holds it", fix)


def _failed(ctx: Context, shown: str, observed: str, fix: str = "") -> Finding:
    fix = fix or _move(ctx, shown)
    if not _may_show(ctx, shown):
        shown, fix = "another tenant's directory", command(ctx, "check", "--suite", "security")
    return failed(shown, observed, expected=_APART, fix=fix)


def _may_show(ctx: Context, shown: str) -> bool:
    """Tell whether a run narrowed to some tenants may name this path."""
    parts = shown.split(os.sep)
    return parts[0] != "tenants" or len(parts) < 3 or may_name(ctx.target, parts[1])  # noqa: PLR2004 - tenants/NAME/FILE


def _move(ctx: Context, shown: str) -> str:
    """Return the command that takes a path out of the store, under a name of its own so that nothing is overwritten."""
    path = os.path.normpath(os.path.join(ctx.target.root, shown))
    name = shown.replace(os.pardir + os.sep, "").replace(os.sep, "-").lstrip(".-")
    return f"mkdir -p -m 700 {_HOME} && mv -n {shlex.quote(path)} {_HOME}/{shlex.quote(name)}"
