"""SEC-006: key files are private.

Looks at mode, owner, kind, links and access lists of `keys/`, of everything in it, and of the file
that SEALPROOF_KEY_FILE names, without following a link and without opening a file.
"""

from __future__ import annotations

import os
import shlex
import stat
from typing import TYPE_CHECKING

from sealproof.checks.fixes import command
from sealproof.checks.holdings import may_name
from sealproof.checks.registry import check
from sealproof.checks.security._access_list import grants_others
from sealproof.findings import Finding, failed, not_applicable, not_evaluated, passed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealproof.checks.context import Context

_EXPECTED_FILE = "a regular file of this user, mode 0600 or tighter, one name, no access list"
_EXPECTED_DIRECTORY = "a directory of this user, mode 0700 or tighter, no access list"


@check("SEC-006")
def private_key_files(ctx: Context) -> Iterator[Finding]:
    """Yield one finding for each path that is not private, and one for all that are."""
    named = os.environ.get("SEALPROOF_KEY_FILE", "")
    present = os.path.lexists(os.path.join(ctx.target.root, "keys"))
    if not present and not named:
        reason = "the store has no keys/ and SEALPROOF_KEY_FILE is not set: there is no key file here"
        yield not_applicable("keys/", reason)
        return
    private = 0
    for path, shown in (*_below_keys(ctx), *([(named, "SEALPROOF_KEY_FILE")] if named else [])):
        finding = _judge(ctx, path, shown)
        private += finding is None
        if finding is not None:
            yield finding
    if named:
        yield from _parent(named)
    if private:
        yield passed("keys/" if present else "SEALPROOF_KEY_FILE", f"{private} files and directories are private")


def _below_keys(ctx: Context) -> Iterator[tuple[str, str]]:
    """Yield `keys/` and each path in it, with the way it is shown."""
    keys = os.path.join(ctx.target.root, "keys")
    if os.path.lexists(keys):
        yield keys, "keys/"
    if os.path.islink(keys):
        return
    for directory, below, files in os.walk(keys):  # a directory that cannot be listed is told by its own finding
        below.sort()
        for name in sorted((*below, *files)):
            path = os.path.join(directory, name)
            yield path, os.path.relpath(path, ctx.target.root)


def _judge(ctx: Context, path: str, shown: str) -> Finding | None:
    """Return what is not private about one path, or None."""
    try:
        status = os.lstat(path)
        is_directory = stat.S_ISDIR(status.st_mode)
        listed = not stat.S_ISLNK(status.st_mode) and grants_others(path, directory=is_directory)
        problems = _problems(status, access_list=listed)
        if is_directory and not problems:
            os.listdir(path)
    except OSError as exc:
        fix = f"ls -la {shlex.quote(os.path.dirname(path) or '.')}"
        return not_evaluated(shown, f"cannot be looked at: {(exc.strerror or 'input/output error').lower()}", fix=fix)
    if not problems:
        return None
    fix = _fix(path, status, access_list=listed)
    if not _may_show(ctx, shown):
        shown, fix = "another tenant's key file", command(ctx, "check", "--suite", "security")
    expected = _EXPECTED_DIRECTORY if is_directory else _EXPECTED_FILE
    return failed(shown, ", ".join(problems), expected=expected, fix=fix)


def _may_show(ctx: Context, shown: str) -> bool:
    """Tell whether a run narrowed to some tenants may name this path."""
    directory, name = os.path.split(shown)
    return directory != "keys/tenant_keys" or may_name(ctx.target, name.removesuffix(".key"))


def _problems(status: os.stat_result, *, access_list: bool) -> list[str]:
    kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
    if kind == stat.S_IFLNK:
        return ["is a symbolic link"]
    if kind not in (stat.S_IFREG, stat.S_IFDIR):
        return ["is no regular file"]
    problems = [f"mode {mode:04o}"] if mode & _forbidden(status) else []
    if status.st_uid != os.geteuid():
        problems.append(f"belongs to another user (uid {status.st_uid})")
    if kind == stat.S_IFREG and status.st_nlink > 1:
        problems.append(f"has {status.st_nlink} hard links (find the others: find / -xdev -inum {status.st_ino})")
    if access_list:
        problems.append("has an access list that names others")
    return problems


def _forbidden(status: os.stat_result) -> int:
    """Return the mode bits that may not be set. A directory's set-group bit grants nobody anything."""
    return 0o077 if stat.S_ISDIR(status.st_mode) else 0o7177


def _fix(path: str, status: os.stat_result, *, access_list: bool) -> str:
    """Return the commands that make the path private, in an order that never widens access."""
    place, is_directory = shlex.quote(path), stat.S_ISDIR(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return _unlink(path)
    if not is_directory and not stat.S_ISREG(status.st_mode):
        return f"rm {place} (then restore the file from the backup of keys/)"
    own = f"{'sudo ' if os.geteuid() else ''}chown {os.geteuid()} {place}"  # only root can take a file over
    steps = [own] if status.st_uid != os.geteuid() else []
    if is_directory and access_list:
        steps.append(f"setfacl -b -k {place}")
    elif access_list or (not is_directory and status.st_nlink > 1):
        # A copy has one name and no access list of its own; the old file goes with the rename.
        steps.append(f"install -m 600 {place} {shlex.quote(f'{path}.new')} && mv {shlex.quote(f'{path}.new')} {place}")
    if status.st_mode & _forbidden(status) or access_list:
        steps.append(f"chmod {'700' if is_directory else '600'} {place}")
    return " && ".join(steps)


def _unlink(path: str) -> str:
    """Return the commands that put what a link points to in its place."""
    aim = os.path.realpath(path)
    if not os.path.exists(aim):
        return f"rm {shlex.quote(path)} (it points nowhere; restore the file from the backup of keys/)"
    mode = "700" if os.path.isdir(aim) else "600"
    return f"rm {shlex.quote(path)} && mv {shlex.quote(aim)} {shlex.quote(path)} && chmod {mode} {shlex.quote(path)}"


def _parent(named: str) -> Iterator[Finding]:
    """A key file may be swapped by whoever may write its directory."""
    directory = os.path.dirname(named) or "."
    if not os.path.isdir(directory):
        return  # the file's own finding says that it is not there
    mode = stat.S_IMODE(os.stat(directory).st_mode)
    if mode & 0o022 and not mode & stat.S_ISVTX:
        yield failed(
            "directory of SEALPROOF_KEY_FILE",
            f"mode {mode:04o}: others may put another file in the key's place",
            expected="a directory that only its owner may write",
            fix=f"chmod go-w {shlex.quote(directory)}",
        )
